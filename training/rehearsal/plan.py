"""Rehearsal of a recipe: the same stages in minutes on a CPU.

The student has random weights, a script is the teacher, and a few steps are trained. A source keeps its own problems if
their file exists. Otherwise it gets scripted ones.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from training.recipe import (
    RANDOM,
    SCRIPTED,
    SCRIPTED_TEACHER,
    SYNTHETIC,
    Calibrate,
    Decoding,
    Recipe,
    Source,
    Student,
    Teacher,
    Train,
)

_AnyDecoding = TypeVar("_AnyDecoding", bound=Decoding)

SUFFIX = "-rehearsal"
PROBLEMS, HELD_OUT = 40, 6
"""Number of problems per source, and how many of them at most are dev and test problems."""
STEPS, PATHS, TOKENS = 6, 2, 24
"""Maximum numbers of optimizer steps, of paths of each kind, and of completion tokens per path."""
VOCABULARY = 330
"""Approximate size of a trimmed vocabulary."""

_FAMILIES = {
    "codellama": "codellama",
    "code-llama": "codellama",
    "mistral": "mistral",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "gemma-3": "gemma3",
    "gemma3": "gemma3",
    "llama": "llama",
    "bundled": "gemma3",
}
"""Family of a student by a part of its name or of its `model_type`. The first match counts."""
_OTHER_FAMILY = "llama"


def rehearsed(recipe: Recipe, is_at_hand: Callable[[str], bool], report: Callable[[str], None] = print) -> Recipe:
    """Rehearsal of a recipe, with all of its stages.

    Args:
        recipe: the recipe.
        is_at_hand: returns whether a source's `problems` can be read without a network.
        report: function that receives one line per substitution.
    """
    sources = tuple(_source(source, number, is_at_hand, report) for number, source in enumerate(recipe.sources))
    student = _student(recipe.student, report)
    report(f"rehearsal: the teacher is a script, and the student trains for at most {STEPS} steps")
    existing = tuple(path for path in recipe.dataset.evaluation_files if Path(path).is_file())
    augment = min(recipe.dataset.augment, 1)
    own = recipe.self_training.model_copy(
        update={"engine": "transformers", "paths": 1, "problems": HELD_OUT, "max_tokens": TOKENS, "steps": STEPS // 2}
    )
    return recipe.model_copy(
        update={
            "name": recipe.name + SUFFIX,
            "student": student,
            "sources": sources,
            "teacher": _teacher(recipe.teacher),
            "dataset": recipe.dataset.model_copy(update={"augment": augment, "evaluation_files": existing}),
            "train": _train(recipe.train),
            "launch": recipe.launch.model_copy(update={"processes": 1}),
            "watch": recipe.watch.model_copy(
                update={
                    "every": min(recipe.watch.every, STEPS // 2),
                    "problems": 2,
                    "paths": 1,
                    "max_tokens": TOKENS,
                    "report_to": (),
                }
            ),
            "self_training": own,
            "compare": _few(recipe.compare).model_copy(update={"steps": min(recipe.compare.steps, STEPS // 2)}),
            "calibrate": _few(recipe.calibrate),
            "export": recipe.export.model_copy(update={"licence": "none: a model of random weights"}),
        }
    )


def _student(student: Student, report: Callable[[str], None]) -> Student:
    if student.family:
        return student
    name = _model_type(Path(student.model)) or f"{student.name} {Path(student.model).name}".lower()
    family = next((family for part, family in _FAMILIES.items() if part in name), None)
    if family is None:
        report(f"rehearsal: the architecture of {student.model} is unknown; the student is a LLaMA")
    model = RANDOM + (family or _OTHER_FAMILY)
    report(f"rehearsal: student.model is {model} in place of {student.model}")
    return Student(model=model, vocabulary=min(student.vocabulary, VOCABULARY))


def _model_type(directory: Path) -> str:
    """Architecture in a model's `config.json`. Empty without a readable one."""
    try:
        return str(json.loads((directory / "config.json").read_bytes())["model_type"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _source(source: Source, number: int, is_at_hand: Callable[[str], bool], report: Callable[[str], None]) -> Source:
    """Few problems of a source. The teacher is sampled if the source has rationales, or programs made from them."""
    changes = {
        "rationales": tuple(path for path in source.rationales if Path(path).is_file()),
        "teacher": source.teacher or bool(source.rationales) or source.derived_programs != "none",
        "dev": min(source.dev, HELD_OUT),
        "test": min(source.test, HELD_OUT),
        "limit": PROBLEMS,
    }
    if source.synthetic_count is not None and Path(source.templates).is_file():
        changes["problems"] = f"{SYNTHETIC}{min(source.synthetic_count, source.skip + PROBLEMS)}"
    elif source.synthetic_count is not None or not is_at_hand(source.problems):
        report(f"rehearsal: {source.name} has {PROBLEMS} scripted problems in place of {source.problems}")
        # Each source has problems of its own: ids must differ.
        changes |= {"problems": f"{SCRIPTED}{(number + 1) * PROBLEMS}", "skip": number * PROBLEMS}
        changes |= {"rationales": (), "derived_programs": "none"}
        changes["teacher"] = changes["teacher"] or source.synthetic_count is not None
    return source.model_copy(update=changes)


def _teacher(teacher: Teacher | None) -> Teacher:
    style = teacher.style if teacher else "chat"
    return Teacher(base_url=SCRIPTED_TEACHER, model="script", cot=PATHS, pot=PATHS, style=style)


def _train(train: Train) -> Train:
    return train.model_copy(
        update={
            "start": "",
            "epochs": min(train.epochs, 2),
            "max_steps": min(train.max_steps or STEPS, STEPS),
            "rank": 4,
            "alpha": 8,
            "batch_tokens": 1024,
            "accumulation": 1,
            "max_length": 1024,
            "save_steps": 2,
            "fsdp": False,
        }
    )


def _few(decoding: _AnyDecoding) -> _AnyDecoding:
    changes: dict[str, object] = {"engine": "transformers", "paths": PATHS, "max_tokens": TOKENS}
    if isinstance(decoding, Calibrate):
        changes["temperatures"] = decoding.temperatures[:2]
    return decoding.model_copy(update=changes)
