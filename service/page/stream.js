// Client of the service: solve a problem as a stream of events, and check an answer. All addresses are relative.
import { authorizationHeader } from "./key.js";

const LABELS = { problem: "The problem", response: "The answer of the student", expected: "The right answer" };

/** Refusal or failure of the service. The page shows its message. */
export class ServiceError extends Error {}

/** Missing or invalid API key. */
export class KeyError extends ServiceError {}

/** Yield the events of one problem as [name, data] until the stream ends or `signal` aborts. */
export async function* solve(request, signal) {
  const response = await post("solve/stream", request, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let partialLine = "";
  let name = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (partialLine + value).split(/\r?\n/);
    partialLine = lines.pop();
    for (const line of lines) {
      if (line.startsWith("event: ")) name = line.slice(7);
      else if (line.startsWith("data: ")) yield [name, JSON.parse(line.slice(6))];
    }
  }
}

/** Verdict on a response to a problem. */
export const grade = async (request) => (await post("grade", request)).json();

/** Name of the served model. */
export const modelName = async () => (await (await fetch("health")).json()).model;

/** Message for a person. */
export function errorText(error) {
  return error instanceof ServiceError ? error.message : "The service does not answer. Check that it runs.";
}

async function post(address, body, signal) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...authorizationHeader() },
    body: JSON.stringify(body),
    signal,
  });
  if (response.status === 401) throw new KeyError("This service requires an API key.");
  if (!response.ok) throw new ServiceError(await messageOf(response));
  return response;
}

async function messageOf(response) {
  const waitS = response.headers.get("Retry-After");
  const { detail } = await response.json().catch(() => ({}));
  if (!detail) return `The service could not answer (status ${response.status}).`;
  const text = detail.replace(/`(\w+)`/g, (_, field) => LABELS[field] ?? field);
  return waitS ? `${text} Try again in ${waitS}\u00a0s.` : text;
}
