"""What the solver asks of an engine: sample one path, abort one path, say whether you live.

Implementations: `vllm.py` (in process), `remote.py` (OpenAI-compatible workers), `fake.py` (scripted). All pass the
conformance suite in `tests/engine/test_conformance.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Finish(StrEnum):
    """Why a completion ended. A path that was aborted never votes."""

    STOP = "stop"  # end-of-sequence token or a stop string
    LENGTH = "length"  # `max_tokens` reached
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample one path.

    Args:
        temperature: 0 is greedy.
        top_p: nucleus mass, in (0, 1].
        max_tokens: completion tokens at most.
        seed: makes this path's samples its own; None draws from the engine's generator.
        stop: strings that end the completion; they are not part of its text.
    """

    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 320
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled path, whole or up to where it was aborted; token counts are exact in both cases."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish: Finish


class Engine(Protocol):
    """Samples completions from one model.

    `sample` raises `PromptTooLongError` for a prompt that cannot fit, `EngineDeadError` once the engine is gone for
    good, and `EngineError` for a path that failed alone.
    """

    @property
    def model(self) -> str:
        """The served model's name."""
        ...

    async def start(self) -> None:
        """Load the model; returns when `sample` can be called."""
        ...

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        """Sample one completion of `prompt`, which holds its special tokens as text.

        `request_id` is unique among the running requests. Returns with `Finish.ABORT` when `abort` named the request;
        a cancelled call aborts its request and awaits that before the cancellation goes on.
        """
        ...

    async def abort(self, request_ids: Sequence[str]) -> None:
        """Stop these requests and free what they hold; unknown and finished ids are ignored."""
        ...

    async def probe(self) -> None:
        """Return if the engine can sample; raise `EngineDeadError` if it never will again, `EngineError` if it may."""
        ...

    async def close(self) -> None:
        """Stop the engine and wait for its processes to end; safe to call twice."""
        ...
