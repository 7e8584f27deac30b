// Colours Python: keywords, numbers, strings, comments. For short programs; it is no parser.
import { make } from "./dom.js";

const TOKEN =
  /(?<comment>#.*)|(?<string>"""[^]*?"""|'''[^]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?<number>\b\d[\d_]*\.?\d*(?:e[+-]?\d+)?)|(?<keyword>\b(?:and|as|assert|break|class|continue|def|del|elif|else|except|finally|for|from|if|import|in|is|lambda|not|or|pass|print|raise|return|try|while|with|yield|True|False|None)\b)/g;

/** A `pre` of the program. */
export function highlight(program) {
  const pre = make("pre");
  pre.tabIndex = 0; // it scrolls, so it must be reachable
  pre.setAttribute("aria-label", "Program");
  pre.setAttribute("role", "group");
  let place = 0;
  for (const match of program.matchAll(TOKEN)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    pre.append(program.slice(place, match.index), make("span", kind, match[0]));
    place = match.index + match[0].length;
  }
  pre.append(program.slice(place));
  return pre;
}
