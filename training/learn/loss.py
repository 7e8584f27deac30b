"""Loss of Mixed Distillation: L = λ·L_CoT + (1 − λ)·L_PoT.

Each part is the mean over its task's tokens in the whole optimizer step, so splitting a step changes nothing. A plain
token average would weight the kind with the longer texts more. The head is computed over completion tokens in chunks:
the logits of a large vocabulary would be the largest tensor.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from service.errors import ConfigurationError
from training.learn.packing import TASKS

CHUNK_ELEMENTS = 1 << 25
"""Number of logits per chunk: 128 MiB in float32."""


@dataclass(frozen=True, slots=True)
class Target:
    """Targets of one batch, as tensors of shape (n).

    Args:
        index: positions in the flattened batch.
        tokens: token ids to predict there.
        tasks: task index of each token.
        coefficients: factor of each token's negative log-likelihood in the loss.
    """

    index: torch.Tensor
    tokens: torch.Tensor
    tasks: torch.Tensor
    coefficients: torch.Tensor


def step_tokens(weights: torch.Tensor, tasks: torch.Tensor) -> torch.Tensor:
    """Weighted number of tokens of each task in a batch, shape (2). Their sum over a step is the denominator."""
    return torch.stack([weights[tasks == task].sum() for task in range(len(TASKS))])


def target(
    targets: torch.Tensor, tasks: torch.Tensor, weights: torch.Tensor, cot_weight: float, totals: torch.Tensor
) -> Target:
    """Targets of a batch. A token's coefficient is λ (CoT) or 1 − λ (PoT) times its weight over its task's total.

    Args:
        targets: token ids to predict, shape (packs, length).
        tasks: task indices, same shape.
        weights: weights, 0 without a target, same shape.
        cot_weight: λ.
        totals: `step_tokens` of the whole step, shape (2).
    """
    index = (weights.flatten() > 0).nonzero().squeeze(1)
    task = tasks.flatten()[index]
    share = torch.tensor([cot_weight, 1 - cot_weight], device=totals.device) / totals.clamp(min=1e-9)
    return Target(index, targets.flatten()[index], task, share[task] * weights.flatten()[index])


class CompletionHead:
    """Replacement of a model's output head: within `expecting`, the model returns the loss instead of logits.

    The head's module stays in place, so state dict, sharding and data parallelism see no change.

    Raises:
        ConfigurationError: the model has softcapped logits.
    """

    def __init__(self, model: nn.Module) -> None:
        if getattr(model.config, "final_logit_softcapping", None) is not None:
            raise ConfigurationError("students with softcapped logits are not supported")
        self._head: nn.Module = model.get_output_embeddings()
        self._plain = self._head.forward
        self._target: Target | None = None
        self.task_nll = torch.zeros(len(TASKS))
        """Summed negative log-likelihood of each task in the last batch, without λ."""
        self._head.forward = self._forward

    @contextmanager
    def expecting(self, expected: Target) -> Iterator[None]:
        """Context in which a forward pass returns the loss of `expected` as its logits."""
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
    """Σ coefficient · nll over rows (n, hidden). The forward pass computes both gradients, chunk by chunk."""

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
            chunk, expected = rows[part].to(compute), tokens[part, None]
            logits = (chunk @ cast.T).float()
            normalizer = logits.logsumexp(-1, keepdim=True)
            nll[part] = (normalizer - logits.gather(1, expected)).squeeze(1)
            gradient = logits.sub_(normalizer).exp_()
            gradient.scatter_add_(1, expected, torch.full_like(normalizer, -1.0))
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
