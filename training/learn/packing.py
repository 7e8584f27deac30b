"""Packing: the rationales of a question share its prompt in one sequence.

A pack is `[shared prompt][branch][branch]…`. A branch holds the rest of its prompt (the marker), the completion and the
end-of-sequence token. Mask and positions let it see only the shared prompt and itself, so it computes exactly what a
sequence of its own would.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from service.errors import ConfigurationError
from service.paths.base import FormatV1
from service.types import PathKind
from training.data.problem import Example

LENGTH_STEP = 16
"""Batches are padded to a multiple of this. Few different shapes keep memory from fragmenting."""

TASKS = (PathKind.COT, PathKind.POT)
"""Task of a token, by its index."""


@dataclass(frozen=True, slots=True)
class Branch:
    """Tokens of one rationale.

    Args:
        kind: CoT or PoT.
        ids: the rest of the prompt, and the completion.
        prompt_length: number of prompt tokens in `ids`. The student learns only the tokens after them.
        weight: factor on the tokens within their task's mean.
    """

    kind: PathKind
    ids: tuple[int, ...]
    prompt_length: int
    weight: float


@dataclass(frozen=True, slots=True)
class Pack:
    """Shared prompt of a question, and its branches."""

    prompt: tuple[int, ...]
    branches: tuple[Branch, ...]

    def __len__(self) -> int:
        return len(self.prompt) + sum(len(branch.ids) for branch in self.branches)


Encoded = tuple[tuple[int, ...], tuple[int, ...]]
"""Tokens of an example: prompt, and completion with the end-of-sequence token."""


class Encoder:
    """Encoder of examples in the service's prompt format.

    Args:
        tokenizer: tokenizer of the student.

    Raises:
        ConfigurationError: the tokenizer has no end-of-sequence token.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if tokenizer.eos_token_id is None:
            raise ConfigurationError("the student's tokenizer has no end-of-sequence token")
        self._tokenizer = tokenizer
        self._format = FormatV1(tokenizer.bos_token or "")

    def encode(self, examples: Sequence[Example]) -> list[Encoded]:
        """Tokens of each example."""
        prompts = [self._format.prompt(example.kind, example.question) for example in examples]
        prompt_ids = self._ids(prompts)
        whole = self._ids([prompt + example.text for prompt, example in zip(prompts, examples, strict=True)])
        completions = [ids[len(prompt) :] for prompt, ids in zip(prompt_ids, whole, strict=True)]
        # A token can span the end of the prompt. The service's prompt ends there, so the
        # completion is encoded on its own.
        spanned = [at for at, prompt in enumerate(prompt_ids) if whole[at][: len(prompt)] != prompt]
        for at, ids in zip(spanned, self._ids([examples[at].text for at in spanned]), strict=True):
            completions[at] = ids
        end = (self._tokenizer.eos_token_id,)
        return [(prompt, ids + end) for prompt, ids in zip(prompt_ids, completions, strict=True)]

    def _ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        return (
            [tuple(ids) for ids in self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]] if texts else []
        )


def pack(examples: Sequence[Example], encoded: Sequence[Encoded]) -> Pack:
    """Pack examples of one question.

    Args:
        examples: the examples.
        encoded: their tokens.
    """
    shared = _common_prefix([prompt[:-1] for prompt, _ in encoded])
    branches = tuple(
        Branch(example.kind, prompt[shared:] + completion, len(prompt) - shared, example.weight)
        for example, (prompt, completion) in zip(examples, encoded, strict=True)
    )
    return Pack(encoded[0][0][:shared], branches)


@dataclass(frozen=True, slots=True)
class Batch:
    """Packs as tensors of shape (packs, length).

    Args:
        input_ids: tokens.
        position_ids: positions.
        mask: attention mask of shape (packs, 1, length, length), True where a token can attend.
        targets: token that each position must predict, and -100 elsewhere.
        tasks: index of the target's task in `TASKS`.
        weights: weight of the target, or 0 without one.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    mask: torch.Tensor
    targets: torch.Tensor
    tasks: torch.Tensor
    weights: torch.Tensor


def collate(packs: Sequence[Pack], pad_id: int, length_step: int = LENGTH_STEP) -> Batch:
    """Pad packs to one length.

    Args:
        packs: the packs.
        pad_id: token id of the padding.
        length_step: factor of the padded length.
    """
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
        end, learned = start + len(branch.ids), start + branch.prompt_length - 1
        ids = torch.tensor(branch.ids)
        batch.input_ids[row, start:end] = ids
        batch.position_ids[row, start:end] = torch.arange(shared, shared + len(ids))
        batch.mask[row, 0, start:end, :shared] = True
        batch.mask[row, 0, start:end, start:end] = torch.ones(len(ids), len(ids), dtype=torch.bool).tril()
        batch.targets[row, learned : end - 1] = ids[branch.prompt_length :]
        batch.tasks[row, learned : end - 1] = TASKS.index(branch.kind)
        batch.weights[row, learned : end - 1] = branch.weight
        start = end


def masked_text(encoder: Encoder, decode: Callable[[list[int]], str], example: Example) -> str:
    """Example as text, with its token counts. The prompt, which is not learned, is between ⟦ and ⟧."""
    ((prompt, completion),) = encoder.encode([example])
    counts = f"{len(prompt)} prompt tokens, {len(completion)} learned tokens"
    head = f"{example.id} {example.kind.value} ({example.source}): {counts}"
    return f"{head}\n⟦{decode(list(prompt))}⟧{decode(list(completion))}"


def _common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    length = 0
    for tokens in zip(*sequences, strict=False):
        if len(set(tokens)) > 1:
            break
        length += 1
    return length
