// The result of one problem: waiting line, leader, answer with its verdict, and the parts below.
import { showAttempts } from "./attempts.js";
import { hideCheck, setUpCheck } from "./check.js";
import { showDetails } from "./details.js";
import { byId, counted, icon, make } from "./dom.js";
import { Explanations } from "./explanation.js";
import { SAMPLES } from "./samples.js";
import { answersOf, lateText, longerDeadlineS, longerText, reasonOf, wordsOf } from "./verdict.js";
import { Votes } from "./votes.js";

const TICK_MS = 200;
const LONG_ANSWER = 12;

/** View of one problem. */
export class Result {
  constructor(request) {
    this.request = request;
    this.planned = request.paths.cot + request.paths.pot;
    this.paths = [];
    this.leaders = [];
    this.votes = new Votes();
    this.explanations = new Explanations();
    hideCheck();
    for (const id of ["late", "cut", "again", "known", "attempts", "details", "body", "answer"]) byId(id).hidden = true;
    for (const id of ["attempts", "details"]) byId(id).open = false;
    byId("result").hidden = false;
    byId("printed").textContent = request.problem;
    this.setState("waiting", "Thinking…", "");
  }

  /** Show the line that moves until the problem ends. */
  startClock() {
    this.startedMs = performance.now();
    byId("result").setAttribute("aria-busy", "true");
    byId("progress").hidden = byId("stop").hidden = false;
    this.clock = setInterval(() => this.showProgress(), TICK_MS);
    this.showProgress();
  }

  /** Stop the line that moves. */
  stopClock() {
    clearInterval(this.clock);
    byId("result").removeAttribute("aria-busy");
    byId("progress").hidden = byId("stop").hidden = true;
  }

  /** Show an attempt that ended. */
  showPath(path) {
    if (path.outcome === "aborted") return;
    this.paths.push(path);
    this.explanations.showLatest(path);
    this.showProgress();
  }

  /** Show new counts of the vote. */
  showVote(data) {
    this.leaders = data.votes;
    this.votes.update(data);
    if (data.votes.length) this.showAnswers([data.votes[0].answer]);
    if (data.votes.length) this.setState("waiting", "In front so far", byId("reason").textContent);
  }

  /** Show the answer and everything about it. */
  showFinal(data) {
    this.data = data;
    this.votes.update(data);
    this.setState(data.verdict, wordsOf(data), reasonOf(data));
    this.showAnswers(answersOf(data));
    this.showLate(data);
    byId("cut").hidden = !data.warning;
    byId("cut-text").textContent = data.warning ?? "";
    byId("again").hidden = data.verdict !== "none" || data.status === "deadline";
    this.showKnown(data);
    this.explanations.showBest(data);
    showAttempts({
      paths: data.trace,
      votes: data.votes,
      planned: this.planned,
      unfinished: data.status === "deadline" ? "cut off" : "not needed, because the vote was decided",
      best: [data.explanation.cot?.path, data.explanation.program?.path],
    });
    byId("attempts").open = data.verdict === "torn" || data.verdict === "none";
    showDetails(data);
    setUpCheck(this.request, data);
  }

  /** Show that the problem ended without an answer. What came in before stays. */
  showHalf(words) {
    byId("result").hidden = this.paths.length === 0 && words !== "Stopped";
    this.setState("half", words, `${counted(this.paths.length, "attempt")} of ${this.planned} came in.`);
    showAttempts({ paths: this.paths, votes: [], planned: this.planned, unfinished: "stopped" });
  }

  showProgress() {
    const elapsedS = (performance.now() - this.startedMs) / 1000;
    byId("reason").textContent = `${this.paths.length} of ${counted(this.planned, "attempt")} in, ${elapsedS.toFixed(1)}\u00a0s`;
    byId("progress").firstElementChild.style.width = `${(100 * this.paths.length) / this.planned}%`;
  }

  setState(name, words, reason) {
    byId("verdict").dataset.state = name;
    byId("symbol").replaceChildren(icon(name));
    byId("state").textContent = words;
    byId("reason").textContent = reason;
  }

  showAnswers(answers) {
    const values = answers.map((answer) => make("span", "value", answer));
    const long = answers.some((answer) => answer.length > LONG_ANSWER);
    byId("answer").classList.toggle("long", long);
    byId("answer").replaceChildren(...values.flatMap((value, index) => (index ? [make("span", "or", "or"), value] : [value])));
    byId("answer").hidden = byId("body").hidden = answers.length === 0;
  }

  showLate(data) {
    const text = lateText(data, this.request.deadline_s);
    const laterS = longerDeadlineS(this.request.deadline_s ?? data.timing.total_s);
    byId("late").hidden = !text;
    byId("late-text").textContent = text;
    byId("longer").hidden = laterS === undefined;
    byId("longer").textContent = laterS ? longerText(laterS) : "";
    byId("longer").dataset.deadlineS = laterS ?? "";
  }

  showKnown({ verdict }) {
    const sample = SAMPLES.find(({ problem }) => problem === this.request.problem);
    byId("known").hidden = !sample || verdict === "none";
    byId("known").textContent = sample ? `The right answer of this sample is ${sample.answer}.` : "";
  }
}
