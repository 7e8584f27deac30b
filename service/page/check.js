// "Check an answer": a response to the problem against the vote, or against a right answer that the user gives.
import { byId, icon, make } from "./dom.js";
import { requestKey } from "./key.js";
import { KeyError, errorText, grade } from "./stream.js";
import { DEMO, DEMO_MODEL, UNMEASURED, measured } from "./verdict.js";

const WORDS = { correct: "Correct", incorrect: "Incorrect", undecided: "Undecided" };
let shown = null;
let latest = null; // body of the check whose grade the form shows or waits for

/** Make the form check answers to this problem. */
export function setUpCheck(request, data) {
  shown = { request, data };
  forget();
  byId("check").reset();
  byId("check").hidden = false;
}

/** Hide the form while a problem runs. */
export function hideCheck() {
  shown = null;
  forget();
  byId("check").hidden = true;
}

/** Check the response when the user submits the form. A change of its fields removes the grade. */
export function addCheckListeners() {
  byId("check").addEventListener("input", forget);
  byId("check").addEventListener("submit", (event) => {
    event.preventDefault();
    check();
  });
}

/** Remove the grade, and ignore one that is still to come. */
function forget() {
  latest = null;
  byId("grade").hidden = true;
  byId("check-button").disabled = false;
}

async function check() {
  const { request, data } = shown;
  const response = byId("response").value.trim();
  const expected = byId("expected").value.trim();
  const body = (latest = gradeRequest(request, data, response, expected));
  const isCurrent = () => latest === body;
  byId("check-button").disabled = true;
  try {
    const graded = await grade(body);
    if (isCurrent()) showGrade(graded, expected ? null : data);
  } catch (error) {
    if (isCurrent()) showFailure(error);
    if (error instanceof KeyError && (await requestKey()) && isCurrent()) await check();
  } finally {
    if (isCurrent()) byId("check-button").disabled = false;
  }
}

/** Body of POST /grade. A trusted vote is not taken again: its answer is the expected one. */
function gradeRequest({ problem, ...options }, { verdict, answer, seed }, response, expected) {
  const isTrusted = verdict === "likely" || verdict === "agreed";
  if (expected || isTrusted) return { problem, response, expected: expected || answer };
  return { problem, response, ...options, seed };
}

function showGrade(graded, vote) {
  const isMeasured = !vote || vote.verdict === "likely";
  show(
    graded.verdict,
    isMeasured ? "sure" : "agreed",
    make("p", "word", icon(graded.verdict), WORDS[graded.verdict]),
    make("p", "", givenText(graded), basisText(graded, vote)),
    ...(graded.steps.length ? [make("ol", "steps", ...graded.steps.map(stepOf))] : []),
  );
}

const givenText = ({ given }) => (given === null ? "" : `The response states ${given}. `);

function basisText({ verdict, answer, reason }, vote) {
  if (verdict === "undecided") return reason ?? "The vote cannot decide. Enter the right answer to compare with it.";
  if (!vote) return `You gave ${answer} as the right answer.`;
  return `The voted answer is ${answer}. ${trustIn(vote)}`;
}

function trustIn({ model, calibrated, confidence }) {
  if (model === DEMO_MODEL) return DEMO;
  return calibrated ? measured(confidence) : UNMEASURED;
}

function stepOf({ text, holds, should_be: right }) {
  const step = make("li", holds ? "holds" : "fails", icon(holds ? "correct" : "incorrect"), make("span", "", text));
  if (!holds) step.append(make("span", "right", right === null ? "does not hold" : `should be ${right}`));
  else step.append(make("span", "hidden", "holds"));
  return step;
}

function showFailure(error) {
  show("undecided", "", make("p", "", errorText(error)));
  console.info(error);
}

function show(verdict, basis, ...content) {
  const box = byId("grade");
  box.dataset.verdict = verdict;
  box.dataset.basis = basis;
  box.replaceChildren(...content);
  box.hidden = false;
}
