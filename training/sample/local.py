"""Sampler on transformers, in this process.

Smoke runs and the evaluation during training use it. It is slower than the service and draws other random numbers.
Format, parsers and sandbox are the service's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from service.evaluation.calibration.samples import SampledPath
from service.paths.base import FormatV1
from service.types import PathKind
from training.sample.sampling import answered

BATCH, GPU_BATCH = 32, 4096
PROMPT_TOKENS = 256
"""Assumed prompt length when a GPU's batch is sized."""


class LocalStudent:
    """Sampler and context manager.

    Args:
        model: loaded model. It is sampled on its device.
        tokenizer: its tokenizer.
        max_tokens: maximum number of completion tokens per path.
    """

    def __init__(self, model: Any, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> None:
        self._model = model
        self._tokenizer = tokenizer
        if tokenizer.pad_token is None:  # LLaMA 2 and Mistral have none; the padding is masked
            tokenizer.pad_token = tokenizer.eos_token
        self._format = FormatV1(tokenizer.bos_token or "")
        self._max_tokens = max_tokens
        self._batch = BATCH
        if model.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(model.device)
            # PyTorch keeps memory that a training has freed, and the system counts it as used.
            free += torch.cuda.memory_reserved(model.device) - torch.cuda.memory_allocated(model.device)
            self._batch = gpu_batch(free, cache_bytes(model.config, PROMPT_TOKENS + max_tokens))

    @property
    def group(self) -> int:
        """See `Sampler.group`. A batch holds one prompt of each kind per problem."""
        return self._batch // len(PathKind)

    def __enter__(self) -> "LocalStudent":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def sample(
        self, questions: Sequence[str], *, paths: Mapping[PathKind, int], temperature: float, seed: int
    ) -> list[list[SampledPath]]:
        """See `Sampler.sample`."""
        found: list[list[SampledPath]] = [[] for _ in questions]
        for index in range(-1, max(paths.values())):
            asked = [(at, k) for at in range(len(questions)) for k in PathKind if index < paths.get(k, 0) > 0]
            prompts = [self._format.prompt(kind, questions[at]) for at, kind in asked]
            texts = self._generate(prompts, temperature if index >= 0 else 0.0, seed * 1000 + index)
            for (at, kind), (text, tokens) in zip(asked, texts, strict=True):
                found[at].append(SampledPath(kind, index, text, tokens))
        with_answers = iter(answered([path for paths in found for path in paths]))
        return [[next(with_answers) for _ in paths] for paths in found]

    @torch.inference_mode()
    def _generate(self, prompts: Sequence[str], temperature: float, seed: int) -> list[tuple[str, int]]:
        mixed = self._model.dtype == torch.bfloat16  # the adapter in training is float32
        with torch.autocast(self._model.device.type, torch.bfloat16, enabled=mixed):
            return self._texts(prompts, temperature, seed)

    def _texts(self, prompts: Sequence[str], temperature: float, seed: int) -> list[tuple[str, int]]:
        torch.manual_seed(seed % 2**63)
        was_training = self._model.training
        self._model.eval()
        texts = []
        for start in range(0, len(prompts), self._batch):
            batch = self._tokenizer(
                list(prompts[start : start + self._batch]),
                return_tensors="pt",
                padding=True,
                padding_side="left",
                add_special_tokens=False,
            ).to(self._model.device)
            sampled = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
            ids = self._model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                max_new_tokens=self._max_tokens,
                pad_token_id=self._tokenizer.pad_token_id,
                eos_token_id=self._tokenizer.eos_token_id,
                **(sampled if temperature else {"do_sample": False}),
            )[:, batch["input_ids"].shape[1] :]
            texts += [self._text(row) for row in ids.cpu()]
        self._model.train(was_training)
        return texts

    def _text(self, ids: torch.Tensor) -> tuple[str, int]:
        ended = (ids == self._tokenizer.eos_token_id).nonzero()
        length = int(ended[0]) if len(ended) else len(ids)
        return self._tokenizer.decode(ids[:length], skip_special_tokens=True), min(length + 1, len(ids))


def gpu_batch(free_bytes: int, sequence_bytes: int) -> int:
    """Number of sequences that fit into a GPU's memory at once.

    Args:
        free_bytes: free memory of the GPU.
        sequence_bytes: key-value cache of one sequence.
    """
    # transformers holds the cache twice while it appends to it; a third part is left for all else.
    return max(len(PathKind), min(GPU_BATCH, free_bytes // (3 * sequence_bytes)))


def cache_bytes(config: Any, tokens: int) -> int:
    """Size of the key-value cache of a sequence in bytes, in 16-bit precision."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * 2 * int(config.num_hidden_layers * heads * width) * tokens
