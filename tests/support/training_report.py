"""Run with every stage, written from scripted samples without a training.

    python -m tests.support.training_report DIRECTORY

writes such a run and its `report.html`.
"""

import json
import math
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.evaluation.calibration.samples import Sampled, SampledPath
from service.types import PathKind
from training.artifact import LOG, TIME
from training.data.card import data_card
from training.data.filtered import Dropped, Filtered, FilterResult
from training.data.problem import Example, Problem, Rationale, write_rows
from training.recipe import Recipe
from training.report.page import write_report
from training.report.plan import Plan
from training.run import STAGES, Run
from training.stages.calibrate import CALIBRATION, best_temperature
from training.stages.compare import COMPARISON, Students, compare
from training.stages.dataset import CARD, DEV, TEST, TRAIN_PROBLEMS
from training.stages.filter import write_filtered
from training.stages.measure import MEASUREMENT, measure

TEACHER = "llama-3-70b"
SECONDS = {
    "teacher": 912.0,
    "filter": 71.4,
    "train": 1893.0,
    "self_training": 640.0,
    "train-cot": 955.0,
    "train-pot": 951.0,
}
"""Seconds of the slow artifacts."""
HOSTILE = '</pre></details><script>alert(1)</script><img src=x onerror="alert(1)">'


@dataclass(frozen=True, slots=True)
class Size:
    """Size of a scripted run.

    Args:
        problems: held-out problems of each of two sets.
        paths: sampled paths of each kind per problem.
        steps: steps of each training.
    """

    problems: int
    paths: int
    steps: int


SMALL, REAL = Size(12, 2, 30), Size(160, 10, 400)


def recipe(**changes: Any) -> Recipe:
    """Recipe with every stage."""
    source = {"name": "svamp", "problems": "data/public/svamp/train.jsonl", "teacher": True, "dev": 4, "test": 4}
    tables = {
        "name": "scripted",
        "student": {"model": "models/gemma-3-270m"},
        "sources": [source],
        "teacher": {"base_url": "https://key:secret@example.org/v1", "model": TEACHER, "api_key_file": "secret.key"},
        "self_training": {"enabled": True},
        "compare": {"enabled": True},
    }
    return Recipe.model_validate(tables | changes)


def write_run(root: Path, size: Size, **changes: Any) -> Run:
    """Write every stage of a run into a directory."""
    run = Run(recipe(**changes), root, report=lambda _: None)
    rng = random.Random(5)
    found: dict[str, str] = {}

    def add(name: str, build: Callable[[Path], None], inputs: tuple[str, ...] = (), **settings: Any) -> None:
        settings = Plan.of(run, dict.fromkeys(STAGES, "") | found).settings.get(name, settings)
        artifact = run.make(name, settings, {i: found[i] for i in inputs}, build)
        (artifact.path / LOG / TIME).write_text(json.dumps({"seconds": SECONDS.get(name, 4.2)}))
        found[name] = artifact.digest

    add("teacher", _teacher, teacher=run.recipe.teacher)
    add("filter", _filter, ("teacher",), filter=run.recipe.filter)
    add("dataset", _dataset, ("filter",), dataset=run.recipe.dataset)
    add("base", _base, ("dataset",))
    for name, start in (("train", 2.4), ("self_training", 0.7), ("train-cot", 2.5), ("train-pot", 2.3)):
        inputs = ("dataset", "base", "own") if name == "self_training" else ("dataset", "base")
        add(name, _training(rng, start, size.steps, name), inputs, train=run.recipe.train)
        if name == "train":
            add("own", _own, ())
    mixed, dev = student(rng, size, 0.44, 0.5), student(rng, size, 0.44, 0.5)
    calibrated = best_temperature({0.5: student(rng, size, 0.43, 0.49), 0.7: dev}, size.paths, 10, 7)
    cot, pot = student(rng, size, 0.38, 0.0, 2), student(rng, size, 0.0, 0.45, 2)
    measured = measure(mixed, size.paths, calibrated.report.calibration, 10, 7)
    compared = compare(Students(mixed, cot, pot), size.paths)
    add("compare", lambda out: compared.write(out / COMPARISON), ())
    add("calibrate", lambda out: calibrated.write(out / CALIBRATION), ())
    add("measure", lambda out: measured.write(out / MEASUREMENT), ("calibrate",))
    add("export", _export, ("base", "dataset", "filter", "calibrate", "compare", "measure"))
    return run


def student(rng: random.Random, size: Size, cot: float, pot: float, times: int = 1) -> list[Sampled]:
    """Samples of a student with these shares of right paths. Hard problems have fewer."""
    found = []
    for number in range(2 * size.problems):
        name, ease = ("svamp", 1.25) if number % 2 else ("gsm8k", 0.7)
        luck = rng.betavariate(1.2, 1.2)
        paths = [
            _path(rng, kind, index, min(0.97, 2 * luck * share * ease))
            for kind, share in ((PathKind.COT, cot), (PathKind.POT, pot))
            if share
            for index in range(-1, times * size.paths)
        ]
        found.append(Sampled(f"{name}/{number}", "7", tuple(paths), "She had 3 eggs, and then 4 more."))
    return found


def _path(rng: random.Random, kind: PathKind, index: int, share: float) -> SampledPath:
    is_right = rng.random() < share
    answer = "7" if is_right else rng.choice(["1", "12", "12", "25", "3", None])
    text = "ans = 3 + 4" if rng.random() < 0.6 else "ans = 7"
    return SampledPath(kind, index, text, rng.randint(40, 90), answer, answer, right=is_right)


def _teacher(out: Path) -> None:
    costs = {"prompt_tokens": 412_300, "completion_tokens": 655_210, "dollars": 1.1894, "lost": 2, "failed": 0}
    (out / LOG).mkdir(exist_ok=True)
    (out / LOG / "cost.json").write_text(json.dumps(costs) + "\n")


def _dropped(kind: PathKind, result: FilterResult, text: str, found: str = "") -> Dropped:
    rationale = Rationale("svamp/chal-12", kind, TEACHER, text)
    return Dropped(rationale, result, found, "A pen costs 3 dollars. How much do 7 pens cost?", "21")


def _filter(out: Path) -> None:
    counts = {
        (TEACHER, PathKind.COT): {"KEPT": 2873, "HELD_OUT": 610, "UNPARSED": 44, "WRONG": 391, "EQUATIONS": 57, "DUPLICATE": 208},
        (TEACHER, PathKind.POT): {"KEPT": 2411, "HELD_OUT": 610, "FAILED": 63, "WRONG": 447, "DUPLICATE": 652},
        ("reasoning", PathKind.POT): {"KEPT": 1704, "UNPARSED": 12, "WRONG": 38, "OVER_LIMIT": 120},
    }  # fmt: skip
    report = {key: Counter({FilterResult[name]: n for name, n in found.items()}) for key, found in counts.items()}
    dropped = [
        _dropped(PathKind.COT, FilterResult.WRONG, "3 + 7 = 10, so 10 dollars. The answer is 10", "10"),
        _dropped(PathKind.COT, FilterResult.WRONG, f"{HOSTILE} The answer is 4", "4"),
        _dropped(PathKind.POT, FilterResult.WRONG, "price = 3\npens = 7\nans = price + pens", "10"),
        _dropped(PathKind.COT, FilterResult.EQUATIONS, "3 * 7 = 22, about 21. The answer is 21", "21"),
        _dropped(PathKind.POT, FilterResult.FAILED, "ans = total / 0", "error"),
        _dropped(PathKind.COT, FilterResult.UNPARSED, "I am sorry. " * 200),
    ]
    write_filtered(Filtered((), report, tuple(dropped)), out)


def _own(out: Path) -> None:
    report = {("student", kind): Counter({FilterResult.KEPT: 512, FilterResult.DUPLICATE: 97}) for kind in PathKind}
    write_filtered(Filtered((), report, ()), out)


def _base(out: Path) -> None:
    (out / "model.txt").write_text("models/gemma-3-270m\n")


def _dataset(out: Path) -> None:
    for number, name in enumerate((DEV, TEST, TRAIN_PROBLEMS)):
        write_rows(out / name, [Problem(f"svamp/{number}", "How many are 3 + 4?", "7").row()])
    examples = [
        Example(f"{source}/{number}", kind, f"How many is {number}?", "ans = 1 + " * (3 + number % 9), source)
        for source, count in (("svamp", 57), ("svamp+numbers", 31), ("gsm8k", 90))
        for number in range(count)
        for kind in PathKind
    ]
    data_card(examples, {"dev": ["How many is 3?"], "test": ["How many are there?", "How many is 3?"]}).write(
        out / CARD
    )


def _training(rng: random.Random, start: float, steps: int, name: str) -> Callable[[Path], None]:
    kinds = [kind for kind in PathKind if name in ("train", "self_training", f"train-{kind.value}")]

    def build(out: Path) -> None:
        rows: list[dict[str, Any]] = []
        for step in range(1, steps + 1):
            floor = {PathKind.COT: 0.42, PathKind.POT: 0.24}
            fall = (start - 0.4) * math.exp(-9 * step / steps)
            losses = {f"{kind.value}_loss": (floor[kind] + fall) * rng.lognormvariate(0, 0.09) for kind in kinds}
            rows.append({"step": step, "tokens": rng.randint(900, 1200)} | losses)
        write_rows(out / "history.jsonl", rows)
        if name == "train":
            shares = [(0.08 + 0.4 * n / 8, 0.1 + 0.44 * n / 8, 0.07 + 0.52 * n / 8) for n in range(1, 9)]
            watched = [
                {"step": steps * n // 8, "cot": cot, "pot": pot, "vote": vote}
                for n, (cot, pot, vote) in enumerate(shares, 1)
            ]
            write_rows(out / LOG / "watch.jsonl", watched)
            memory = [{"minutes": n / 4, "gib": min(19.2, 9 + n), "device": "NVIDIA H200"} for n in range(steps)]
            write_rows(out / LOG / "memory.jsonl", memory)

    return build


def _export(out: Path) -> None:
    for name, size in (("model", 3 << 18), ("adapter", 5000), ("int8", 1 << 18)):
        (out / name).mkdir()
        (out / name / "model.safetensors").write_bytes(b"\0" * size)


if __name__ == "__main__":
    print(write_report(write_run(Path(sys.argv[1]), REAL)))
