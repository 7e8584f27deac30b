"""Work of a recipe: teacher, tokens and disk.

Trained tokens are an upper bound, in which every problem passes the filter.
"""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from service.types import PathKind
from training.data.teacher_client import CostMeter
from training.estimate.counts import SourceSize
from training.estimate.hardware import trained_parameters
from training.recipe import Decoding, Recipe, SelfTraining
from training.stages.teacher import requests_for

CHARS_PER_TOKEN = 2.8
"""Of word problems, equations and programs, with the tokenizers of LLaMA and Mistral."""

TEACHER_CHARS_PER_TOKEN = 3.5
FORMAT_TOKENS = 20
"""Tokens that the prompt format adds to a pack."""

_COPY_BYTES, _CHECKPOINT_BYTES = 4, 12  # of a trained parameter: float32, and with two moments
_CHECKPOINTS = 3  # two are kept while a third one is written


@dataclass(frozen=True, slots=True)
class TeacherCost:
    """Cost of the teacher.

    Args:
        requests: number of requests.
        max_dollars: cost if every reply has `teacher.max_tokens` tokens.
        typical_dollars: cost of replies as long as those of GPT-3.5.
    """

    requests: int = 0
    max_dollars: float = 0.0
    typical_dollars: float = 0.0


def teacher_cost(recipe: Recipe, sources: Sequence[SourceSize]) -> TeacherCost:
    """Cost of the teacher on all sources with `teacher = true`. Cached replies count too."""
    teacher = recipe.teacher
    if teacher is None:
        return TeacherCost()
    meter = CostMeter(teacher)
    count, maximum, typical = 0, 0.0, 0.0
    for size in sources:
        if not size.source.teacher or not size.problems:
            continue
        share = size.count / len(size.problems)  # a placeholder counts for all problems of its set
        requests = [request for problem in size.problems for request in requests_for(teacher, problem, recipe.seed)]
        count += round(share * len(requests))
        for request in requests:
            prompt = round(len(json.dumps(request.body)) / TEACHER_CHARS_PER_TOKEN)
            reply = round(size.rationale_chars[request.kind] / TEACHER_CHARS_PER_TOKEN)
            maximum += share * meter.max_cost(request)
            typical += share * meter.cost(prompt, min(reply, teacher.max_tokens))
    return TeacherCost(count, maximum, typical)


def trainings(recipe: Recipe, sources: Sequence[SourceSize]) -> dict[str, float]:
    """Maximum number of tokens of each training, by its stage."""
    steps = recipe.train.max_steps
    found = {"train": _tokens(recipe, sources, steps)}
    if recipe.self_training.enabled:
        found["self_training"] = _tokens(recipe, sources, recipe.self_training.steps or steps)
    if recipe.compare.enabled:
        for kind in PathKind:
            found[f"train-{kind}"] = _tokens(recipe, sources, recipe.compare.steps or steps)
    return found


def _tokens(recipe: Recipe, sources: Sequence[SourceSize], max_steps: int) -> float:
    whole = recipe.train.epochs * sum(_epoch_tokens(recipe, size) for size in sources)
    step = recipe.train.batch_tokens * recipe.train.accumulation * recipe.launch.processes
    return min(whole, max_steps * step) if max_steps else whole


def _epoch_tokens(recipe: Recipe, size: SourceSize) -> float:
    """Tokens of an epoch: each visit of a question is a pack. A copy with other numbers has one rationale per kind."""
    pair = sum(size.rationale_chars.values()) / CHARS_PER_TOKEN
    prompt = size.question_chars / CHARS_PER_TOKEN + FORMAT_TOKENS
    visit = min(recipe.train.max_length, prompt + recipe.train.per_kind * pair)
    copies = recipe.dataset.augment if size.source.synthetic_count is None else 0
    return size.train * (size.source.repeat * visit + copies * min(recipe.train.max_length, prompt + pair))


def sampled_tokens(recipe: Recipe, sources: Sequence[SourceSize]) -> float:
    """Number of completion tokens that the students sample, if each path is as long as a mean rationale."""
    chars = statistics.fmean(length for size in sources for length in size.rationale_chars.values())
    split = {name: sum(getattr(size.source, name) for size in sources) for name in ("dev", "test")}
    own, compare, calibrate = recipe.self_training, recipe.compare, recipe.calibrate

    def tokens(decoding: Decoding | SelfTraining, problems: int, paths: int) -> float:
        limited = min(problems, decoding.problems) if decoding.problems else problems
        return limited * paths * min(decoding.max_tokens, chars / CHARS_PER_TOKEN)

    total = 0.0
    if own.enabled:
        total += tokens(own, sum(size.train for size in sources), 2 * own.paths)
    if compare.enabled:  # three students; each path of a kind comes with a greedy one
        total += 3 * tokens(compare, split[compare.split], 2 * compare.paths + 2)
    if calibrate.enabled:
        total += max(1, len(calibrate.temperatures)) * tokens(calibrate, split["dev"], 2 * calibrate.paths + 2)
    if recipe.measure.enabled:
        whole = calibrate.model_copy(update={"problems": 0})
        total += tokens(whole, split["test"], 2 * calibrate.paths + 2)
    return total


def disk_bytes(recipe: Recipe, parameters: float) -> float:
    """Maximum number of bytes on the disk: the download, merged students, the checkpoint, adapters, and int8."""
    students = len(trainings(recipe, ()))
    models = 1 + students + 1 + bool(recipe.student.vocabulary) + recipe.export.int8 / 2
    trained = trained_parameters(parameters, recipe.train)
    adapters = trained * (students + 1) * _COPY_BYTES + _CHECKPOINTS * _CHECKPOINT_BYTES * trained
    return 2 * parameters * models + adapters
