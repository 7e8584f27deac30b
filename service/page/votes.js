// Vote bars with one bar for each answer. A full bar is all counted votes, and each cell is one vote.
import { byId, counted, make } from "./dom.js";
import { countsOf, totalOf } from "./verdict.js";

const MAX_BARS = 5;
const MAX_CELLS = 40;

/** Vote bars of one problem. */
export class Votes {
  constructor() {
    this.rows = new Map();
    byId("votes").replaceChildren();
    byId("more-answers").hidden = byId("race").hidden = true;
  }

  /** Show new counts. The leader comes first. */
  update(data) {
    const list = byId("votes");
    const total = totalOf(data);
    const topsBefore = new Map([...this.rows].map(([answer, row]) => [answer, row.getBoundingClientRect().top]));
    const shown = data.votes.slice(0, MAX_BARS);
    byId("race").hidden = total === 0;
    for (const vote of shown) {
      if (!this.rows.has(vote.answer)) this.rows.set(vote.answer, rowOf(vote.answer));
      const row = this.rows.get(vote.answer);
      list.append(row); // keeps the bars in the order of the counts
      showCounts(row, vote, total);
    }
    for (const [answer, row] of this.rows) {
      if (!shown.some((vote) => vote.answer === answer)) {
        row.remove();
        this.rows.delete(answer);
      } else if (topsBefore.has(answer)) animateMove(row, topsBefore.get(answer));
    }
    this.showOthers(countsOf(data).slice(MAX_BARS));
  }

  /** Show the number of answers without a bar. */
  showOthers(others) {
    const votes = others.reduce((total, [, count]) => total + count, 0);
    byId("more-answers").hidden = votes === 0;
    byId("more-answers").textContent = `${counted(others.length, "other answer")} with ${counted(votes, "vote")}`;
  }
}

function showCounts(row, vote, total) {
  const count = vote.cot + vote.pot;
  const percent = Math.round((100 * count) / total);
  row.querySelector(".sum").replaceChildren(make("b", "", `${count}`), ` of ${total}`);
  row.querySelector(".spoken").textContent =
    `votes, ${percent} percent: ${counted(vote.cot, "explanation")} and ${counted(vote.pot, "program")}`;
  row.title = `${percent} %: ${counted(vote.cot, "explanation")}, ${counted(vote.pot, "program")}`;
  const bar = row.querySelector(".bar");
  bar.classList.toggle("cells", total <= MAX_CELLS);
  bar.style.setProperty("--cell", `${100 / total}%`);
  requestAnimationFrame(() => {
    for (const kind of ["cot", "pot"]) bar.querySelector(`.${kind}`).style.width = `${(100 * vote[kind]) / total}%`;
  });
}

function rowOf(answer) {
  const bar = make("span", "bar", make("i", "cot"), make("i", "pot"));
  bar.setAttribute("aria-hidden", "true");
  return make("li", "", make("span", "name", answer), bar, make("span", "sum"), make("span", "spoken hidden"));
}

function animateMove(row, topBefore) {
  const distance = topBefore - row.getBoundingClientRect().top;
  if (!distance || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  row.animate([{ transform: `translateY(${distance}px)` }, { transform: "none" }], { duration: 400, easing: "cubic-bezier(.2,.8,.2,1)" });
}
