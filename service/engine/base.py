"""Engine protocol: sample, abort, health check.

Implementations: `vllm.py` (in process), `remote.py` (OpenAI-compatible workers), `fake.py` (scripted). All pass the
conformance suite in `tests/engine/test_conformance.py`.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from service.errors import EngineError


class Finish(StrEnum):
    """Reason for the end of a completion. An aborted path never votes."""

    STOP = "stop"  # end-of-sequence token or a stop string
    LENGTH = "length"  # `max_tokens` reached
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling parameters of one path.

    Args:
        temperature: 0 is greedy.
        top_p: nucleus mass, in (0, 1].
        max_tokens: maximum number of completion tokens.
        seed: seed of this path. None draws from the engine's generator.
        stop: strings that end the completion and are not part of its text.
        cache_salt: paths share cached prompts only with paths of the same salt.
        adapter: name of the LoRA adapter. None samples from the base model.
        top_k: number of the most likely tokens that can be sampled. 0 means all.
        min_p: minimum probability of a token, as a share of the most likely one's.
        repetition_penalty: divisor of the positive logits of tokens that occurred. 1 means none.
        thinking_tokens: maximum number of tokens of a thought, which the engine then ends. None means no maximum.
            An engine that cannot end a thought ignores it.
        skip_special_tokens: whether the text lacks the special tokens of the model.
    """

    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 320
    seed: int | None = None
    stop: tuple[str, ...] = ()
    cache_salt: str | None = None
    adapter: str | None = None
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    thinking_tokens: int | None = None
    skip_special_tokens: bool = True


@dataclass(frozen=True, slots=True)
class LoraAdapter:
    """LoRA adapter that an engine loads.

    Args:
        name: name of the adapter.
        path: directory of its files.
        rank: largest rank of a layer.
        modules: last parts of the names of the layers that it changes, such as `q_proj`. Empty for any.
    """

    name: str
    path: Path
    rank: int
    modules: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled path, complete or up to its abort.

    Args:
        text: text without the prompt and the stop string.
        prompt_tokens: exact number of prompt tokens.
        completion_tokens: exact number of sampled tokens, also of an aborted path.
        finish: reason for its end.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish: Finish


class Engine(Protocol):
    """Samples completions from one model and the LoRA adapters on it.

    `EngineDeadError` is final: no later call can succeed. Any other `EngineError` concerns one path.
    """

    @property
    def model(self) -> str:
        """Name of the base model."""
        ...

    @property
    def ends_thoughts(self) -> bool:
        """Whether it ends a thought at `Sampling.thinking_tokens`. A remote engine has the answer once it started."""
        ...

    async def start(self) -> None:
        """Load the model. Returns when `sample` can be called."""
        ...

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        """Sample one completion.

        A cancelled call aborts its request and awaits the abort before it raises `CancelledError`.

        Args:
            request_id: id that is unique among the running requests.
            prompt: prompt with its special tokens as text.
            sampling: sampling parameters.

        Returns:
            The completion. It ends with `Finish.ABORT` if `abort` named the request.

        Raises:
            PromptTooLongError: the prompt exceeds the context length of the model.
            InputError: the engine cannot keep to a limit of the sampling parameters.
            EngineDeadError: the engine is closed or has died.
            EngineError: this path failed, or the engine has no such adapter.
        """
        ...

    async def abort(self, request_ids: Sequence[str]) -> None:
        """Stop these requests and free their resources. Unknown and finished ids are ignored."""
        ...

    async def probe(self) -> None:
        """Check that the engine can sample.

        Raises:
            EngineDeadError: it can never sample again.
            EngineError: it cannot sample at present.
        """
        ...

    async def close(self) -> None:
        """Stop the engine and wait until its processes have ended. Safe to call twice."""
        ...


def require_adapter(name: str | None, adapters: Container[str]) -> None:
    """Check that an engine has the adapter of a path.

    Raises:
        EngineError: it has no adapter with this name.
    """
    if name is not None and name not in adapters:
        raise EngineError(f"The engine has no adapter {name!r}.")
