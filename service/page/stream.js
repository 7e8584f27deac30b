// Asks the service: POST /solve/stream, whose server-sent events are yielded as [name, data].

import { authorization } from "./key.js";

/** What the service refused or failed at; its message is for people. */
export class ServiceError extends Error {}

/** The service wants an API key, or another one. */
export class KeyError extends ServiceError {}

/** Yields the events of one problem; ends when the service ends the stream or `signal` aborts. */
export async function* solve(request, signal) {
  const response = await fetch("/solve/stream", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...authorization() },
    body: JSON.stringify(request),
    signal,
  });
  if (response.status === 401) throw new KeyError(await told(response));
  if (!response.ok) throw new ServiceError(await told(response));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let name = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("event: ")) name = line.slice(7);
      else if (line.startsWith("data: ")) yield [name, JSON.parse(line.slice(6))];
    }
  }
}

async function told(response) {
  const wait = response.headers.get("Retry-After");
  try {
    const { detail } = await response.json();
    return wait ? `${detail} Try again in ${wait} s.` : detail;
  } catch {
    return `The service answers ${response.status}.`;
  }
}
