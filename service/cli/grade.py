"""Work of `twinpath grade PROBLEM RESPONSE`, in this process or through a service."""

import json

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from service.cli.backend import NO_MODEL, connect, remedies
from service.cli.engine_start import started_engine
from service.cli.styles import STYLES
from service.printable import one_line
from service.schemas import GradeRequest, GradeResponse, words
from service.schemas.from_solution import grade_response
from service.settings import Settings
from service.solve.grading import grade_by_expected, grade_by_vote
from service.types import GradeBasis

_ID = "grade"


async def grade_and_show(settings: Settings, request: GradeRequest, *, url: str | None, as_json: bool) -> None:
    """Grade one response and print the grade.

    Args:
        settings: settings of the engine.
        request: the request.
        url: running service. None grades in this process.
        as_json: whether to print JSON instead of the view.
    """
    grade = await (_graded_at(url, settings, request) if url else _graded_here(settings, request, as_json))
    if as_json:  # ASCII: escape sequences in a response must not reach a terminal
        print(json.dumps(grade.model_dump(mode="json"), separators=(",", ":")))
    else:
        console = Console()
        console.print(render(grade, console.encoding))


def render(grade: GradeResponse, encoding: str = "utf-8") -> Group:
    """View of a grade: the verdict, both answers, and the checked equations.

    Args:
        grade: the grade.
        encoding: encoding of the terminal.
    """
    steps = Table.grid(padding=(0, 2))
    for step in grade.steps:
        mark, style = ("holds", "green") if step.holds else ("false", "red")
        correct = "" if step.should_be is None else f"should be {step.should_be}"
        steps.add_row(Text(mark, style), Text(one_line(step.text, encoding)), Text(correct, "bold"))
    style = f"bold {STYLES[words.grade_color(grade)]}"
    compared = one_line(" ".join(filter(None, (words.comparison(grade), grade.reason))), encoding)
    head = Text.assemble((grade.verdict.value.capitalize(), style), f"   {compared}")
    parts: list[RenderableType] = [Text()]
    if grade.model == words.DEMO_MODEL and grade.basis is GradeBasis.VOTE:
        parts.append(Text(words.DEMO, "bold yellow"))
    parts.append(head)
    if grade.steps:
        parts += [Text(), steps]
    return Group(*parts)


async def _graded_at(url: str, settings: Settings, request: GradeRequest) -> GradeResponse:
    async with connect(url, settings) as client:
        with remedies():
            return await client.send_grade(request)


async def _graded_here(settings: Settings, request: GradeRequest, is_quiet: bool) -> GradeResponse:
    """Grade in this process. An engine starts only if the expected answer is not known."""
    if request.expected is not None:
        return grade_response(grade_by_expected(request.response, request.expected), _ID, NO_MODEL)
    async with started_engine(settings, is_quiet=is_quiet) as started:
        components = started.components
        with started.console.status("Solving"):
            solution = await components.solve(components.problem(request.solve_request()), _ID)
    return grade_response(grade_by_vote(request.response, solution), _ID, solution.model)
