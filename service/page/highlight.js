// Syntax highlighting of short Python programs: keywords, numbers, strings and comments. It does not parse them.
import { make } from "./dom.js";

const TOKEN =
  /(?<comment>#.*)|(?<string>"""[^]*?"""|'''[^]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?<number>\b\d[\d_]*\.?\d*(?:e[+-]?\d+)?)|(?<keyword>\b(?:and|as|assert|break|class|continue|def|del|elif|else|except|finally|for|from|if|import|in|is|lambda|not|or|pass|print|raise|return|try|while|with|yield|True|False|None)\b)/g;

/** `pre` element with the highlighted program. */
export function highlight(program) {
  const pre = make("pre");
  pre.tabIndex = 0; // keyboard users must reach it to scroll
  pre.setAttribute("aria-label", "Program");
  pre.setAttribute("role", "group");
  let end = 0;
  for (const match of program.matchAll(TOKEN)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    pre.append(program.slice(end, match.index), make("span", kind, match[0]));
    end = match.index + match[0].length;
  }
  pre.append(program.slice(end));
  return pre;
}
