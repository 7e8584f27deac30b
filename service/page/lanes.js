// Two lanes with one slot for each planned path. A slot shows its path when the path ends.
import { byId, make } from "./dom.js";
import { highlight } from "./highlight.js";

const OUTCOME_LABELS = {
  unparsed: "no answer",
  error: "raised an error",
  timeout: "timed out",
  memory: "out of memory",
  output: "too much output",
  denied: "refused",
  crashed: "crashed",
  aborted: "not needed",
};

/** Lanes of one problem. */
export class Lanes {
  constructor({ cot, pot }) {
    this.ended = { cot: 0, pot: 0 };
    this.planned = { cot, pot };
    this.slots = new Map();
    const pairs = Math.min(cot, pot);
    for (const kind of ["cot", "pot"]) byId(kind).replaceChildren();
    for (let index = 0; index < cot + pot; index += 1) {
      const kind = index < 2 * pairs ? ["cot", "pot"][index % 2] : cot > pot ? "cot" : "pot";
      const slot = make("li", "", make("div", "waiting"));
      slot.firstChild.setAttribute("aria-hidden", "true");
      this.slots.set(index, slot);
      byId(kind).append(slot);
    }
    for (const kind of ["cot", "pot"]) this.updateCount(kind);
  }

  /** Show a path that ended. */
  showPath(path) {
    const card = cardOf(path);
    this.slots.get(path.index).replaceChildren(card);
    if (path.outcome !== "aborted") this.ended[path.kind] += 1;
    this.updateCount(path.kind);
  }

  /** Show the final state: paths behind the answer, paths that were not counted, and unused slots. */
  showFinal(answer) {
    for (const path of answer.trace ?? []) {
      const card = this.slots.get(path.index).querySelector("details");
      if (!card) continue;
      const isWinner = path.vote !== null && path.vote === answer.answer;
      card.classList.toggle("winner", isWinner);
      if (path.outcome !== "aborted" && !path.counted) {
        card.classList.add("spare");
        card.querySelector(".body").append(make("p", "note", "This path ended after the vote was decided. It was not counted."));
      }
    }
    const opened = ["cot", "pot"].map((kind) => (answer.trace ?? []).filter((path) => path.kind === kind && path.vote !== null && path.vote === answer.answer)
      .sort((a, b) => a.repaired - b.repaired || a.index - b.index)[0]);
    for (const path of opened) if (path) this.slots.get(path.index).querySelector("details").open = true;
    this.showUnused("not needed");
  }

  /** Replace unused slots with one note for each lane. */
  showUnused(reason) {
    for (const slot of this.slots.values()) {
      if (slot.querySelector(".waiting")) slot.remove();
    }
    for (const kind of ["cot", "pot"]) {
      const aborted = [...byId(kind).querySelectorAll(".idle")];
      const unused = this.planned[kind] - this.ended[kind];
      if (unused > 0) {
        const [first, ...rest] = aborted.length ? aborted.map((card) => card.parentElement) : [byId(kind).appendChild(make("li"))];
        rest.forEach((slot) => slot.remove());
        byId(kind).append(first);
        first.replaceChildren(make("p", "spare-note", `${unused} ${unused === 1 ? "path" : "paths"} ${reason}`));
      }
    }
  }

  updateCount(kind) {
    byId(`${kind}-count`).textContent = `${this.ended[kind]} of ${this.planned[kind]}`;
  }
}

function cardOf(path) {
  const voted = path.outcome === "voted";
  const card = make("details", `path ended ${voted ? "voted" : path.outcome === "aborted" ? "idle" : "failed"}`);
  const chip = make("span", "chip", voted ? path.answer : OUTCOME_LABELS[path.outcome]);
  const cost = `${path.tokens} tok`;
  card.append(make("summary", "", chip, make("span", "gist", previewOf(path)), make("span", "cost", cost)), bodyOf(path));
  card.querySelector("summary").title = `Path ${path.index}, ${path.seconds.toFixed(2)} s`;
  return card;
}

function previewOf(path) {
  if (path.outcome !== "voted" && path.detail) return path.detail;
  return (path.program ?? path.text).trim().split("\n").join(path.program ? "; " : " ");
}

function bodyOf(path) {
  const body = make("div", "body");
  if (path.program) {
    body.append(highlight(path.program));
    body.append(
      path.outcome === "voted"
        ? make("p", "outcome ok", `→ ${path.answer}`)
        : make("p", `outcome ${path.outcome === "aborted" ? "" : "refused"}`, `✕ ${OUTCOME_LABELS[path.outcome]}${path.detail ? `: ${path.detail}` : ""}`),
    );
  } else {
    body.append(make("p", "text", path.text.trim() || "This path has no text."));
    if (path.outcome !== "voted" && path.detail) body.append(make("p", "outcome refused", `✕ ${path.detail}`));
  }
  if (path.repaired) body.append(make("p", "note", "The calculator corrected a number."));
  return body;
}
