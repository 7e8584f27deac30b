// Vote bars with one bar for each answer, and the confidence ring.
import { byId, make } from "./dom.js";

const MAX_BARS = 5;

/** Vote bars of one problem. */
export class Votes {
  constructor(planned) {
    this.rows = new Map();
    this.scale = Math.max(3, planned / 4);
    byId("votes").replaceChildren();
    showConfidence(0);
  }

  /** Show new counts. The leader comes first. */
  update({ votes, confidence }) {
    const list = byId("votes");
    const topsBefore = new Map([...this.rows].map(([answer, row]) => [answer, row.getBoundingClientRect().top]));
    const most = Math.max(this.scale, ...votes.map((vote) => vote.cot + vote.pot));
    const shown = votes.slice(0, MAX_BARS);
    for (const vote of shown) {
      if (!this.rows.has(vote.answer)) this.rows.set(vote.answer, rowOf(vote.answer));
      const row = this.rows.get(vote.answer);
      list.append(row); // keeps the bars in the order of the counts
      row.querySelector(".sum").textContent = vote.cot + vote.pot;
      row.querySelector(".said").textContent = `${vote.cot} from reasoning, ${vote.pot} from programs`;
      requestAnimationFrame(() => {
        for (const kind of ["cot", "pot"]) row.querySelector(`i.${kind}`).style.width = `${(100 * vote[kind]) / most}%`;
      });
    }
    for (const [answer, row] of this.rows) {
      if (!shown.some((vote) => vote.answer === answer)) {
        row.remove();
        this.rows.delete(answer);
      } else if (topsBefore.has(answer)) animateMove(row, topsBefore.get(answer));
    }
    showConfidence(confidence);
  }
}

/** Show a confidence from 0 to 1 in the ring. The ring is grey below one half. */
export function showConfidence(confidence) {
  const percent = Math.round(100 * confidence);
  byId("percent").textContent = percent;
  byId("ring").setAttribute("aria-valuenow", percent);
  byId("ring").classList.toggle("empty", percent === 0);
  byId("ring").classList.toggle("unsure", percent < 50);
  byId("ring").querySelector(".fill").style.strokeDasharray = `${percent} 100`;
}

function rowOf(answer) {
  const bar = make("span", "bar", make("i", "cot"), make("i", "pot"));
  bar.setAttribute("aria-hidden", "true");
  const name = make("span", "name", answer);
  name.title = answer;
  return make("li", "", name, bar, make("span", "sum"), make("span", "said hidden"));
}

function animateMove(row, topBefore) {
  const distance = topBefore - row.getBoundingClientRect().top;
  if (!distance || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  row.animate([{ transform: `translateY(${distance}px)` }, { transform: "none" }], { duration: 400, easing: "cubic-bezier(.2,.8,.2,1)" });
}
