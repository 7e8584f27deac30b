// The vote bars: one for each answer, racing; and the ring of confidence.
import { by, make } from "./dom.js";

const SHOWN = 5;

/** The bars of one problem. */
export class Votes {
  constructor(planned) {
    this.rows = new Map();
    this.scale = Math.max(3, planned / 4);
    by("votes").replaceChildren();
    confidence(0);
  }

  /** The count changed; the winner comes first. */
  update({ votes, confidence: share }) {
    const list = by("votes");
    const before = new Map([...this.rows].map(([answer, row]) => [answer, row.getBoundingClientRect().top]));
    const most = Math.max(this.scale, ...votes.map((vote) => vote.cot + vote.pot));
    const shown = votes.slice(0, SHOWN);
    for (const vote of shown) {
      if (!this.rows.has(vote.answer)) this.rows.set(vote.answer, rowOf(vote.answer));
      const row = this.rows.get(vote.answer);
      list.append(row); // in the order of the count
      row.querySelector(".sum").textContent = vote.cot + vote.pot;
      row.querySelector(".said").textContent = `${vote.cot} by reasoning, ${vote.pot} by program`;
      requestAnimationFrame(() => {
        for (const kind of ["cot", "pot"]) row.querySelector(`i.${kind}`).style.width = `${(100 * vote[kind]) / most}%`;
      });
    }
    for (const [answer, row] of this.rows) {
      if (!shown.some((vote) => vote.answer === answer)) {
        row.remove();
        this.rows.delete(answer);
      } else if (before.has(answer)) glide(row, before.get(answer));
    }
    confidence(share);
  }
}

/** Fill the ring; below one half it is grey. */
export function confidence(share) {
  const percent = Math.round(100 * share);
  by("percent").textContent = percent;
  by("ring").setAttribute("aria-valuenow", percent);
  by("ring").classList.toggle("empty", percent === 0);
  by("ring").classList.toggle("unsure", percent < 50);
  by("ring").querySelector(".fill").style.strokeDasharray = `${percent} 100`;
}

function rowOf(answer) {
  const bar = make("span", "bar", make("i", "cot"), make("i", "pot"));
  bar.setAttribute("aria-hidden", "true");
  const name = make("span", "name", answer);
  name.title = answer;
  return make("li", "", name, bar, make("span", "sum"), make("span", "said hidden"));
}

function glide(row, from) {
  const moved = from - row.getBoundingClientRect().top;
  if (!moved || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  row.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], { duration: 400, easing: "cubic-bezier(.2,.8,.2,1)" });
}
