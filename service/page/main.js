// Entry point of the page: composer, keys, copies, errors, and the run of one problem.
import { addCheckListeners } from "./check.js";
import { announce, toast } from "./announce.js";
import { byId, make } from "./dom.js";
import { clearHistory, enter, showHistory, storeResult, storedResults } from "./history.js";
import { requestKey } from "./key.js";
import { Result } from "./result.js";
import { SAMPLES } from "./samples.js";
import { curlOf, fillForm, linkOf, pythonOf, readLink, requestOf } from "./share.js";
import { KeyError, ServiceError, errorText, modelName, solve } from "./stream.js";
import { setUpThemes } from "./theme.js";
import { DEMO_MODEL, answersOf, lateText, wordsOf } from "./verdict.js";

const form = byId("form");
let running = null;
let last = null; // request of the shown result, or null on the empty page
let seed; // seed of the shown result, once it is complete

function start(request) {
  running?.abort();
  const controller = (running = new AbortController());
  last = request;
  seed = undefined;
  enter(linkOf(request));
  byId("intro").hidden = byId("error").hidden = true;
  fold();
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
  seed = data.seed;
  if (isFolded()) form.dataset.seed = seed;
  history.replaceState({ id: data.id }, "", linkOf({ ...request, seed }));
  showModel(data.model);
  result.showFinal(data);
  storeResult(request, data);
  showHistory(reopen, data.id);
  const late = lateText(data, request.deadline_s);
  const answer = data.verdict === "torn" ? "" : answersOf(data).map((text) => ` The answer is ${text}.`);
  announce([`${wordsOf(data)}.${answer}`, data.warning, late].filter(Boolean).join(" "), true);
}

/** Show an earlier result of this tab again. */
function reopen({ request, data }) {
  stop();
  last = request;
  seed = data.seed;
  if (history.state?.id !== data.id) enter(linkOf({ ...request, seed }), { id: data.id });
  restoreForm();
  byId("intro").hidden = byId("error").hidden = true;
  fold();
  const result = new Result(request);
  result.stopClock();
  result.showFinal(data);
  showHistory(reopen, data.id);
  byId("result").focus({ preventScroll: true });
  scrollTo({ top: 0 });
}

/** Show the entry of the browser's history: a stored result, a problem of a link, or the empty page. */
function showEntry() {
  const stored = storedResults().find(({ data }) => data.id === history.state?.id);
  if (stored) reopen(stored);
  else if (readLink(form)) start(requestOf(form));
  else clear();
}

/** Stop the running problem and show nothing more of it. */
function stop() {
  running?.abort();
  running = null;
}

function progressText({ paths, leaders }) {
  const leader = leaders[0] ? ` ${leaders[0].answer} is in front.` : "";
  return `${paths.length} attempts are in.${leader}`;
}

function showModel(model) {
  byId("model").textContent = `Model: ${model}`;
  byId("demo").hidden = model !== DEMO_MODEL;
}

function showError(error) {
  byId("error-text").textContent = errorText(error);
  byId("retry").textContent = error instanceof KeyError ? "Enter a key" : "Try again";
  byId("error").hidden = false;
  console.info(error);
}

const isFolded = () => form.classList.contains("folded");

/** Fold the composer to the problem of the result. */
function fold() {
  byId("folded-problem").textContent = last.problem;
  form.classList.add("folded");
  byId("result-copy").append(byId("copy"));
}

/** Unfold the composer to edit its problem. */
function unfold() {
  form.classList.remove("folded");
  byId("composer-copy").append(byId("copy"));
  byId("problem").focus();
}

/** Fill the form with the problem and the settings of the result. */
function restoreForm() {
  fillForm(form, last);
  if (seed === undefined) delete form.dataset.seed;
  else form.dataset.seed = seed;
}

/** Fold the composer to the result again. */
function discardEdit() {
  restoreForm();
  fold();
  byId("edit").focus();
}

/** Make the page empty for a new problem. The results of the tab stay in their list. */
function clear() {
  stop();
  last = null;
  byId("problem").value = "";
  form.elements.seed.value = form.elements.deadline_s.value = "";
  delete form.dataset.seed;
  byId("result").hidden = byId("error").hidden = true;
  byId("intro").hidden = false;
  showHistory(reopen);
  unfold();
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
  byId("new").addEventListener("click", () => {
    enter(location.pathname);
    clear();
  });
  byId("stop").addEventListener("click", () => running?.abort());
  byId("retry").addEventListener("click", () => {
    restoreForm();
    start(last);
  });
  byId("again").addEventListener("click", () => {
    restoreForm();
    const { seed: used, ...request } = last; // the same seed would give the same attempts
    start(request);
  });
  byId("longer").addEventListener("click", ({ currentTarget }) => {
    const { deadlineS } = currentTarget.dataset;
    restoreForm();
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
  addEventListener("popstate", showEntry);
}

function onKey(event) {
  if (event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) (event.target.closest?.("#check") ?? form).requestSubmit();
  else if (event.key === "Escape") last && !isFolded() ? discardEdit() : running?.abort();
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
if (location.hash) showEntry();
