"""The λ-weighted loss, against plain PyTorch and under splitting."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer

from service.errors import ConfigurationError
from service.types import PathKind
from tests.support import training_data
from training.data.problem import Example
from training.learn import loss
from training.learn.loss import CompletionHead, step_tokens, target
from training.learn.packing import Batch, Encoder, collate, pack


def _batch(base: Path, examples: list[Example]) -> Batch:
    encoder = Encoder(AutoTokenizer.from_pretrained(base))
    questions = dict.fromkeys(example.id for example in examples)
    groups = [[e for e in examples if e.id == id_] for id_ in questions]
    return collate([pack(group, encoder.encode(group)) for group in groups], 0)


def _model(base: Path) -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(base, attn_implementation="sdpa")


def _logits(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    return model(input_ids=batch.input_ids, position_ids=batch.position_ids, attention_mask=batch.mask).logits


def _plain(model: torch.nn.Module, batch: Batch, cot_weight: float) -> torch.Tensor:
    nll = cross_entropy(_logits(model, batch).transpose(1, 2), batch.targets, reduction="none")
    means = [
        (nll * batch.weights)[batch.tasks == task].sum() / batch.weights[batch.tasks == task].sum() for task in (0, 1)
    ]
    return cot_weight * means[0] + (1 - cot_weight) * means[1]


def _ours(
    model: torch.nn.Module, head: CompletionHead, batch: Batch, cot_weight: float, totals: torch.Tensor | None = None
) -> torch.Tensor:
    totals = step_tokens(batch.weights, batch.tasks) if totals is None else totals
    with head.expecting(target(batch.targets, batch.tasks, batch.weights, cot_weight, totals)):
        return _logits(model, batch)


def _gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def _same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], tolerance: float = 1e-5) -> None:
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=tolerance, rtol=0)


@pytest.mark.parametrize("cot_weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("chunk", [1 << 25, 2000], ids=["whole", "chunked"])
def test_loss_and_gradients_are_pytorchs(
    base: Path, cot_weight: float, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss, "CHUNK_ELEMENTS", chunk)
    batch = _batch(base, training_data.examples(3))
    plain, model = _model(base), _model(base)
    expected = _plain(plain, batch, cot_weight)
    expected.backward()
    found = _ours(model, CompletionHead(model), batch, cot_weight)
    found.backward()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    _same(_gradients(model), _gradients(plain))


@pytest.mark.parametrize(("cot_weight", "kind"), [(1.0, PathKind.COT), (0.0, PathKind.POT)])
def test_the_ends_of_lambda_are_the_single_tasks(base: Path, cot_weight: float, kind: PathKind) -> None:
    both = _batch(base, training_data.examples(3))
    alone = _batch(base, [example for example in training_data.examples(3) if example.kind is kind])
    mixed, single = _model(base), _model(base)
    _ours(mixed, CompletionHead(mixed), both, cot_weight).backward()
    nll = cross_entropy(_logits(single, alone).transpose(1, 2), alone.targets)  # the ordinary loss of one task
    nll.backward()
    _same(_gradients(mixed), _gradients(single))


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_accumulation_changes_nothing(base: Path, parts: int) -> None:
    examples = training_data.examples(4)
    examples[1] = Example(
        "scripted/0", PathKind.POT, examples[0].question, "ans = 2 + 13\n" * 9, "tiny"
    )  # uneven tokens
    whole = _batch(base, examples)
    totals = step_tokens(whole.weights, whole.tasks)
    model, split = _model(base), _model(base)
    _ours(model, CompletionHead(model), whole, 0.5).backward()
    head = CompletionHead(split)
    size = 8 // parts
    for start in range(0, 8, size):
        _ours(split, head, _batch(base, examples[start : start + size]), 0.5, totals).backward()
    _same(_gradients(model), _gradients(split))


def test_a_token_average_would_weight_the_longer_kind(base: Path) -> None:
    """A loss over all tokens alike (TRL's and others') favours the kind with longer texts."""
    batch = _batch(base, training_data.examples(4))
    cot, pot = step_tokens(batch.weights, batch.tasks).tolist()
    assert (cot, pot) == (76.0, 56.0)
    shares = target(batch.targets, batch.tasks, batch.weights, 0.5, torch.tensor([cot, pot]))
    ours = [float(shares.coefficients[shares.tasks == task].sum()) for task in (0, 1)]
    assert ours == pytest.approx([0.5, 0.5])
    assert cot / (cot + pot) == pytest.approx(76 / 132)  # the token average's implicit λ


def test_weights_count_within_their_task(base: Path) -> None:
    batch = _batch(base, training_data.examples(2))
    batch.weights[0] *= 3
    plain, model = _model(base), _model(base)
    torch.testing.assert_close(
        _ours(model, CompletionHead(model), batch, 0.5), _plain(plain, batch, 0.5), atol=1e-5, rtol=0
    )


def test_a_frozen_head_gets_no_gradient(base: Path) -> None:
    model = _model(base)
    model.get_output_embeddings().weight.requires_grad_(False)
    _ours(model, CompletionHead(model), _batch(base, training_data.examples(1)), 0.5).backward()
    assert model.get_output_embeddings().weight.grad is None


def test_outside_of_training_the_head_is_the_models(base: Path) -> None:
    model, plain = _model(base), _model(base)
    CompletionHead(model)
    ids = torch.tensor([[2, 5, 9]])
    assert torch.equal(model(input_ids=ids).logits, plain(input_ids=ids).logits)


def test_softcapped_logits_are_refused(base: Path) -> None:
    model = _model(base)
    model.config.final_logit_softcapping = 30.0
    with pytest.raises(ConfigurationError, match="softcapped"):
        CompletionHead(model)
