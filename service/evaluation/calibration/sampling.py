"""Samples of problems, through the solver of the service. Every path of a problem ends and is recorded."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.errors import InputError
from service.evaluation.calibration.samples import Sampled, SampledPath
from service.evaluation.evaluate import Solve, solve_all
from service.evaluation.problems import LabeledProblem, is_right
from service.limits import MAX_DEADLINE_S
from service.schemas import PathBudget, PathTrace, SolveRequest, SolveResponse
from service.solve.problem import path_seed
from service.types import PathKind, Policy, Status

CUT_OFF = f"its attempts did not end in {MAX_DEADLINE_S:,} s"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Problem that has no samples.

    Args:
        id: id of its row.
        reason: reason in words.
    """

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProblemSamples:
    """Samples of the problems of a file.

    Args:
        samples: samples of each problem, in the order of the file.
        ids: ids of their rows.
        left_out: problems without samples.
    """

    samples: tuple[Sampled, ...]
    ids: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def paths_per_kind(self) -> int:
        """Largest number of paths of one kind that a problem has."""
        return max((len(sampled.of(kind)) for sampled in self.samples for kind in PathKind), default=0)

    @property
    def abstained(self) -> float:
        """Share of paths without an answer."""
        answers = [path.answer for sampled in self.samples for path in sampled.paths]
        return answers.count(None) / max(len(answers), 1)

    def right(self, kind: PathKind) -> float | None:
        """Share of right paths of a kind. None if no path is of the kind."""
        right = [path.right for sampled in self.samples for path in sampled.of(kind)]
        return sum(right) / len(right) if right else None


def sampling_requests(
    problems: Sequence[LabeledProblem], budget: PathBudget, seed: int, model: str | None = None
) -> list[SolveRequest]:
    """Request of each problem for all paths, each with its own seed.

    Args:
        problems: the problems.
        budget: number of paths of each kind.
        seed: seed from which the seed of every problem is derived.
        model: name of the served model. None is the default model.
    """
    return [
        SolveRequest(
            problem=problem.text,
            paths=budget,
            policy=Policy.FIXED,
            seed=path_seed(seed, position),
            deadline_s=MAX_DEADLINE_S,
            model=model,
            trace=True,
        )
        for position, problem in enumerate(problems)
    ]


async def sample_problems(
    solve: Solve,
    problems: Sequence[LabeledProblem],
    requests: Sequence[SolveRequest],
    concurrency: int,
    advance: Callable[[], None],
) -> ProblemSamples:
    """Sample problems. Those that the model cannot take, and those that the deadline cuts off, are left out.

    Args:
        solve: solves one request.
        problems: the problems, all with a readable gold answer.
        requests: request of each problem, from `sampling_requests`.
        concurrency: maximum number of problems that are sampled at the same time.
        advance: called after each problem.
    """

    async def solve_or_refuse(request: SolveRequest) -> SolveResponse | InputError:
        try:
            return (await solve(request)).without_thoughts()
        except InputError as error:
            return error

    responses = await solve_all(solve_or_refuse, requests, concurrency, advance)
    samples, ids, left_out = [], [], []
    for position, (problem, response) in enumerate(zip(problems, responses, strict=True)):
        if isinstance(response, InputError):
            left_out.append(LeftOut(problem.id, str(response)))
        elif response.status is Status.DEADLINE:
            left_out.append(LeftOut(problem.id, CUT_OFF))
        else:
            samples.append(_sampled(problem, response, position))
            ids.append(problem.id)
    return ProblemSamples(tuple(samples), tuple(ids), tuple(left_out))


def _sampled(problem: LabeledProblem, response: SolveResponse, position: int) -> Sampled:
    numbers: Counter[PathKind] = Counter()
    paths = []
    for path in response.trace or ():
        paths.append(_path(path, numbers[path.kind], problem.answer))
        numbers[path.kind] += 1
    # Its position is the id: a slash in an id would name a set of problems.
    return Sampled(f"{position}", problem.answer, tuple(paths), problem.text)


def _path(path: PathTrace, number: int, gold: str) -> SampledPath:
    return SampledPath(
        path.kind,
        number,
        path.text if path.kind is PathKind.POT else "",  # only programs are read again
        path.tokens,
        path.answer,
        path.stated,
        path.repaired,
        is_right(path.answer, gold),
    )
