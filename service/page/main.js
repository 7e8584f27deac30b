// Entry point of the page: it sends a problem and shows the paths and votes as they arrive.
import { byId, make } from "./dom.js";
import { requestKey } from "./key.js";
import { Lanes } from "./lanes.js";
import { curlOf, linkOf, pythonOf, readLink, requestOf } from "./share.js";
import { KeyError, ServiceError, solve } from "./stream.js";
import { Votes, showConfidence } from "./votes.js";

const SAMPLES = {
  Stickers: "Rachel had 58 stickers. She gave 27 of them to her brother. How many stickers does she have left?",
  Eggs: "A farmer packs 432 eggs into boxes of 12. How many boxes does the farmer need?",
  Crayons: "There are 24 boxes with 8 crayons in each box. How many crayons are there in all?",
  Discount: "Each pack of DVDs costs 76 dollars. There is a discount of 25 dollars on each pack. How much does each pack cost now?",
  "Pens and change": "A shop sells pens at 3 dollars each. Ann buys 7 pens and pays with a 50 dollar note. How much change does she get?",
};
const ANNOUNCE_MS = 2500;
const form = byId("form");
let running = null;

function start(request) {
  running?.abort();
  const controller = (running = new AbortController());
  byId("intro").hidden = byId("error").hidden = true;
  byId("result").hidden = byId("stop").hidden = false;
  byId("state").textContent = "Voting";
  byId("answer").textContent = "…";
  byId("answer").className = "value none";
  byId("facts").textContent = "Waiting for the first path.";
  byId("result").setAttribute("aria-busy", "true");
  if (matchMedia("(max-width: 46rem)").matches) byId("result").scrollIntoView({ block: "start" });
  watch(request, controller).finally(() => {
    if (running !== controller) return;
    running = null;
    byId("stop").hidden = true;
    byId("result").removeAttribute("aria-busy");
  });
}

async function watch(request, { signal }) {
  const lanes = new Lanes(request.paths);
  const votes = new Votes(request.paths.cot + request.paths.pot);
  const seen = { paths: 0, tokens: 0, leader: "" };
  let isAnswered = false;
  try {
    for await (const [event, data] of solve({ ...request, trace: true }, signal)) {
      signal.throwIfAborted();
      if (event === "path") {
        lanes.showPath(data);
        seen.paths += data.outcome !== "aborted";
        seen.tokens += data.tokens;
        if (!isAnswered) showProgress(seen);
      } else if (event === "vote") {
        votes.update(data);
        seen.leader = leaderText(data.votes[0]);
        if (data.votes[0]) showAnswer(data.votes[0].answer, "Leading");
        showProgress(seen);
      } else if (event === "answer") {
        isAnswered = true;
        votes.update(data);
        lanes.showFinal(data);
        showResult(data, request.paths);
      } else if (event === "error") throw new ServiceError(data.detail);
    }
    if (!isAnswered) throw new ServiceError("The stream ended before the answer.");
  } catch (error) {
    if (running?.signal !== signal) return; // the page already shows another problem
    lanes.showUnused("stopped");
    if (signal.aborted) return showStopped();
    showError(error);
    if (error instanceof KeyError && (await requestKey())) start(request);
  }
}

function showAnswer(answer, state) {
  byId("answer").textContent = answer;
  byId("answer").className = "value";
  byId("state").textContent = state;
}

function leaderText(vote) {
  if (!vote) return "";
  const count = vote.cot + vote.pot;
  return `${vote.answer} leads with ${count} ${count === 1 ? "vote" : "votes"}`;
}

function showProgress({ paths, tokens, leader }) {
  byId("facts").textContent = `${paths} ${paths === 1 ? "path has" : "paths have"} ended, ${tokens} tokens so far.`;
  announce(`${paths} paths have ended. ${leader}.`);
}

function showResult(data, kinds) {
  const confidenceText = `${Math.round(100 * data.confidence)} percent confidence`;
  if (data.answer === null) {
    showAnswer("No answer", data.status === "deadline" ? "Deadline reached" : "Abstained");
    byId("answer").className = "value none";
  } else showAnswer(data.answer, data.status === "deadline" ? "Answer at the deadline" : "Answer");
  const { started, planned, voted, abstained } = data.paths;
  const facts = [`${voted} of ${planned} paths voted${abstained ? `, ${abstained} abstained` : ""}. ${data.usage.completion_tokens.toLocaleString("en")} tokens in ${data.timing.total_s.toFixed(1)}\u00a0s. `];
  const saved = savedText(data, kinds);
  if (saved) facts.push(make("b", "", saved));
  if (data.calibrated && data.answer !== null) facts.push(` On held-out problems with similar votes, ${Math.round(100 * data.confidence)}\u00a0% of the answers were right.`);
  byId("facts").replaceChildren(...facts);
  form.dataset.seed = data.seed;
  history.replaceState(null, "", linkOf({ ...requestOf(form), seed: data.seed }));
  announce(`${data.answer === null ? "No answer" : `The answer is ${data.answer}`}, ${confidenceText}. The service started ${started} of ${planned} paths.`, true);
}

/** Paths and tokens that early stopping saved. The estimate gives each such path its kind's mean tokens. */
function savedText({ trace }, planned) {
  let unfinished = 0;
  let tokens = 0;
  for (const kind of ["cot", "pot"]) {
    const [cut, ended] = [true, false].map((aborted) => trace.filter((path) => path.kind === kind && (path.outcome === "aborted") === aborted).map((path) => path.tokens));
    const missing = planned[kind] - ended.length;
    unfinished += missing;
    if (ended.length) tokens += Math.max(0, (missing * sum(ended)) / ended.length - sum(cut));
  }
  if (!unfinished) return "";
  const tokensText = Math.round(tokens) ? `, about ${Math.round(tokens).toLocaleString("en")} tokens` : "";
  return `Early stopping saved ${unfinished} ${unfinished === 1 ? "path" : "paths"}${tokensText}.`;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function showStopped() {
  byId("state").textContent = "Stopped";
  announce("Stopped.", true);
}

function showError(error) {
  byId("error").textContent = error instanceof ServiceError ? error.message : "The page cannot reach the service. Check that it runs, and try again.";
  byId("error").hidden = false;
  byId("state").textContent = "Failed";
  if (!byId("votes").children.length) byId("result").hidden = true;
  console.info(error);
}

let lastAnnouncedMs = 0;
function announce(text, always = false) {
  if (!always && Date.now() - lastAnnouncedMs < ANNOUNCE_MS) return;
  lastAnnouncedMs = Date.now();
  byId("live").textContent = text;
}

function toast(text) {
  byId("toast").textContent = text;
  byId("toast").classList.add("shown");
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => byId("toast").classList.remove("shown"), 1800);
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

function setUpThemes() {
  const order = { system: "light", light: "dark", dark: "system" };
  const labels = { system: "system", light: "light", dark: "dark" };
  const symbols = { system: "◐", light: "○", dark: "●" };
  const set = (theme) => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    byId("theme").setAttribute("aria-label", `Colours: ${labels[theme]}`);
    byId("theme").firstElementChild.textContent = symbols[theme];
    localStorage.setItem("theme", theme);
  };
  set(localStorage.getItem("theme") ?? "system");
  byId("theme").addEventListener("click", () => set(order[localStorage.getItem("theme") ?? "system"]));
}

function addListeners() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start(requestOf(form));
  });
  form.addEventListener("input", () => delete form.dataset.seed);
  byId("stop").addEventListener("click", () => running?.abort());
  for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(button.dataset.copy));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    else if (event.key === "Escape") running?.abort();
    else if (event.key === "/" && !/INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName)) {
      event.preventDefault();
      byId("problem").focus();
    }
  });
  addEventListener("hashchange", () => readLink(form) && start(requestOf(form)));
}

for (const [name, text] of Object.entries(SAMPLES)) {
  const button = make("button", "", name);
  button.type = "button";
  button.addEventListener("click", () => {
    byId("problem").value = text;
    delete form.dataset.seed;
    form.elements.seed.value = "";
    start(requestOf(form));
  });
  byId("samples").append(button);
}
setUpThemes();
addListeners();
showConfidence(0);
fetch("/health").then((response) => response.json()).then(({ model }) => { byId("model").textContent = `Model: ${model}`; }).catch(() => {});
if (readLink(form)) start(requestOf(form));
