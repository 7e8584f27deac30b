// All attempts, grouped by answer. A group shows one text of each kind and folds the rest.
import { byId, counted, make } from "./dom.js";
import { highlight } from "./highlight.js";

const KINDS = [["cot", "In words"], ["pot", "As a program"]];
const REASONS = {
  unparsed: "no answer in it",
  error: "stopped with an error",
  timeout: "took too long",
  memory: "needed too much memory",
  output: "its result is too large",
  denied: "not run",
  crashed: "crashed",
};

/** Show the attempts of a problem.
 * @param paths paths of the trace, or of events if the problem did not end
 * @param votes votes, the leader first, or nothing if the problem did not end
 * @param planned number of planned paths
 * @param unfinished words about the attempts that did not end
 * @param best indices of the paths to show first
 */
export function showAttempts({ paths, votes, planned, unfinished, best = [] }) {
  const answers = byAnswer(paths, votes);
  const noun = votes.length ? "vote" : "attempt";
  const ended = paths.filter((path) => path.outcome !== "aborted");
  const failed = ended.filter((path) => path.counted !== false && path.outcome !== "voted");
  const late = ended.filter((path) => path.counted === false);
  const missing = planned - ended.length;
  const groups = answers.map(([answer, found]) => groupOf(answer, counted(found.length, noun), found, best));
  if (failed.length) groups.push(groupOf("Without a result", `${failed.length}`, failed, best, reasonsOf(failed)));
  if (late.length) groups.push(groupOf("After the decision", `${late.length}, not counted`, late, best));
  byId("groups").replaceChildren(...groups);
  byId("unfinished").hidden = missing <= 0;
  byId("unfinished").textContent = `${counted(missing, "attempt")} ${unfinished}.`;
  const chips = answers.slice(0, 4).map(([answer, found]) => make("span", "chip", make("b", "", answer), ` × ${found.length}`));
  if (failed.length) chips.push(make("span", "chip", `${failed.length} without a result`));
  if (late.length) chips.push(make("span", "chip", `${late.length} after the decision`));
  byId("attempts-title").textContent = ended.length === 1 ? "The only attempt" : `All ${ended.length} attempts, by answer`;
  byId("attempts-chips").replaceChildren(...chips);
  byId("attempts").hidden = ended.length === 0;
}

/** Text or program of one attempt, without its thought. */
export function contentOf(path) {
  if (path.program) return highlight(path.program);
  return make("p", "text", partsOf(path)[1].trim() || (path.thought_chars ? "The thought has no end." : "This attempt has no text."));
}

/** Thought and answer of the text of one attempt. */
export function partsOf({ text, thought_chars: count = 0 }) {
  if (!count) return ["", text];
  const thought = [...text].slice(0, count).join(""); // the count is of code points
  return [thought, text.slice(thought.length)];
}

/** Folded thought of one attempt, or nothing. A long text is in the page only while it is open. */
function thoughtOf(path) {
  if (!path.thought_chars) return [];
  const fold = make("details", "more", make("summary", "", `Thought, ${counted(path.thinking_tokens, "token")}`));
  fold.addEventListener("toggle", () => {
    if (fold.open) fold.append(make("p", "text thought", partsOf(path)[0].trim()));
    else fold.lastChild.remove();
  });
  return [fold];
}

/** Paths of each answer as [answer, paths], in the order of the votes, otherwise the most first. */
function byAnswer(paths, votes) {
  const order = votes.map((vote) => vote.answer);
  const groups = [...Map.groupBy(paths, answerOf)].filter(([answer]) => answer !== null);
  return groups.sort(([a, found], [b, others]) => order.indexOf(a) - order.indexOf(b) || others.length - found.length);
}

function answerOf(path) {
  if (path.counted === false) return null;
  return path.vote === undefined ? path.answer : path.vote;
}

function groupOf(name, amount, paths, best, parts = KINDS.map(([kind]) => paths.filter((path) => path.kind === kind))) {
  const [firsts, rest] = [[], []];
  for (const part of parts.filter((part) => part.length)) {
    const [first, ...others] = part.toSorted((a, b) => best.includes(b.index) - best.includes(a.index) || a.index - b.index);
    firsts.push(articleOf([first]));
    rest.push(...others);
  }
  const group = make("li", "group", make("h3", "", make("b", "", name), make("span", "", amount)), make("div", "pair", ...firsts));
  if (rest.length) {
    const more = make("details", "more", make("summary", "", `and ${rest.length} more like it`));
    more.addEventListener("toggle", () => more.append(make("div", "pair", ...sameTexts(rest).map(articleOf))), { once: true });
    group.append(more);
  }
  return group;
}

/** Failed paths in lists of one reason. */
function reasonsOf(paths) {
  return [...Map.groupBy(paths, reasonText).values()];
}

/** Paths in lists of one kind and text. */
function sameTexts(paths) {
  return [...Map.groupBy(paths, ({ kind, text }) => `${kind} ${text}`).values()];
}

/** One attempt, or several with the same text. */
function articleOf([path, ...others]) {
  const [, label] = KINDS.find(([kind]) => kind === path.kind);
  const amount = `${counted(path.tokens, "token")}, ${path.seconds.toFixed(1)}\u00a0s`;
  const cost = make("span", "cost", others.length ? `${others.length + 1} times` : amount);
  const article = make("article", `attempt ${path.kind}`, make("p", "label", label, cost), ...thoughtOf(path), contentOf(path));
  if (path.outcome === "voted") {
    if (path.program) article.append(make("p", "output", `→ ${path.answer}`));
  } else article.append(make("p", "reason", ...reasonParts(path)));
  if (path.repaired) article.append(make("p", "note", "The calculator corrected a number."));
  return article;
}

const reasonText = (path) => reasonParts(path).map((part) => part.textContent ?? part).join("");

/** Reason of a missing result, as texts and code elements. */
function reasonParts({ outcome, detail }) {
  const missing = /^(?:import of )?(.+?)(?: is not available to programs| is not allowed)$/.exec(detail);
  if (outcome === "denied" && missing) {
    const name = missing[1];
    return ["not run: wanted ", make("code", "", /^[\w.]+$/.test(name) ? `import ${name}` : name)];
  }
  if (outcome === "unparsed" && detail) return [detail];
  return [REASONS[outcome], detail ? `: ${detail}` : ""];
}
