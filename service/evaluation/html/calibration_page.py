"""Page of a calibration: meaning of the verdicts, plots, and facts."""

from collections.abc import Iterator

from service.amounts import percent
from service.evaluation.calibration.content import CalibrationContent, PromptResult
from service.evaluation.calibration.notes import likely_words, notes, run_words
from service.evaluation.calibration_error import reliability
from service.evaluation.html.calibration_parts import map_figure, thresholds_hint, thresholds_table
from service.evaluation.html.document import document, header, warnings
from service.evaluation.html.elements import Html, element
from service.evaluation.html.figures import coverage_figure, reliability_figure
from service.evaluation.html.page import chip
from service.evaluation.html.tables import accuracy_table, row, share, table
from service.evaluation.report import BINS, VerdictCount
from service.evaluation.statistics import wilson
from service.model.calibration_file import MadeFor
from service.schemas.words import DEMO, DEMO_MODEL
from service.types import Verdict

_DIGITS = 12


def calibration_page(content: CalibrationContent, command: str) -> str:
    """HTML of the report, with its styles inside. All texts of the model and of the data are escaped.

    Args:
        content: the calibration and its figures.
        command: command that serves the model with the calibration.
    """
    body = element(
        "main",
        _header(content),
        element("p", DEMO, class_="demo") if content.made_for.model == DEMO_MODEL else None,
        warnings(notes(content)),
        element("div", _meaning(content, command), _thresholds(content), class_="summary"),
        element("div", *_plots(content), class_="plots"),
        element("div", _prompts(content.prompts), _facts(content), class_="summary"),
        element("footer", f"Twinpath {content.twinpath}. All figures depend on the seed, none on the machine's speed."),
    )
    return document(f"Calibration of {content.made_for.model}", body)


def _header(content: CalibrationContent) -> Html:
    likely = content.likely
    right = round(content.accuracy * content.problems)
    low, high = (percent(end, 1) for end in wilson(right, content.problems))
    figures = [
        (_of(likely.right, likely.problems), f"of the likely answers were right ({likely.right} of {likely.problems})"),
        (_of(likely.problems, content.problems), "of the problems had a likely answer"),
        (_of(right, content.problems), f"right answers of the vote (95 % interval: {low} to {high} %)"),
        (
            f"{content.calibration_error:.3f}",
            f"calibration error; the agreement of the attempts has {content.calibration_error_before:.3f}",
        ),
        (share(content.token_share), "of the tokens of a full vote"),
    ]
    return header("Twinpath calibration", content.made_for.model, run_words(content), figures)


def _of(part: float, whole: float) -> str:
    return f"{percent(part, whole)} %" if whole else "–"


def _meaning(content: CalibrationContent, command: str) -> Html:
    head = ("when it says", "problems", "right", "share", "95 % interval")
    perfect = content.calibration_error_if_perfect
    held_out = (
        "The confidence of each problem comes from a map that was fitted on other problems. By chance, the calibration "
        f"error of a perfect confidence would be {perfect.median:.3f} (median) and at most {perfect.p95:.3f} (95 %)."
    )
    return element(
        "section",
        element("h2", "What the words will mean"),
        element("p", likely_words(content)),
        table("counts", head, (_verdict(*found) for found in content.by_verdict.items())),
        element("p", held_out, class_="hint"),
        element("p", "Serve the model with this calibration:"),
        element("pre", command, class_="program"),
    )


def _verdict(verdict: str, found: VerdictCount) -> tuple[str, ...]:
    low, high = (percent(end, 1) for end in wilson(found.right, found.problems))
    figures = (f"{found.right}", _of(found.right, found.problems), f"{low} to {high} %")
    return (chip(verdict), f"{found.problems}", *(("–",) * 3 if verdict == Verdict.NONE else figures))


def _thresholds(content: CalibrationContent) -> Html:
    return element(
        "section",
        element("h2", "When a vote stops"),
        thresholds_table(content.thresholds, content.calibration.threshold),
        thresholds_hint(content.problems),
    )


def _plots(content: CalibrationContent) -> Iterator[Html]:
    answered = [one for one in content.rows if one.answer is not None]
    if not answered:
        return
    without = content.problems - len(answered)
    befores, rights = [one.before for one in answered], [one.right_before for one in answered]
    yield reliability_figure(reliability(befores, rights, BINS), without, "Before: the agreement of the attempts")
    confidences, right = [one.confidence for one in answered], [one.right for one in answered]
    yield reliability_figure(reliability(confidences, right, BINS), without, "After: the measured confidence")
    yield coverage_figure(confidences, right, content.problems)
    curve = map_figure(content.calibration)
    if curve:
        yield curve


def _prompts(prompts: tuple[PromptResult, ...]) -> Html | None:
    if len(prompts) == 1:
        return None
    rows = ((one.name, one.right / one.problems, wilson(one.right, one.problems), "both") for one in prompts)
    singles = (
        (one.name, *("–" if value is None else share(value) for value in (one.cot, one.pot)), f"{one.tokens:,.0f}")
        for one in prompts
    )
    return element(
        "section",
        element("h2", "Prompts"),
        accuracy_table("full vote with the prompt", rows, digits=1),
        table("counts", ("prompt", "one explanation", "one program", "tokens per problem"), singles),
        element(
            "p", "All prompts were sampled on the same problems. The calibration is for the best one.", class_="hint"
        ),
    )


def _thinking(made_for: MadeFor) -> str:
    if not made_for.thinking:
        return "no"
    return "yes" if made_for.thinking_tokens is None else f"yes, up to {made_for.thinking_tokens:,} tokens per attempt"


def _facts(content: CalibrationContent) -> Html:
    made_for, calibration = content.made_for, content.calibration
    facts = {
        "model": made_for.model,
        "files of the model (SHA-256)": made_for.files[:_DIGITS] or "–",
        "weights of the model (SHA-256 of parts)": made_for.weights[:_DIGITS] or "–",
        "prompt": f"{made_for.prompt} (SHA-256 of its wording: {made_for.wording[:_DIGITS]})",
        "thinking": _thinking(made_for),
        "temperature, top_p": f"{made_for.decoding.temperature:g}, {made_for.decoding.top_p:g}",
        "maximum number of tokens per attempt": f"{made_for.max_tokens:,}",
        "attempts": f"{made_for.cot} explanations, {made_for.pot} programs",
        "stopping threshold": f"{calibration.threshold:g}",
        "shift if all numbers of the problem are used": f"{calibration.all_numbers_shift:+.2f}",
        "shift if a number is left out": f"{calibration.left_out_shift:+.2f}",
    }
    rows = (row("td", name, value) for name, value in facts.items())
    hint = "The service does not use this calibration for another model, prompt or sampling, or for fewer tokens."
    return element(
        "section",
        element("h2", "Made for"),
        element("table", *rows, class_="facts"),
        element("p", hint, class_="hint"),
    )
