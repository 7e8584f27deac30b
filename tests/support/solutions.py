"""Responses of a real vote over scripted paths."""

from collections.abc import Sequence
from typing import Any

from service.paths.base import FormatV1
from service.schemas import SolveResponse
from service.schemas.from_solution import solve_response
from service.solve.calibration import Calibration
from service.solve.problem import PathResult
from service.solve.problem_run import ProblemRun, plan
from service.solve.solver import Solver
from tests.support.engines import TurnEngine, computing_sandbox, problem, texts

CALIBRATED = Calibration(confidence_map=((0.0, 0.05), (0.5, 0.45), (0.8, 0.72), (1.0, 0.95)))


async def voted(
    votes: Sequence[int | None],
    *,
    calibrated: bool = False,
    ends: Sequence[int] | None = None,
    played: Sequence[str] | None = None,
    **changes: Any,
) -> SolveResponse:
    """Response with its trace.

    Args:
        votes: answer of each path in the fixed order, in [0, 99]. None abstains.
        calibrated: whether the model is calibrated.
        ends: indices of the paths that end before the deadline, which passes with the last of them. Default: all.
        played: texts of the paths instead of `votes`.
        changes: fields of the problem.
    """
    ended: list[int] = []

    def pass_deadline(path: PathResult, run: ProblemRun) -> None:
        ended.append(path.index)
        if ends and len(ended) == len(ends):
            run._began -= run.problem.deadline_s

    cot, pot = (len(votes) + 1) // 2, len(votes) // 2
    engine = TurnEngine(played or texts(votes, plan(cot, pot)), ends)
    sandbox = computing_sandbox()
    await sandbox.start()
    solver = Solver(engine, sandbox, FormatV1(), calibration=CALIBRATED if calibrated else None)
    solution = await solver.solve(problem(cot=cot, pot=pot, **changes), "one", pass_deadline)
    return solve_response(solution, trace=True)
