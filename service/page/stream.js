// Client of POST /solve/stream and its server-sent events.
import { authorizationHeader } from "./key.js";

/** Refusal or failure of the service. The page shows its message. */
export class ServiceError extends Error {}

/** Missing or invalid API key. */
export class KeyError extends ServiceError {}

/** Yield the events of one problem as [name, data] until the stream ends or `signal` aborts. */
export async function* solve(request, signal) {
  const response = await fetch("/solve/stream", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...authorizationHeader() },
    body: JSON.stringify(request),
    signal,
  });
  if (response.status === 401) throw new KeyError(await errorMessage(response));
  if (!response.ok) throw new ServiceError(await errorMessage(response));
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

async function errorMessage(response) {
  const waitS = response.headers.get("Retry-After");
  try {
    const { detail } = await response.json();
    return waitS ? `${detail} Try again in ${waitS} s.` : detail;
  } catch {
    return `The service returned the status ${response.status}.`;
  }
}
