"""Page of the report: summary, plots and wrong problems."""

from service import __version__
from service.evaluation.evaluate import Evaluation
from service.evaluation.html.document import document, header, warnings
from service.evaluation.html.elements import Html, element
from service.evaluation.html.plots import plots
from service.evaluation.html.tables import accuracy_table, row
from service.evaluation.html.wrong import wrong_problem
from service.evaluation.report import Report, distinct, trust_words
from service.evaluation.scoring import MEASURE_TITLES, PATH_TITLES
from service.schemas.words import DEMO, DEMO_MODEL, MAJORITY, NOT_MEASURED, VERDICTS, duration, number, percent
from service.types import Verdict

_MAX_IDS = 20
_KIND_OF = {"vote": "both", "cot_vote": "cot", "pot_vote": "pot", "cot_greedy": "cot", "pot_greedy": "pot"}
"""Class of each measure's bar."""


def report_page(evaluation: Evaluation) -> str:
    """HTML of the report, with its styles inside. All texts of the model and of the data are escaped."""
    report = evaluation.report
    rows = zip(evaluation.solved, report.rows, strict=True)
    wrong = [wrong_problem(solved, row) for solved, row in rows if not row.right["vote"]]
    body = element(
        "main",
        _header(report),
        element("p", DEMO, class_="demo") if report.model == DEMO_MODEL else None,
        _notes(report),
        element("div", _accuracies(report), _trust(report), class_="summary"),
        plots(report),
        element("h2", f"{number(len(wrong), 'problem')} without the right answer"),
        *wrong,
        element("footer", f"Twinpath {__version__}. Seconds depend on the machine, all other figures on the seed."),
    )
    return document(f"Evaluation of {report.model}", body)


def _header(report: Report) -> Html:
    low, high = (percent(bound, 1) for bound in report.interval["vote"])
    took = duration(report.seconds)
    figures = [
        (f"{percent(report.accuracy['vote'], 1)} %", f"right answers of the vote (95 % interval: {low} to {high} %)"),
        (f"{percent(report.token_share, 1)} %", "of the tokens of a full vote, estimated"),
        (f"{report.paths_per_problem:.1f}", "attempts per problem"),
        (f"{report.completion_tokens_per_problem:,.0f}", "completion tokens per problem"),
        (f"{report.problems_per_s:.2f}", f"problems per second ({took} in all)"),
    ]
    run = f"{number(report.n, 'problem')} · policy {report.policy} · seed {report.seed}"
    return header("Twinpath evaluation", report.model, run, figures)


def _notes(report: Report) -> Html:
    """Paragraphs on what limits the figures."""
    notes = []
    if report.unread_golds:
        more = ", …" if len(report.unread_golds) > _MAX_IDS else ""
        ids = ", ".join(report.unread_golds[:_MAX_IDS])
        notes.append(f"Left out, because the expected answer cannot be read: {ids}{more}.")
    if report.cut_off:
        notes.append(f"The deadline cut off {report.cut_off} of the {number(report.n, 'vote')}.")
    if report.warned:
        votes = number(report.n, "vote")
        notes.append(f"Most paths of {report.warned} of the {votes} were cut off. {report.warning}")
    if not report.calibrated:
        notes.append(f"{NOT_MEASURED} {MAJORITY}")
    return warnings(notes)


def _accuracies(report: Report) -> Html:
    rows: list[tuple[str, float, tuple[float, float] | None, str]] = [
        (title, report.accuracy[measure], report.interval[measure], _KIND_OF[measure])
        for measure, title in MEASURE_TITLES.items()
    ]
    rows += [(title, report.paths_right[kind], None, kind) for kind, title in PATH_TITLES.items()
             if kind in report.paths_right]  # fmt: skip
    hint = (
        "Greedy: one attempt at temperature 0. Sampled: one attempt of the vote, on average over those that ended. "
        "A vote of one kind counts only the attempts that the vote of both kinds counted."
    )
    return element(
        "section",
        element("h2", "Accuracy"),
        accuracy_table("answer of", rows),
        element("p", hint, class_="hint"),
    )


def _trust(report: Report) -> Html:
    verdicts = [row("th", "when it says", "problems", "right", "share")]
    for verdict, found in report.by_verdict.items():
        share = f"{percent(found.right, found.problems)} %"
        right = ("–", "–") if verdict == Verdict.NONE else (f"{found.right}", share)
        verdicts.append(row("td", chip(verdict), f"{found.problems}", *right))
    thresholds = [row("th", "if you only take", "answered", "right", "share")]
    for point in distinct(report.by_min_confidence):
        share = f"{percent(point.right, point.answered)} %"
        thresholds.append(row("td", f"≥ {point.min_confidence:.1f}", f"{point.answered}", f"{point.right}", share))
    error = trust_words(report)
    hint = "A request with min_confidence gives no answer below that confidence."
    return element(
        "section",
        element("h2", "How far to trust it"),
        element("table", *verdicts, class_="counts"),
        element("table", *thresholds, class_="counts") if len(thresholds) > 1 else None,
        element("p", f"{hint} {error[0].upper()}{error[1:]}", class_="hint"),
    )


def chip(verdict: str) -> Html:
    """Words of a verdict in its colour."""
    return element("span", VERDICTS.get(verdict) or verdict.capitalize(), class_=f"chip {verdict}")
