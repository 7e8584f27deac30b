// Words for a result: trust in the answer, reason, advice, and attempts that time cut off. The terminal has the same.
import { counted } from "./dom.js";

export const DEMO_MODEL = "demo";
export const DEMO = "Demo: scripted answers, many of them wrong. No model is running.";
export const UNMEASURED = "This confidence was never measured.";
const COMPLETE = "Those votes were complete, so this figure is less exact.";
const ADVICE = "No attempt had a result. Rephrase the problem with one clear question, or use a larger model.";
const NO_RESULT = "No attempt had a result.";
const ADVICE_IN_TIME = "No attempt had a result in time. Give it more time, or ask for fewer attempts.";
const MAX_NUMBERS = 5;
const LATER_S = [60, 120, 300, 600, 1200, 3600];

/** Number of votes of each answer, as [answer, votes]. */
export const countsOf = ({ votes }) => votes.map(({ answer, cot, pot }) => [answer, cot + pot]);

/** Number of all counted votes. */
export const totalOf = (data) => countsOf(data).reduce((total, [, count]) => total + count, 0);

/** Answers to show at one size: two if the vote is torn, otherwise at most one. */
export function answersOf(data) {
  if (data.verdict === "torn") return data.votes.slice(0, 2).map((vote) => vote.answer);
  return data.answer === null ? [] : [data.answer];
}

/** Trust in the answer in a few words. */
export function wordsOf(data) {
  if (data.verdict === "torn") return `Torn: ${answersOf(data).join(" or ")}?`;
  return { likely: "Likely right", unsure: "Unsure: check it", agreed: "The attempts agree", none: "No answer" }[data.verdict];
}

/** Reason of the words, in one or two sentences. */
export function reasonOf(data) {
  if (data.verdict === "none") return data.status === "deadline" ? ADVICE_IN_TIME : data.warning ? NO_RESULT : ADVICE;
  if (data.verdict === "torn") return tornReason(countsOf(data), totalOf(data));
  const [[, leading]] = countsOf(data);
  const agreement = `${leading} of ${counted(totalOf(data), "attempt")} agree.`;
  if (data.verdict === "agreed") return `${agreement} ${UNMEASURED}`;
  if (!data.calibrated) return UNMEASURED;
  const share = measured(data.confidence);
  return data.status === "deadline" ? `${share} ${COMPLETE}` : share;
}

/** Share of right answers with such a vote, in a sentence. */
export function measured(confidence) {
  return `${Math.round(100 * confidence)} of 100 answers with such a vote were right on problems that the model had not seen.`;
}

/** Numbers that no program behind the answer uses, in a sentence. Empty if there are none. */
export function leftOutText(numbers) {
  if (!numbers.length) return "";
  const named = numbers.length > MAX_NUMBERS ? [...numbers.slice(0, MAX_NUMBERS), "others"] : numbers;
  const first = named.slice(0, -1).join(", ");
  return `No program behind this answer uses ${first}${first && " or "}${named.at(-1)}.`;
}

/** Attempts that the deadline cut off, in a sentence. Empty if time did not run out. */
export function lateText({ status, paths, timing }, deadlineS) {
  if (status !== "deadline") return "";
  const { planned, voted, abstained } = paths;
  const cut = planned - voted - abstained;
  const afterS = Math.min(timing.total_s, deadlineS ?? timing.total_s);
  return `Time ran out after ${seconds(afterS)}: ${counted(cut, "attempt")} ${cut === 1 ? "was" : "were"} cut off.`;
}

/** Next longer time limit in seconds, or undefined at the limit of the service. */
export const longerDeadlineS = (deadlineS) => LATER_S.find((later) => later >= 1.5 * deadlineS) ?? (deadlineS < 3600 ? 3600 : undefined);

/** Label of a button that gives this time. */
export function longerText(deadlineS) {
  const minutes = deadlineS / 60;
  return `Give it ${minutes === 1 ? "a minute" : `${minutes} minutes`}`;
}

/** Duration: "1.6 s", "30 s". */
function seconds(value) {
  if (value < 0.05) return "under 0.1\u00a0s";
  return `${value >= 9.95 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)}\u00a0s`;
}

function tornReason(counts, total) {
  const [[first, most], [second, less]] = counts;
  const others = counts.length > 2 ? `, and ${total - most - less} for other answers` : "";
  return `Of ${counted(total, "vote")}, ${most} ${most === 1 ? "is" : "are"} for ${first} and ${less} for ${second}${others}.`;
}
