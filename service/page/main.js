// The page: a problem goes in, and its vote is watched.
import { by, make } from "./dom.js";
import { askForKey } from "./key.js";
import { Lanes } from "./lanes.js";
import { curlOf, linkOf, pythonOf, readLink, requestOf } from "./share.js";
import { KeyError, ServiceError, solve } from "./stream.js";
import { Votes, confidence } from "./votes.js";

const SAMPLES = {
  Stickers: "Rachel had 58 stickers. She gave 27 of them to her brother. How many stickers does she have left?",
  Eggs: "A farmer packs 432 eggs into boxes of 12. How many boxes does the farmer need?",
  Crayons: "There are 24 boxes with 8 crayons in each box. How many crayons are there in all?",
  Discount: "Each pack of DVDs costs 76 dollars. There is a discount of 25 dollars on each pack. How much does each pack cost now?",
  "Pens and change": "A shop sells pens at 3 dollars each. Ann buys 7 pens and pays with a 50 dollar note. How much change does she get?",
};
const ANNOUNCE_MS = 2500;
const form = by("form");
let running = null;

function start(request) {
  running?.abort();
  const mine = (running = new AbortController());
  by("intro").hidden = by("error").hidden = true;
  by("result").hidden = by("stop").hidden = false;
  by("state").textContent = "Voting";
  by("answer").textContent = "…";
  by("answer").className = "value none";
  by("facts").textContent = "Waiting for the first path.";
  by("result").setAttribute("aria-busy", "true");
  if (matchMedia("(max-width: 46rem)").matches) by("result").scrollIntoView({ block: "start" });
  watch(request, mine).finally(() => {
    if (running !== mine) return;
    running = null;
    by("stop").hidden = true;
    by("result").removeAttribute("aria-busy");
  });
}

async function watch(request, { signal }) {
  const lanes = new Lanes(request.paths);
  const votes = new Votes(request.paths.cot + request.paths.pot);
  const seen = { paths: 0, tokens: 0, lead: "" };
  let answered = false;
  try {
    for await (const [event, data] of solve({ ...request, trace: true }, signal)) {
      signal.throwIfAborted();
      if (event === "path") {
        lanes.fill(data);
        seen.paths += data.outcome !== "aborted";
        seen.tokens += data.tokens;
        if (!answered) progress(seen);
      } else if (event === "vote") {
        votes.update(data);
        seen.lead = lead(data.votes[0]);
        if (data.votes[0]) show(data.votes[0].answer, "Leading");
        progress(seen);
      } else if (event === "answer") {
        answered = true;
        votes.update(data);
        lanes.settle(data);
        conclude(data, request.paths);
      } else if (event === "error") throw new ServiceError(data.detail);
    }
    if (!answered) throw new ServiceError("The stream ended before the answer.");
  } catch (error) {
    if (running?.signal !== signal) return; // the page shows another problem now
    lanes.idle("stopped");
    if (signal.aborted) return halted();
    fail(error);
    if (error instanceof KeyError && (await askForKey())) start(request);
  }
}

function show(answer, state) {
  by("answer").textContent = answer;
  by("answer").className = "value";
  by("state").textContent = state;
}

function lead(vote) {
  if (!vote) return "";
  const sum = vote.cot + vote.pot;
  return `${vote.answer} leads with ${sum} ${sum === 1 ? "vote" : "votes"}`;
}

function progress({ paths, tokens, lead: leading }) {
  by("facts").textContent = `${paths} ${paths === 1 ? "path has" : "paths have"} ended, ${tokens} tokens so far.`;
  announce(`${paths} paths have ended. ${leading}.`);
}

function conclude(data, kinds) {
  const sure = `${Math.round(100 * data.confidence)} percent confidence`;
  if (data.answer === null) {
    show("No answer", data.status === "deadline" ? "Time ran out" : "Abstained");
    by("answer").className = "value none";
  } else show(data.answer, data.status === "deadline" ? "Answer when time ran out" : "Answer");
  const { started, planned, voted, abstained } = data.paths;
  const facts = [`${voted} of ${planned} paths voted${abstained ? `, ${abstained} abstained` : ""}. ${data.usage.completion_tokens.toLocaleString("en")} tokens in ${data.timing.total_s.toFixed(1)}\u00a0s. `];
  const saved = spared(data, kinds);
  if (saved) facts.push(make("b", "", saved));
  if (data.calibrated && data.answer !== null) facts.push(` Of held-out problems with such votes, ${Math.round(100 * data.confidence)}\u00a0% were right.`);
  by("facts").replaceChildren(...facts);
  form.dataset.seed = data.seed;
  history.replaceState(null, "", linkOf({ ...requestOf(form), seed: data.seed }));
  announce(`${data.answer === null ? "No answer" : `The answer is ${data.answer}`}, ${sure}. ${started} of ${planned} paths were started.`, true);
}

/** What stopping early spared: paths never begun or cut short, at the mean length of those of their kind that ended. */
function spared({ trace }, planned) {
  let unended = 0;
  let tokens = 0;
  for (const kind of ["cot", "pot"]) {
    const [cut, ended] = [true, false].map((aborted) => trace.filter((path) => path.kind === kind && (path.outcome === "aborted") === aborted).map((path) => path.tokens));
    const missing = planned[kind] - ended.length;
    unended += missing;
    if (ended.length) tokens += Math.max(0, (missing * sum(ended)) / ended.length - sum(cut));
  }
  if (!unended) return "";
  const about = Math.round(tokens) ? `, about ${Math.round(tokens).toLocaleString("en")} tokens` : "";
  return `Stopping early spared ${unended} ${unended === 1 ? "path" : "paths"}${about}.`;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function halted() {
  by("state").textContent = "Stopped";
  announce("Stopped.", true);
}

function fail(error) {
  by("error").textContent = error instanceof ServiceError ? error.message : "The service does not answer.";
  by("error").hidden = false;
  by("state").textContent = "Failed";
  if (!by("votes").children.length) by("result").hidden = true;
  console.info(error);
}

let lastTold = 0;
function announce(text, always = false) {
  if (!always && Date.now() - lastTold < ANNOUNCE_MS) return;
  lastTold = Date.now();
  by("live").textContent = text;
}

function toast(text) {
  by("toast").textContent = text;
  by("toast").classList.add("shown");
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => by("toast").classList.remove("shown"), 1800);
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
    window.prompt("Copy this:", text); // browsers give the clipboard to secure origins alone
  }
}

function themes() {
  const order = { system: "light", light: "dark", dark: "system" };
  const said = { system: "as the system", light: "light", dark: "dark" };
  const glyph = { system: "◐", light: "○", dark: "●" };
  const set = (theme) => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    by("theme").setAttribute("aria-label", `Colours: ${said[theme]}`);
    by("theme").firstElementChild.textContent = glyph[theme];
    localStorage.setItem("theme", theme);
  };
  set(localStorage.getItem("theme") ?? "system");
  by("theme").addEventListener("click", () => set(order[localStorage.getItem("theme") ?? "system"]));
}

function listen() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start(requestOf(form));
  });
  form.addEventListener("input", () => delete form.dataset.seed);
  by("stop").addEventListener("click", () => running?.abort());
  for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(button.dataset.copy));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    else if (event.key === "Escape") running?.abort();
    else if (event.key === "/" && !/INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName)) {
      event.preventDefault();
      by("problem").focus();
    }
  });
  addEventListener("hashchange", () => readLink(form) && start(requestOf(form)));
}

for (const [name, text] of Object.entries(SAMPLES)) {
  const button = make("button", "", name);
  button.type = "button";
  button.addEventListener("click", () => {
    by("problem").value = text;
    delete form.dataset.seed;
    form.elements.seed.value = "";
    start(requestOf(form));
  });
  by("samples").append(button);
}
themes();
listen();
confidence(0);
fetch("/health").then((response) => response.json()).then(({ model }) => { by("model").textContent = `Model: ${model}`; }).catch(() => {});
if (readLink(form)) start(requestOf(form));
