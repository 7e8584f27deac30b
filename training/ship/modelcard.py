"""The model card: what a checkpoint was made from, by whom, under which terms, and how well it did."""

from collections.abc import Mapping
from typing import Any

from training.confidence import calibration_error_table
from training.dataset import card_text
from training.recipe import Recipe

TERMS = {
    "gpt": "OpenAI's terms of use: output may not be used to develop models that compete with OpenAI",
    "codex": "OpenAI's terms of use: output may not be used to develop models that compete with OpenAI",
    "gemini": "Google's Gemini API additional terms of service",
    "llama": "Meta's Llama 3 community licence: built with Llama; derived models carry its name",
    "annotation": "none beyond the data set's licence: programs made mechanically from its annotations",
    "equation": "none beyond the data set's licence: programs made mechanically from its equations",
    "reasoning": "those of the teachers whose CoT the programs were made of",
    "stories": "none: problems drawn from the project's own templates",
    "student": "the student's own verified paths",
}
"""By the beginning of a teacher's name; a recipe's `export.teachers` comes first."""


def model_card(
    recipe: Recipe,
    data: Mapping[str, Any],
    teachers: list[str],
    accuracy: Mapping[str, Any],
    calibration_errors: Mapping[str, Any],
) -> str:
    """The card as Markdown. `accuracy` and `calibration_errors`, as `measure` finds them, are empty without it."""
    built_with = " Built with Meta Llama 3." if any(teacher.startswith("llama-3") for teacher in teachers) else ""
    lines = [
        f"# {recipe.name}",
        "",
        f"A math word problem student distilled from `{recipe.student.name or recipe.student.model}` with Mixed "
        "Distillation (arXiv 2312.10730): one model learned chain-of-thought and program-of-thought rationales, and "
        "both kinds vote. It is made for Twinpath, whose prompt format and parsers it expects.",
        "",
        f"Licence: {recipe.export.licence}.{built_with}",
        "",
        "## Data",
        "",
        card_text(data),
        "## Teachers and their terms",
        "",
        "| teacher | terms of what it wrote |",
        "|---|---|",
        *[f"| {teacher} | {_terms(teacher, recipe.export.teachers)} |" for teacher in teachers],
        "",
        "## Measured",
        "",
    ]
    if accuracy:
        lines += ["| on held-out problems | accuracy | 95 % interval |", "|---|---:|---|"]
        for name, row in accuracy.items():
            lines.append(f"| {name} | {row['accuracy']:.1%} | {row['interval'][0]:.1%} to {row['interval'][1]:.1%} |")
    else:
        lines.append("Not measured.")
    if calibration_errors:
        lines += ["", *calibration_error_table(calibration_errors)]
    lines += ["", "## Limits", "", "Grade-school arithmetic in English; other problems are outside its training."]
    return "\n".join(lines) + "\n"


def _terms(teacher: str, given: Mapping[str, str]) -> str:
    for known in (given, TERMS):
        for name, terms in known.items():
            if teacher.startswith(name):
                return terms
    return "not stated: check before publishing"
