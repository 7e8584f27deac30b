"""Model card of a checkpoint: data, teachers, measured accuracy and limits."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

from service.types import PathKind
from training.data.card import DataCard, card_table
from training.recipe import Recipe
from training.sample.calibration_errors import CalibrationErrors, calibration_error_table
from training.sample.statistics import Accuracy

TERMS = {
    "gpt": "OpenAI's terms of use: output may not be used to develop models that compete with OpenAI",
    "codex": "OpenAI's terms of use: output may not be used to develop models that compete with OpenAI",
    "gemini": "Google's Gemini API additional terms of service",
    "llama": "Meta's Llama 3 community licence: built with Llama; derived models carry its name",
    "annotation": "none beyond the data set's licence: programs derived from its annotations",
    "equation": "none beyond the data set's licence: programs derived from its equations",
    "reasoning": "those of the teachers from whose CoT the programs were derived",
    "synthetic": "none: problems drawn from the project's own templates",
    "student": "the student's own verified paths",
}
"""Terms of known teachers, by the beginning of the name. A recipe's `export.teachers` comes first."""


class Task(StrEnum):
    """Task of a student, in the words of its card."""

    WORD_PROBLEMS = "math word problems"
    YES_NO = "yes/no questions"


_LEARNED: dict[tuple[PathKind, ...], str] = {
    (PathKind.COT,): "one kind of rationale, chain-of-thought, and its paths vote",
    (PathKind.POT,): "one kind of rationale, program-of-thought, and its paths vote",
}
_LIMITS = {
    Task.WORD_PROBLEMS: "Grade-school arithmetic in English.",
    Task.YES_NO: "Yes/no questions in English, of which a guess answers half rightly.",
}


def model_card(
    recipe: Recipe,
    data: DataCard,
    teachers: Sequence[str],
    accuracy: Mapping[str, Accuracy],
    calibration_errors: Mapping[str, CalibrationErrors],
    tasks: Collection[Task] = (Task.WORD_PROBLEMS,),
) -> str:
    """The card as Markdown.

    Args:
        recipe: recipe of the checkpoint.
        data: card of the data set.
        teachers: authors of the rationales.
        accuracy: measured accuracies by set and measure. Empty if not measured.
        calibration_errors: calibration errors by set. Empty if not measured.
        tasks: tasks of the training problems.
    """
    learned = [task for task in Task if task in tasks] or [Task.WORD_PROBLEMS]
    both = "chain-of-thought and program-of-thought rationales, and both kinds vote"
    kinds = _LEARNED.get(recipe.train.kinds, both)
    built_with = " Built with Meta Llama 3." if any(teacher.startswith("llama-3") for teacher in teachers) else ""
    lines = [
        f"# {recipe.name}",
        "",
        f"A student for {' and '.join(learned)}, distilled from `{recipe.student.name or recipe.student.model}` by "
        f"Mixed Distillation (arXiv 2312.10730): one model learned {kinds}. It needs Twinpath's prompt format and "
        "parsers.",
        "",
        f"Licence: {recipe.export.licence}.{built_with}",
        "",
        "## Data",
        "",
        card_table(data),
        "## Teachers and their terms",
        "",
        "| teacher | terms of its text |",
        "|---|---|",
        *[f"| {teacher} | {_terms(teacher, recipe.export.teachers)} |" for teacher in teachers],
        "",
        "## Measured",
        "",
    ]
    if accuracy:
        lines += ["| on held-out problems | accuracy | 95 % interval |", "|---|---:|---|"]
        for name, row in accuracy.items():
            lines.append(f"| {name} | {row.accuracy:.1%} | {row.interval[0]:.1%} to {row.interval[1]:.1%} |")
    else:
        lines.append("Not measured.")
    if calibration_errors:
        lines += ["", *calibration_error_table(calibration_errors)]
    limits = [*(_LIMITS[task] for task in learned), "Other problems were not in the training."]
    lines += ["", "## Limits", "", " ".join(limits)]
    return "\n".join(lines) + "\n"


def _terms(teacher: str, own: Mapping[str, str]) -> str:
    for known in (own, TERMS):
        for name, terms in known.items():
            if teacher.startswith(name):
                return terms
    return "not stated: check before publishing"
