// Details of a result for engineers: attempts, tokens, savings, time, seed.
import { byId, counted, make } from "./dom.js";
import { totalOf } from "./verdict.js";

/** Show the details of a result. */
export function showDetails(data) {
  const { planned, started, voted, abstained, aborted } = data.paths;
  const { usage, timing } = data;
  const ends = [`${voted} with a vote`, `${abstained} without a result`];
  if (data.status === "deadline") ends.push(`${planned - voted - abstained} cut off`);
  else if (aborted) ends.push(`${aborted} stopped or not counted`);
  const thoughts = usage.thinking_tokens ? `, ${number(usage.thinking_tokens)} of them in thoughts` : "";
  const rows = {
    Attempts: `${planned} planned, ${started} started: ${ends.join(", ")}`,
    Votes: counted(totalOf(data), "vote"),
    Confidence: data.calibrated ? `${Math.round(100 * data.confidence)} of 100` : "never measured",
    Tokens: `${number(usage.completion_tokens)} written${thoughts}, ${number(usage.prompt_tokens)} read`,
    Saved: data.status !== "deadline" && usage.saved_tokens > 0 ? `Stopping early saved about ${counted(usage.saved_tokens, "token")}` : "",
    Time: `${timing.total_s.toFixed(1)}\u00a0s (waiting ${timing.queue_s.toFixed(1)}, model ${timing.engine_s.toFixed(1)}, programs ${timing.sandbox_s.toFixed(1)})`,
    Seed: `${data.seed}`,
    Model: data.model,
    Request: data.id,
  };
  byId("facts").replaceChildren(
    ...Object.entries(rows).filter(([, text]) => text).map(([name, text]) => make("div", "", make("dt", "", name), make("dd", "", text))),
  );
  byId("details").hidden = false;
}

const number = (count) => count.toLocaleString("en");
