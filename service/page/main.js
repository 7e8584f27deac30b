// Entry point of the page: composer, keys, copies, errors, and the run of one problem.
import { addCheckListeners } from "./check.js";
import { announce, toast } from "./announce.js";
import { byId, make } from "./dom.js";
import { clearHistory, showHistory, storeResult } from "./history.js";
import { requestKey } from "./key.js";
import { Result } from "./result.js";
import { SAMPLES } from "./samples.js";
import { curlOf, fillForm, linkOf, pythonOf, readLink, requestOf } from "./share.js";
import { KeyError, ServiceError, errorText, modelName, solve } from "./stream.js";
import { setUpThemes } from "./theme.js";
import { answersOf, lateText, wordsOf } from "./verdict.js";

const form = byId("form");
let running = null;
let last = null;

function start(request) {
  running?.abort();
  const controller = (running = new AbortController());
  last = request;
  byId("intro").hidden = byId("error").hidden = true;
  fold(request.problem);
  const result = new Result(request);
  result.startClock();
  byId("result").focus({ preventScroll: true });
  scrollTo({ top: 0 });
  watch(request, result, controller).finally(() => {
    if (running !== controller) return clearInterval(result.clock);
    running = null;
    result.stopClock();
  });
}

async function watch(request, result, { signal }) {
  try {
    for await (const [event, data] of solve({ ...request, trace: true }, signal)) {
      signal.throwIfAborted();
      if (event === "path" && !result.data) result.showPath(data);
      else if (event === "vote") result.showVote(data);
      else if (event === "answer") finish(request, result, data);
      else if (event === "error") throw new ServiceError(data.detail);
      if (!result.data) announce(progressText(result));
    }
    if (!result.data) throw new ServiceError("The service stopped before the answer.");
  } catch (error) {
    if (running?.signal !== signal) return; // the page already shows another problem
    result.stopClock();
    result.showHalf(signal.aborted ? "Stopped" : "Failed");
    if (signal.aborted) return announce("Stopped.", true);
    showError(error);
    if (error instanceof KeyError && (await requestKey())) start(request);
  }
}

function finish(request, result, data) {
  result.stopClock();
  const solved = { ...request, seed: data.seed };
  form.dataset.seed = data.seed;
  history.replaceState(null, "", linkOf(solved));
  showModel(data.model);
  show(result, data);
  storeResult(request, data);
  showHistory(reopen, data.id);
  const late = lateText(data, request.deadline_s);
  const answer = data.verdict === "torn" ? "" : answersOf(data).map((text) => ` The answer is ${text}.`);
  announce(`${wordsOf(data)}.${answer} ${late}`.trim(), true);
}

function show(result, data) {
  result.showFinal(data);
  byId("result-copy").append(byId("copy"));
}

/** Show an earlier result of this tab again. */
function reopen({ request, data }) {
  running?.abort();
  running = null;
  last = request;
  fillForm(form, request);
  form.dataset.seed = data.seed;
  history.replaceState(null, "", linkOf({ ...request, seed: data.seed }));
  byId("intro").hidden = byId("error").hidden = true;
  fold(request.problem);
  const result = new Result(request);
  result.stopClock();
  show(result, data);
  showHistory(reopen, data.id);
  byId("result").focus({ preventScroll: true });
  scrollTo({ top: 0 });
}

function progressText({ paths, leaders }) {
  const leader = leaders[0] ? ` ${leaders[0].answer} is in front.` : "";
  return `${paths.length} attempts are in.${leader}`;
}

function showModel(model) {
  byId("model").textContent = `Model: ${model}`;
  byId("demo").hidden = model !== "demo";
}

function showError(error) {
  byId("error-text").textContent = errorText(error);
  byId("retry").textContent = error instanceof KeyError ? "Enter a key" : "Try again";
  byId("error").hidden = false;
  console.info(error);
}

/** Fold the composer to one line. */
function fold(problem) {
  byId("folded-problem").textContent = problem;
  form.classList.add("folded");
}

/** Unfold the composer, with the problem or empty. */
function unfold({ isNew = false } = {}) {
  if (isNew) clear();
  form.classList.remove("folded");
  byId("problem").focus();
}

/** Make the page empty for a new problem. The results of the tab stay in their list. */
function clear() {
  running?.abort();
  running = null;
  byId("problem").value = "";
  form.elements.seed.value = form.elements.deadline_s.value = "";
  delete form.dataset.seed;
  history.replaceState(null, "", location.pathname);
  byId("composer-copy").append(byId("copy"));
  byId("result").hidden = byId("error").hidden = true;
  byId("intro").hidden = false;
  showHistory(reopen);
}

async function copy(kind) {
  const request = requestOf(form);
  if (!request.problem) return form.reportValidity();
  if (form.dataset.seed && request.seed === undefined) request.seed = Number(form.dataset.seed);
  const text = { curl: curlOf, python: pythonOf, link: linkOf }[kind](request);
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    window.prompt("Copy this:", text); // only secure origins have access to the clipboard
  }
}

function submit() {
  const { cot, pot } = form.elements;
  pot.setCustomValidity(Number(cot.value) + Number(pot.value) ? "" : "Set at least one attempt.");
  if (!form.checkValidity()) {
    unfold();
    if (form.querySelector(".settings :invalid")) form.querySelector(".settings").open = true;
    return form.reportValidity();
  }
  start(requestOf(form));
}

function addListeners() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  form.addEventListener("input", () => {
    delete form.dataset.seed;
    form.elements.pot.setCustomValidity("");
  });
  byId("edit").addEventListener("click", () => unfold());
  byId("new").addEventListener("click", () => unfold({ isNew: true }));
  byId("stop").addEventListener("click", () => running?.abort());
  byId("retry").addEventListener("click", () => start(last));
  byId("again").addEventListener("click", () => {
    const { seed, ...request } = last; // the same seed would give the same attempts
    start(request);
  });
  byId("longer").addEventListener("click", ({ currentTarget }) => {
    const { deadlineS } = currentTarget.dataset;
    const seed = Number(form.dataset.seed);
    form.elements.deadline_s.value = deadlineS;
    start({ ...last, deadline_s: Number(deadlineS), seed });
  });
  byId("meaning").addEventListener("click", () => byId("meaning-dialog").showModal());
  byId("clear").addEventListener("click", () => {
    clearHistory();
    showHistory(reopen);
  });
  for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(button.dataset.copy));
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", () => readLink(form) && start(requestOf(form)));
}

function onKey(event) {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) (event.target.closest?.("#check") ?? form).requestSubmit();
  else if (event.key === "Escape") running?.abort();
  else if (event.key === "/" && !/INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName)) {
    event.preventDefault();
    unfold();
  }
}

for (const { name, problem } of SAMPLES) {
  const button = make("button", "", name);
  button.type = "button";
  button.addEventListener("click", () => {
    byId("problem").value = problem;
    delete form.dataset.seed;
    form.elements.seed.value = "";
    submit();
  });
  byId("samples").append(button);
}
setUpThemes();
addListeners();
addCheckListeners();
showHistory(reopen);
modelName().then(showModel).catch(() => {});
if (readLink(form)) start(requestOf(form));
