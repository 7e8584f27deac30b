"""Packing: a question once, its rationales behind it as branches, so that no token is computed twice.

A pack is one sequence `[shared prompt][branch][branch]…`; a branch is the rest of its prompt (the marker), the
completion and the end-of-sequence token. The mask lets a branch see the shared prompt and itself alone, and its
positions continue the prompt's: every branch computes exactly what it would as a sequence of its own, nothing leaks
from one rationale into another. Packs of similar length share a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from service.errors import ConfigurationError
from service.paths.base import FormatV1
from service.types import PathKind

LENGTH_STEP = 16
"""Batches are padded to a multiple of this: few different shapes, so that memory is reused instead of fragmented."""

TASKS = (PathKind.COT, PathKind.POT)
"""A token's task, by its index."""


@dataclass(frozen=True, slots=True)
class Example:
    """One rationale to train on; `weight` multiplies its tokens within their task's mean."""

    id: str
    kind: PathKind
    question: str
    text: str
    source: str = ""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Branch:
    """A rationale's tokens: `ids[:given]` end the prompt, the rest is learned."""

    kind: PathKind
    ids: tuple[int, ...]
    given: int
    weight: float


@dataclass(frozen=True, slots=True)
class Pack:
    """A question's shared prompt and its branches."""

    prompt: tuple[int, ...]
    branches: tuple[Branch, ...]

    def __len__(self) -> int:
        return len(self.prompt) + sum(len(branch.ids) for branch in self.branches)


Encoded = tuple[tuple[int, ...], tuple[int, ...]]
"""An example's tokens: the prompt's, and the completion's with the end-of-sequence token."""


class Encoder:
    """Turns examples into tokens, in the format that the service prompts with."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if tokenizer.eos_token_id is None:
            raise ConfigurationError("the student's tokenizer has no end-of-sequence token")
        self._tokenizer = tokenizer
        self._format = FormatV1(tokenizer.bos_token or "")

    def encode(self, examples: Sequence[Example]) -> list[Encoded]:
        """The tokens of each example, all at once: a fast tokenizer does them on all cores."""
        prompts = [self._format.prompt(example.kind, example.question) for example in examples]
        given = self._ids(prompts)
        whole = self._ids([prompt + example.text for prompt, example in zip(prompts, examples, strict=True)])
        completions = [ids[len(prompt) :] for prompt, ids in zip(given, whole, strict=True)]
        # Where a token would span the border, the service's prompt ends at it, and so must ours.
        spanned = [at for at, prompt in enumerate(given) if whole[at][: len(prompt)] != prompt]
        for at, ids in zip(spanned, self._ids([examples[at].text for at in spanned]), strict=True):
            completions[at] = ids
        end = (self._tokenizer.eos_token_id,)
        return [(prompt, ids + end) for prompt, ids in zip(given, completions, strict=True)]

    def _ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        return (
            [tuple(ids) for ids in self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]] if texts else []
        )


def packed(examples: Sequence[Example], encoded: Sequence[Encoded]) -> Pack:
    """One pack of rationales that share their question."""
    shared = _common_prefix([prompt[:-1] for prompt, _ in encoded])
    branches = tuple(
        Branch(example.kind, prompt[shared:] + completion, len(prompt) - shared, example.weight)
        for example, (prompt, completion) in zip(examples, encoded, strict=True)
    )
    return Pack(encoded[0][0][:shared], branches)


@dataclass(frozen=True, slots=True)
class Batch:
    """Packs as tensors of shape (packs, length); `mask` is (packs, 1, length, length), True where a token may look.

    `targets` holds the token that each position must predict and -100 elsewhere, `tasks` its index in `TASKS`,
    `weights` its weight (0 where there is no target).
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    mask: torch.Tensor
    targets: torch.Tensor
    tasks: torch.Tensor
    weights: torch.Tensor


def collate(packs: Sequence[Pack], pad_id: int, length_step: int = LENGTH_STEP) -> Batch:
    """Pad packs to one length and lay out their masks."""
    length = -(-max(len(pack) for pack in packs) // length_step) * length_step
    shape = (len(packs), length)
    batch = Batch(
        input_ids=torch.full(shape, pad_id),
        position_ids=torch.zeros(shape, dtype=torch.long),
        mask=torch.eye(length, dtype=torch.bool).repeat(len(packs), 1, 1, 1),
        targets=torch.full(shape, -100),
        tasks=torch.zeros(shape, dtype=torch.long),
        weights=torch.zeros(shape),
    )
    for row, pack in enumerate(packs):
        _lay_out(batch, row, pack)
    return batch


def _lay_out(batch: Batch, row: int, pack: Pack) -> None:
    shared = len(pack.prompt)
    batch.input_ids[row, :shared] = torch.tensor(pack.prompt, dtype=torch.long)
    batch.position_ids[row, :shared] = torch.arange(shared)
    batch.mask[row, 0, :shared, :shared] = torch.ones(shared, shared, dtype=torch.bool).tril()
    start = shared
    for branch in pack.branches:
        end, learned = start + len(branch.ids), start + branch.given - 1
        ids = torch.tensor(branch.ids)
        batch.input_ids[row, start:end] = ids
        batch.position_ids[row, start:end] = torch.arange(shared, shared + len(ids))
        batch.mask[row, 0, start:end, :shared] = True
        batch.mask[row, 0, start:end, start:end] = torch.ones(len(ids), len(ids), dtype=torch.bool).tril()
        batch.targets[row, learned : end - 1] = ids[branch.given :]
        batch.tasks[row, learned : end - 1] = TASKS.index(branch.kind)
        batch.weights[row, learned : end - 1] = branch.weight
        start = end


def _common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    length = 0
    for tokens in zip(*sequences, strict=False):
        if len(set(tokens)) > 1:
            break
        length += 1
    return length
