"""Sentences on a calibration, which the terminal and the report share."""

from service.amounts import number, percent
from service.evaluation.calibration.content import CalibrationContent
from service.evaluation.calibration.fit import MIN_PROBLEMS
from service.evaluation.statistics import wilson
from service.solve.verdict import LIKELY_CONFIDENCE

_MAX_IDS = 20
_MANY = 0.5


def run_words(content: CalibrationContent) -> str:
    """Problems, prompt, decoding and seed of the samples."""
    made_for = content.made_for
    thinking = "thinking · " if made_for.thinking else ""
    return (
        f"{number(content.problems, 'problem')} · prompt {made_for.prompt} · "
        f"temperature {made_for.decoding.temperature:g} · {thinking}{made_for.cot} + {made_for.pot} attempts · "
        f"seed {content.seed}"
    )


def likely_words(content: CalibrationContent) -> str:
    """Meaning of `likely`, in words."""
    found = content.likely
    if not found.problems:
        return (
            f"No answer will be likely: no vote reached a confidence of {LIKELY_CONFIDENCE:g}. Use a stronger model, "
            "or more attempts."
        )
    low, high = (percent(end, 1) for end in wilson(found.right, found.problems))
    return (
        f"On held-out problems, {percent(found.right, found.problems)} % of the likely answers were right "
        f"({found.right} of {found.problems}, 95 % interval {low} to {high} %)."
    )


def notes(content: CalibrationContent) -> list[str]:
    """Sentences on the limits of the figures."""
    found = []
    if content.problems < MIN_PROBLEMS:
        found.append(
            f"With {content.problems} problems all figures are rough, and the stopping threshold stays "
            f"{content.calibration.threshold:g}. From {MIN_PROBLEMS} problems it is chosen too."
        )
    if len(content.prompts) > 1:
        found.append(
            f"The prompt is the best of {len(content.prompts)} on these problems, so its figures are a little too "
            "high, and a small lead over another prompt may be chance."
        )
    right = {row.right for row in content.rows}
    if len(right) == 1:
        easy, other = ("right", "harder") if right == {True} else ("wrong", "easier")
        found.append(
            f"All answers were {easy}, so the confidence cannot separate good votes from bad ones. Calibrate on "
            f"{other} problems."
        )
    if content.abstained > _MANY:
        found.append(
            f"{percent(content.abstained, 1)} % of the attempts had no answer. If they were cut off, raise max_tokens "
            "and calibrate again."
        )
    if content.left_out:
        shown = ", ".join(f"{one.id} ({one.reason})" for one in content.left_out[:_MAX_IDS])
        more = ", …" if len(content.left_out) > _MAX_IDS else ""
        found.append(f"Left out: {number(len(content.left_out), 'problem')}: {shown}{more}.")
    return found
