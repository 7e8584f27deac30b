"""The multi-task loss of Mixed Distillation: L = λ·L_CoT + (1 − λ)·L_PoT, each the mean over its task's tokens.

The means run over the whole optimizer step, over every accumulated batch and every process: the number of tokens of
each task in the step is the denominator, so that splitting a step changes nothing. A plain token average would weight
the kind with the longer texts more.

The head is computed over completion tokens only, in chunks, and never kept: with a vocabulary of a quarter million the
logits would be the largest tensor by far.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from service.errors import ConfigurationError
from training.packs import TASKS

CHUNK_ELEMENTS = 1 << 25
"""Logits computed at a time: 128 MiB in float32."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the head must predict in one batch.

    `index` (n) are positions in the flattened batch, `tokens` (n) what must be predicted there, `tasks` (n) their task,
    `coefficients` (n) what each token's negative log-likelihood counts in the loss.
    """

    index: torch.Tensor
    tokens: torch.Tensor
    tasks: torch.Tensor
    coefficients: torch.Tensor


def step_tokens(weights: torch.Tensor, tasks: torch.Tensor) -> torch.Tensor:
    """The weighted number of tokens of each task in a batch, shape (2): a step's sum of these is a denominator."""
    return torch.stack([weights[tasks == task].sum() for task in range(len(TASKS))])


def target(
    targets: torch.Tensor, tasks: torch.Tensor, weights: torch.Tensor, lam: float, totals: torch.Tensor
) -> Target:
    """What a batch's tokens count: λ (CoT) or 1 − λ (PoT) times their weight over their task's total in the step."""
    index = (weights.flatten() > 0).nonzero().squeeze(1)
    task = tasks.flatten()[index]
    share = torch.tensor([lam, 1 - lam], device=totals.device) / totals.clamp(min=1e-9)
    return Target(index, targets.flatten()[index], task, share[task] * weights.flatten()[index])


class CompletionHead:
    """Replaces a model's output head while training: the model then returns the loss where its logits would be.

    The head's module stays in its place (state dict, sharding and data parallelism see no change), only what it
    computes differs, and only within `expecting`.
    """

    def __init__(self, model: nn.Module) -> None:
        if getattr(model.config, "final_logit_softcapping", None) is not None:
            raise ConfigurationError("students with softcapped logits are not supported: their loss would be wrong")
        self._head: nn.Module = model.get_output_embeddings()
        self._plain = self._head.forward
        self._target: Target | None = None
        self.task_nll = torch.zeros(len(TASKS))
        """The summed negative log-likelihood of each task in the last batch, unweighted by λ."""
        self._head.forward = self._forward

    @contextmanager
    def expecting(self, expected: Target) -> Iterator[None]:
        """Within, a forward pass of the model returns the loss of `expected` as its logits."""
        self._target = expected
        try:
            yield
        finally:
            self._target = None

    def _forward(self, hidden: torch.Tensor) -> torch.Tensor:
        expected = self._target
        if expected is None:
            return self._plain(hidden)
        rows = hidden.reshape(-1, hidden.shape[-1])[expected.index]
        loss, nll = _ChunkedLoss.apply(rows, self._head.weight, expected.tokens, expected.coefficients)
        self.task_nll = torch.zeros(len(TASKS), device=nll.device).index_add(0, expected.tasks, nll)
        return loss


class _ChunkedLoss(torch.autograd.Function):
    """Σ coefficient · nll over rows (n, hidden), with both gradients made chunk by chunk in the forward pass."""

    @staticmethod
    def forward(
        ctx: Any, rows: torch.Tensor, weight: torch.Tensor, tokens: torch.Tensor, coefficients: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        grad_rows = torch.empty_like(rows)
        grad_weight = torch.zeros_like(weight, dtype=torch.float32) if weight.requires_grad else None
        nll = torch.empty(len(rows), dtype=torch.float32, device=rows.device)
        size = max(1, CHUNK_ELEMENTS // weight.shape[0])
        compute = rows.dtype if rows.dtype != torch.float32 or weight.dtype != torch.float32 else torch.float32
        cast = weight.to(compute)
        for start in range(0, len(rows), size):
            part = slice(start, start + size)
            chunk, wanted = rows[part].to(compute), tokens[part, None]
            logits = (chunk @ cast.T).float()
            normalizer = logits.logsumexp(-1, keepdim=True)
            nll[part] = (normalizer - logits.gather(1, wanted)).squeeze(1)
            gradient = logits.sub_(normalizer).exp_()
            gradient.scatter_add_(1, wanted, torch.full_like(normalizer, -1.0))
            gradient.mul_(coefficients[part, None])
            scaled = gradient.to(compute)
            grad_rows[part] = scaled @ cast
            if grad_weight is not None:
                grad_weight += (scaled.T @ chunk).float()
        ctx.save_for_backward(grad_rows, grad_weight if grad_weight is None else grad_weight.to(weight.dtype))
        ctx.mark_non_differentiable(nll)
        return (nll * coefficients).sum(), nll

    @staticmethod
    def backward(ctx: Any, grad_loss: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        grad_rows, grad_weight = ctx.saved_tensors
        return grad_rows * grad_loss, None if grad_weight is None else grad_weight * grad_loss, None, None
