"""Page of the report: all stages of a run."""

from importlib import resources
from pathlib import Path

from service import __version__
from service.amounts import duration, number
from service.errors import ConfigurationError
from service.evaluation.html.document import document, header, warnings
from service.evaluation.html.elements import Html, element
from service.evaluation.html.tables import share
from training.artifact import MANIFEST
from training.data.card import DataCard
from training.recipe import Recipe
from training.report.calibration import calibration
from training.report.data import dataset, filtered, teacher, teacher_cost
from training.report.files import RunFiles, State
from training.report.learning import divergences, learning
from training.report.results import comparison, pooled, results
from training.report.stages import exported, stages, strip, total_seconds
from training.run import Run
from training.stages.dataset import CARD
from training.stages.measure import MEASUREMENT, Measurement

REPORT = "report.html"
_SECTIONS = (results, comparison, learning, filtered, dataset, teacher, calibration, exported, stages)


def write_report(run: Run) -> Path:
    """Write `report.html` into the run's directory, and return its path. Stages are not made for it.

    Raises:
        ConfigurationError: the directory has no finished stage.
    """
    if not any(run.root.glob(f"*/{MANIFEST}")):
        raise ConfigurationError(
            f"{run.root} has no finished stage; make the run with `twinpath train run`, or name its directory by --out"
        )
    path = run.root / REPORT
    fresh = path.with_suffix(".new")
    fresh.write_text(report_page(run.recipe, run.root), encoding="utf-8")
    fresh.replace(path)
    return path


def report_page(recipe: Recipe, root: Path) -> str:
    """HTML of the report. All texts of models and of the data are escaped.

    Args:
        recipe: recipe of the run.
        root: directory of the run.
    """
    files = RunFiles(recipe, root)
    styles = resources.files("training.report").joinpath("style.css").read_text(encoding="utf-8")
    body = element(
        "main",
        _header(files),
        strip(files),
        warnings(_notes(files)),
        *filter(None, (make(files) for make in _SECTIONS)),
        element("footer", f"Twinpath {__version__}. Times depend on the machine, all other figures on the seed."),
    )
    return document(f"Training of {recipe.name}", body, styles)


def _header(files: RunFiles) -> Html:
    recipe, made = files.recipe, list(files.made.values())
    line = [f"student {recipe.student.name or Path(recipe.student.model).name}", f"seed {recipe.seed}"]
    if made:
        line.append(f"commit {made[-1].manifest.commit[:12]}")
    return header("Twinpath training", recipe.name, " · ".join(line), [*_of_results(files), *_of_data(files)])


def _of_results(files: RunFiles) -> list[tuple[str, str]]:
    found = files.read("measure", MEASUREMENT, Measurement)
    if found is None:
        return []
    *_, (_, vote) = pooled(found.sets).items()
    low, high = (share(end).removesuffix(" %") for end in vote.interval)
    problems = number(vote.problems, "test problem")
    figures = [
        (share(vote.accuracy), f"right answers of the vote on {problems} (95 %: {low} to {high} %)"),
        (f"{found.tokens:,.0f}", "completion tokens per problem"),
    ]
    if vote.accuracy:  # a student without a right answer has a small error by a confidence of zero
        figures.insert(1, (f"{found.ece:.3f}", "calibration error of the confidence"))
    return figures


def _of_data(files: RunFiles) -> list[tuple[str, str]]:
    figures = []
    card = files.read("dataset", CARD, DataCard)
    if card is not None:
        kinds = "of both kinds" if len({row.kind for row in card.rows}) > 1 else "of one kind"
        figures.append((f"{sum(row.rows for row in card.rows):,}", f"training examples {kinds}"))
    if (cost := teacher_cost(files)) and round(cost.dollars, 2):
        figures.append((f"${cost.dollars:,.2f}", "paid for the teacher"))
    if seconds := total_seconds(files):
        figures.append((duration(seconds), f"in all, for {number(len(files.made), 'artifact')}"))
    return figures


def _notes(files: RunFiles) -> list[str]:
    """Sentences on a run whose figures count less, and on stages that are missing or outdated."""
    by_state = {state: [name for name, found in files.states.items() if found is state] for state in State}
    notes = []
    if files.recipe.student.model.startswith("random:"):
        notes.append("A rehearsal: the student has random weights, so its answers are noise.")
    notes += divergences(files)
    if missing := by_state[State.MISSING]:
        notes.append(f"Not made yet: {', '.join(missing)}. The command `twinpath train run` makes them.")
    if changed := by_state[State.CHANGED]:
        names = ", ".join(changed)
        notes.append(f"Made from other settings: {names}. The command `twinpath train run` makes them again.")
    if older := by_state[State.OLDER]:
        notes.append(f"Made from older inputs: {', '.join(older)}. The command `twinpath train run` makes them again.")
    return notes
