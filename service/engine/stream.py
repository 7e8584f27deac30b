"""What a worker streams: server-sent events of completions, gathered into one path.

Usage counts the tokens where it comes. Until then, and where it never does, the ids in the chunks do, as vLLM sends
them, or else the chunks: one that has text is a token at least. Anything that is no whole completion is a
`WorkerFailedError`; nothing here knows of connections.
"""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from service.engine.base import Completion, Finish

MISSHAPEN = (ValueError, LookupError, TypeError, AttributeError)
"""What reading an answer raises that is none of the shape which is read here."""

_FINISH = {"stop": Finish.STOP, "length": Finish.LENGTH}


class WorkerFailedError(Exception):
    """This worker could not sample the path; another may."""


@dataclass(slots=True)
class StreamedPath:
    """What has arrived of one path."""

    text: list[str] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish: Finish | None = None

    def clear(self) -> None:
        """Forget what a broken worker sent."""
        self.text.clear()
        self.prompt_tokens = self.completion_tokens = 0
        self.finish = None

    def take(self, chunk: dict[str, Any]) -> None:
        """Add one chunk of the stream."""
        if "error" in chunk:
            raise WorkerFailedError(chunk["error"].get("message", "the worker failed"))
        for choice in chunk["choices"]:
            self.text.append(choice["text"])
            if reason := choice.get("finish_reason"):
                if reason not in _FINISH:  # it shuts down, or its engine died
                    raise WorkerFailedError(f"the worker ended the path: {reason}")
                self.finish = _FINISH[reason]
            self.prompt_tokens += len(choice.get("prompt_token_ids") or ())
            self.completion_tokens += len(choice["token_ids"]) if choice.get("token_ids") else bool(choice["text"])
        if usage := chunk.get("usage"):
            self.prompt_tokens, self.completion_tokens = usage["prompt_tokens"], usage["completion_tokens"]

    def completion(self, *, aborted: bool) -> Completion:
        finish = Finish.ABORT if aborted or self.finish is None else self.finish
        return Completion("".join(self.text), self.prompt_tokens, self.completion_tokens, finish)


async def chunks(received: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects of a stream of server-sent events, up to `[DONE]`."""
    rest = b""
    async for data in received:
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                event = line[5:].strip()
                if event == b"[DONE]":
                    return
                yield json.loads(event)


def message(text: str) -> str:
    """What an error response says, in one line."""
    with suppress(*MISSHAPEN):
        document = json.loads(text)
        text = document.get("error", document)["message"]
    return " ".join(text.split())[:200]
