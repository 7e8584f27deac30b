"""transformers' Trainer with the λ-weighted loss and a fixed schedule.

Loss and gradients do not depend on how a step is split over micro-batches and processes. The order of batches is the
schedule's, and each step's log has the loss of both tasks.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import Trainer

from training.learn.loss import CompletionHead, step_tokens, target
from training.learn.packing import TASKS, Pack, collate


class Microbatches(Dataset[dict[str, torch.Tensor]]):
    """Micro-batches of a schedule as tensors.

    Args:
        batches: packs of each micro-batch.
        pad_id: token id of the padding.
    """

    def __init__(self, batches: Sequence[Sequence[Pack]], pad_id: int) -> None:
        self._batches = batches
        self._pad_id = pad_id

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        batch = collate(self._batches[index], self._pad_id)
        return {name: getattr(batch, name) for name in batch.__slots__}


def only(items: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Collator: an item already is a micro-batch."""
    (item,) = items
    return item


class MixedTrainer(Trainer):
    """Trainer with the loss L = λ·L_CoT + (1 − λ)·L_PoT. `cot_weight` is λ."""

    def __init__(self, *args: Any, cot_weight: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._cot_weight = cot_weight
        self._head = CompletionHead(self.model)
        self._nll = torch.zeros(len(TASKS))
        self._tokens = torch.zeros(len(TASKS))
        self.loss_is_scaled_for_ga = True

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Part of the step's loss of one micro-batch. `num_items_in_batch` holds the step's tokens of each task."""
        weights, tasks = inputs["weights"], inputs["tasks"]
        totals = num_items_in_batch if isinstance(num_items_in_batch, torch.Tensor) else step_tokens(weights, tasks)
        expected = target(inputs["targets"], tasks, weights, self._cot_weight, totals)
        with self._head.expecting(expected):
            outputs = model(
                input_ids=inputs["input_ids"],
                position_ids=inputs["position_ids"],
                attention_mask=inputs["mask"],
                use_cache=False,
            )
        self._nll += self._head.task_nll.cpu()
        self._tokens += torch.stack([(expected.tasks == task).sum() for task in range(len(TASKS))]).cpu()
        # Data parallelism averages gradients over processes, but this loss is a part of a sum.
        loss = outputs.logits * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add each task's mean loss since the last log."""
        if "train_loss" in logs:  # the final summary has times and a mean that differ in a resumed run
            return
        if "loss" in logs:
            sums = self.accelerator.reduce(torch.stack([self._nll, self._tokens]).to(self.args.device)).cpu()
            for index, kind in enumerate(TASKS):
                if sums[1][index]:
                    logs[f"{kind.value}_loss"] = round(float(sums[0][index] / sums[1][index]), 6)
            logs["tokens"] = int(sums[1].sum())
            self._nll.zero_()
            self._tokens.zero_()
        super().log(logs)

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], torch.Tensor | None]:
        """Micro-batches of a step, and the tokens of each task in them over all processes."""
        samples = [sample for _, sample in zip(range(num_batches), epoch_iterator, strict=False)]
        if not samples:
            return samples, None
        totals = torch.stack([step_tokens(sample["weights"], sample["tasks"]) for sample in samples]).sum(0).to(device)
        return samples, self.accelerator.reduce(totals, "sum")

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)
