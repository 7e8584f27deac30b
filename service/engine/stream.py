"""Parser for a worker's completion stream (SSE).

Token counts come from the `usage` field. Without it, they are the number of token ids in the chunks, else the number of
chunks with text. A thought in a field of its own counts as tokens, not as text.
"""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from service.engine.base import Completion, Finish
from service.json_lines import encodable

MALFORMED = (ValueError, LookupError, TypeError, AttributeError)
"""Exceptions that reading a response of an unexpected shape raises."""

_FINISH = {"stop": Finish.STOP, "length": Finish.LENGTH}


class WorkerFailedError(Exception):
    """The worker could not sample the path. Another worker may."""


class WorkerUnavailableError(WorkerFailedError):
    """The worker accepts no path at present, for example a router whose workers are all down."""


class WorkerRefusedError(Exception):
    """The worker refuses the path, and so would another one."""


@dataclass(slots=True)
class StreamedPath:
    """Received part of one path."""

    text: list[str] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish: Finish | None = None

    def clear(self) -> None:
        """Drop the chunks of a failed worker."""
        self.text.clear()
        self.prompt_tokens = self.completion_tokens = 0
        self.finish = None

    def add(self, chunk: dict[str, Any]) -> None:
        """Add one chunk of the stream.

        Raises:
            WorkerRefusedError: the chunk reports that the request is invalid. vLLM checks some parameters that late.
            WorkerFailedError: the chunk reports another error, or the worker ended the path itself.
        """
        if "error" in chunk:
            error = chunk["error"]
            kind = WorkerRefusedError if error.get("code") == 400 else WorkerFailedError
            raise kind(error.get("message", "the worker failed"))
        for choice in chunk["choices"]:
            part = choice.get("delta") or choice
            text = part.get("text") or part.get("content") or ""
            thought = part.get("reasoning_content") or part.get("reasoning")
            self.text.append(text)
            if reason := choice.get("finish_reason"):
                if reason not in _FINISH:  # the worker shuts down, or its engine died
                    raise WorkerFailedError(f"the worker ended the path: {reason}")
                self.finish = _FINISH[reason]
            self.prompt_tokens += len(choice.get("prompt_token_ids") or ())
            self.completion_tokens += len(choice["token_ids"]) if choice.get("token_ids") else bool(text or thought)
        if usage := chunk.get("usage"):
            self.prompt_tokens, self.completion_tokens = usage["prompt_tokens"], usage["completion_tokens"]

    def completion(self, *, aborted: bool) -> Completion:
        """Completion of the received part."""
        finish = Finish.ABORT if aborted or self.finish is None else self.finish
        return Completion(encodable("".join(self.text)), self.prompt_tokens, self.completion_tokens, finish)


async def read_chunks(received: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """JSON objects of a stream of server-sent events, up to `[DONE]`."""
    rest = b""
    async for data in received:
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                event = line[5:].strip()
                if event == b"[DONE]":
                    return
                yield json.loads(event)


def error_message(text: str) -> str:
    """Message of an error response, as one line of at most 200 characters."""
    with suppress(*MALFORMED):
        document = json.loads(text)
        text = document.get("error", document)["message"]
    return " ".join(text.split())[:200]
