"""Work of `twinpath calibrate`: samples, calibration, and report."""

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from service.cli.calibration_run import Candidate, candidates, journals, sample_all
from service.cli.calibration_view import view
from service.cli.engine_output import engine_output_in
from service.cli.journal import Responses
from service.cli.output import build_progress
from service.cli.output_files import check_writable, make_directory, write_whole
from service.cli.problem_file import ProblemFile, read_problem_file
from service.components import build
from service.evaluation.calibration import confidence
from service.evaluation.calibration.calibrate import calibrate_best, check_number
from service.evaluation.calibration.content import CalibrationContent
from service.evaluation.calibration.fit import MIN_PROBLEMS
from service.evaluation.calibration.sampling import LeftOut, sampling_requests
from service.evaluation.html.calibration_page import calibration_page
from service.model.calibration_file import CALIBRATION_FILE
from service.printable import one_line
from service.schemas import PathBudget, SolveRequest
from service.schemas.words import number
from service.settings import Settings

_UNREAD = "its answer cannot be read"


@dataclass(frozen=True, slots=True)
class OutputDirectory:
    """Directory of a calibration."""

    path: Path

    @property
    def calibration(self) -> Path:
        """Calibration and figures."""
        return self.path / CALIBRATION_FILE

    @property
    def page(self) -> Path:
        """HTML report."""
        return self.path / "report.html"

    def prepare(self) -> None:
        """Make the directory, and check before the run that its files can be written.

        Raises:
            ConfigurationError: the directory or a file cannot be written.
        """
        make_directory("--out", self.path)
        for path in (self.calibration, self.page):
            check_writable("--out", path)


def calibrate_and_show(
    settings: Settings,
    data: Path,
    out: Path,
    *,
    columns: Mapping[str, str | None],
    model: str | None,
    prompts: Sequence[str | None],
    limit: int,
    concurrency: int,
    seed: int,
    next_options: Sequence[tuple[str, str]],
) -> None:
    """Calibrate a model on the problems of a file, print the result and write it.

    Args:
        settings: settings of the engine and the paths, with the first prompt.
        data: table of rows with a problem, its answer and an id.
        out: output directory.
        columns: column names from options, by "problem", "id" and "answer".
        model: name of the served model. None is the default model.
        prompts: prompts to try. None is the prompt of the model.
        limit: maximum number of problems.
        concurrency: problems that are sampled at the same time.
        seed: seed of the samples.
        next_options: options of the command that serves the model with its calibration.
    """
    confidence.import_libraries()
    settings = settings.model_copy(update={"calibration": None})
    files = OutputDirectory(out)
    with engine_output_in(settings.cache_dir / "engine.log") as output:
        console = output.console

        def say(line: str, style: str = "") -> None:
            console.print(one_line(line, console.encoding), style=style, markup=False, highlight=False, soft_wrap=True)

        file = read_problem_file(data, columns=columns, limit=limit, say=say)
        problems = file.readable
        check_number(len(problems))
        files.prepare()
        with build_progress(console) as progress:
            tried = candidates(build(settings, progress), model, prompts)
        budget = PathBudget(cot=settings.cot_paths, pot=settings.pot_paths)
        requests = sampling_requests(problems, budget, seed, model)
        with journals(tried, out, problems, seed) as kept:
            say(_start(file, kept, requests))
            found = asyncio.run(sample_all(tried, kept, problems, requests, console, concurrency))
        if not console.is_terminal:
            say("Fitting the calibration.")
        with console.status("Fitting the calibration"):
            unread = [LeftOut(problem.id, _UNREAD) for problem in file.unread]
            content = calibrate_best(found, unread, seed)
    command = _next_command(next_options, _prompt_of(content, tried), out)
    write_whole(files.page, calibration_page(content, command))
    write_whole(files.calibration, content.model_dump_json(indent=1) + "\n")
    console = Console(highlight=False)
    console.print(view(content, files.page))
    following = one_line(command, console.encoding)
    console.print(Text.assemble(("Next: ", "bold"), following), soft_wrap=True)  # whole, to be copied
    if model is not None:  # an adapter: the default model of the service is its base
        hint = f'Only requests with "model": "{model}" are calibrated; all others go to the base model.'
        console.print(Text(one_line(hint, console.encoding)), soft_wrap=True)


def _start(file: ProblemFile, kept: Sequence[Responses], requests: Sequence[SolveRequest]) -> str:
    """Line about the run: its problems, and its journals."""
    total = len(requests)
    of_rows = f" of {file.rows:,} rows" if file.rows > len(file.problems) else ""
    times = "" if len(kept) == 1 else f", {len(kept)} times with another prompt"
    work = f"{number(total, 'problem')}{of_rows}, each with every attempt{times}."
    if total < MIN_PROBLEMS:
        work += f" Figures from fewer than {MIN_PROBLEMS} problems are rough."
    paths = ", ".join(str(journal.path) for journal in kept)
    if recorded := sum(journal.holds(request) for journal in kept for request in requests):
        return f"{work} Resuming: {paths} {'holds' if len(kept) == 1 else 'hold'} {recorded:,}. Delete to sample again."
    return f"{work} {'Journal' if len(kept) == 1 else 'Journals'}: {paths}. A killed run resumes with the same options."


def _prompt_of(content: CalibrationContent, tried: Sequence[Candidate]) -> str | None:
    """Prompt of the calibration, as the command has it."""
    return next(one.prompt for one in tried if one.made_for == content.made_for)


def _next_command(options: Sequence[tuple[str, str]], prompt: str | None, out: Path) -> str:
    """Command that serves the model with its calibration."""
    chosen = [("--prompt", prompt)] if prompt else []
    words = [word for option in (*options, *chosen, ("--calibration", str(out))) for word in option]
    return shlex.join(["twinpath", "serve", *words])
