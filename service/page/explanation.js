// The best explanation and the best program, side by side under the answer.
import { byId, make } from "./dom.js";
import { contentOf } from "./attempts.js";
import { highlight } from "./highlight.js";
import { leftOutText } from "./verdict.js";

const REPLACE_MS = 700;

/** Texts of the two columns of one problem. */
export class Explanations {
  constructor() {
    this.shownAtMs = {};
    byId("explanations").hidden = true;
    for (const kind of ["cot", "pot"]) this.show(kind, "", make("p", "text empty", "No attempt has ended yet."));
  }

  /** Show the newest attempt of a kind, but not more often than a reader can follow. */
  showLatest(path) {
    const nowMs = performance.now();
    if (path.outcome === "aborted" || nowMs - (this.shownAtMs[path.kind] ?? -REPLACE_MS) < REPLACE_MS) return;
    this.shownAtMs[path.kind] = nowMs;
    byId("explanations").hidden = false;
    const result = path.kind === "pot" && path.answer !== null ? [outputOf(path.answer)] : [];
    this.show(path.kind, "latest attempt", contentOf(path), ...result);
  }

  /** Show the explanation of the answer. */
  showBest({ verdict, explanation, votes }) {
    const isEmpty = !explanation.cot && !explanation.program;
    byId("explanations").hidden = isEmpty;
    if (isEmpty) return;
    const { cot, program } = explanation;
    const purpose = verdict === "torn" ? `for ${votes[0].answer}` : "";
    const missing = (noun) => make("p", "text empty", `No ${noun} gave ${votes[0].answer}.`);
    const repaired = cot?.repaired ? [make("p", "note", "The calculator corrected a number.")] : [];
    this.show("cot", purpose, ...(cot ? [make("p", "text", cot.text.trim()), ...repaired] : [missing("explanation")]));
    const unused = leftOutText(explanation.left_out ?? []);
    const note = unused ? [make("p", "note", unused)] : [];
    const code = program ? [highlight(program.code), outputOf(program.output)] : [missing("program")];
    this.show("pot", purpose, ...code, ...note);
  }

  show(kind, note, ...content) {
    byId(`${kind}-note`).textContent = note;
    byId(kind).replaceChildren(...content);
  }
}

const outputOf = (answer) => make("p", "output", `→ ${answer}`);
