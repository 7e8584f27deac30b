"""Work of `twinpath evaluate`: accuracy, trust, tokens and time over a file."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from rich.console import Console

from service.cli.backend import solving
from service.cli.evaluation_view import view
from service.cli.journal import Responses
from service.cli.output_files import check_writable, make_directory, write_whole
from service.cli.problem_file import read_problem_file
from service.cli.progress import row_progress
from service.cli.run_description import digest, run_of
from service.evaluation.evaluate import Evaluation, Stage, evaluate
from service.evaluation.html.page import report_page
from service.evaluation.problems import LabeledProblem
from service.printable import one_line
from service.schemas import PathBudget
from service.schemas.words import number
from service.settings import Settings

_STAGES = {Stage.VOTE: "Vote", Stage.GREEDY: "Greedy"}


@dataclass(frozen=True, slots=True)
class Outputs:
    """Files of an evaluation.

    Args:
        json: file for the figures and one row per problem.
        report: directory for the HTML report.
    """

    json: Path | None
    report: Path | None

    @property
    def journal(self) -> Path | None:
        """Journal of the run, beside the figures or in the directory of the report."""
        if self.json and (self.json.is_file() or not self.json.exists()):
            return self.json.with_suffix(".journal.jsonl")
        return self.report / "journal.jsonl" if self.report else None

    @property
    def page(self) -> Path | None:
        """HTML file of the report."""
        return self.report / "index.html" if self.report else None

    def prepare(self) -> None:
        """Check before the run that the files can be written. Files that exist stay as they are.

        Raises:
            ConfigurationError: a file or the directory cannot be written.
        """
        if self.report:
            make_directory("--report", self.report)
        for option, path in (("--json", self.json), ("--report", self.page)):
            if path:
                check_writable(option, path)

    def write(self, evaluation: Evaluation) -> None:
        """Write the figures and the report. A reader sees each file either old or whole."""
        if self.json:
            write_whole(self.json, json.dumps(asdict(evaluation.report), indent=1))
        if self.page:
            write_whole(self.page, report_page(evaluation))


def evaluate_and_show(
    settings: Settings,
    data: Path,
    *,
    columns: Mapping[str, str | None],
    limit: int | None,
    url: str | None,
    outputs: Outputs,
    concurrency: int,
    seed: int,
    model: str | None = None,
) -> None:
    """Evaluate on the problems of a file, print the figures and write the outputs.

    Args:
        settings: settings of the engine, the policy and the paths.
        data: table of rows with a problem, its answer and an id.
        columns: column names from options, by "problem", "id" and "answer".
        limit: maximum number of problems.
        url: running service. None solves in this process.
        outputs: files to write.
        concurrency: problems that are solved at the same time.
        seed: seed of the samples.
        model: name of the model that solves. Default: the default model.
    """
    console = Console(stderr=True, highlight=False)

    def say(line: str, style: str = "") -> None:
        console.print(one_line(line, console.encoding), style=style, markup=False, soft_wrap=True)

    file = read_problem_file(data, columns=columns, limit=limit, say=say)
    problems = file.problems
    outputs.prepare()
    with ExitStack() as stack:
        journal = None
        if outputs.journal:
            run = run_of(settings, choices_of(settings, problems, model), url=url, seed=seed)
            journal = stack.enter_context(Responses(outputs.journal, run))
        total = len(file.readable)
        say(_start(total, journal))
        evaluation = asyncio.run(
            _evaluate(
                settings, problems, journal, total, console, url=url, concurrency=concurrency, seed=seed, model=model
            )
        )
        outputs.write(evaluation)
    Console(highlight=False).print(view(evaluation.report, outputs.page))


async def _evaluate(
    settings: Settings,
    problems: Sequence[LabeledProblem],
    journal: Responses | None,
    total: int,
    console: Console,
    *,
    url: str | None,
    concurrency: int,
    seed: int,
    model: str | None,
) -> Evaluation:
    earlier = journal.earlier if journal else dict.fromkeys(Stage, 0)

    @contextmanager
    def progress(stage: Stage) -> Iterator[Callable[[], None]]:
        ticks = count(1)
        with row_progress(console, _STAGES[stage], total) as advance:
            advance(earlier[stage], is_old=True)
            yield lambda: advance() if next(ticks) > earlier[stage] else None  # recorded responses come at once

    async with solving(settings, url) as send:
        solve = journal.over(send) if journal else send
        return await evaluate(
            lambda request: solve(request.model_copy(update={"model": model})),
            problems,
            policy=settings.policy,
            budget=PathBudget(cot=settings.cot_paths, pot=settings.pot_paths),
            seed=seed,
            concurrency=concurrency,
            earlier_s=journal.earlier_s[Stage.VOTE] if journal else 0.0,
            progress=progress,
        )


def choices_of(settings: Settings, problems: Sequence[LabeledProblem], model: str | None = None) -> dict[str, object]:
    """Choices of the evaluation on which its responses depend."""
    return {
        "data": digest([(problem.id, problem.text, problem.answer) for problem in problems]),
        "policy": settings.policy,
        "cot": settings.cot_paths,
        "pot": settings.pot_paths,
        "served_model": model,
    }


def _start(total: int, journal: Responses | None) -> str:
    """Line about the run: its two stages, and its journal."""
    work = (
        f"{number(total, 'problem')}, each solved twice: first by the vote, then by one greedy explanation and one "
        "greedy program."
    )
    if journal is None:
        return f"{work} Without --json or --report there is no journal: a killed run starts again."
    if sum(journal.earlier.values()):
        done = f"{journal.earlier[Stage.VOTE]} votes and {journal.earlier[Stage.GREEDY]} greedy runs"
        return f"{work} Resuming: {journal.path} holds {done}. Delete it to measure again."
    return f"{work} Journal: {journal.path}. A killed run resumes with the same options."
