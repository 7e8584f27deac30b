// Results of this tab, and their entries in the history of the browser. The browser keeps them until the tab closes.
import { byId, icon, make } from "./dom.js";
import { partsOf } from "./attempts.js";
import { answersOf, wordsOf } from "./verdict.js";

const STORAGE_NAME = "twinpath-results";
const MAX_RESULTS = 20;

/** Stored results as {request, data}, the newest first. */
export function storedResults() {
  try {
    return JSON.parse(sessionStorage.getItem(STORAGE_NAME)) ?? [];
  } catch {
    return [];
  }
}

/** Store a result. The oldest results make room for it. */
export function storeResult(request, data) {
  const kept = [{ request, data: withoutThoughts(data) }, ...storedResults().filter((result) => result.data.id !== data.id)].slice(0, MAX_RESULTS);
  while (kept.length) {
    try {
      return sessionStorage.setItem(STORAGE_NAME, JSON.stringify(kept));
    } catch {
      kept.pop(); // the storage of the tab is full
    }
  }
}

/** Result without the thoughts of its attempts, which would fill the storage. */
function withoutThoughts(data) {
  return { ...data, trace: data.trace.map((path) => ({ ...path, text: partsOf(path)[1], thought_chars: 0 })) };
}

/** Give the page a new entry in the history of the browser. It replaces an entry without a result. */
export function enter(address, state = {}) {
  const isWithoutResult = history.state ? !history.state.id : location.hash !== "";
  history[isWithoutResult ? "replaceState" : "pushState"](state, "", address);
}

/** Show the list of results. `open` receives a result that the user selects. */
export function showHistory(open, current) {
  const results = storedResults();
  byId("history").hidden = results.length < 2 && (results.length === 0 || results[0].data.id === current);
  byId("results").replaceChildren(...results.map((result) => make("li", "", buttonOf(result, open, result.data.id === current))));
}

/** Forget all results. */
export const clearHistory = () => sessionStorage.removeItem(STORAGE_NAME);

function buttonOf(result, open, isCurrent) {
  const { request, data } = result;
  const answer = make("b", "", answersOf(data).join(" or ") || "–");
  const word = make("span", "hidden", wordsOf(data));
  const button = make("button", "quiet", icon(data.verdict), word, answer, make("span", "problem", request.problem));
  button.type = "button";
  button.dataset.verdict = data.verdict;
  if (isCurrent) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => open(result));
  return button;
}
