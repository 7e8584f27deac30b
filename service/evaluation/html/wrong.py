"""Wrong problem beside its attempts."""

from collections.abc import Iterable, Sequence

from service.evaluation.html.elements import Html, element, join
from service.evaluation.problems import is_right
from service.evaluation.scoring import ProblemResult, Solved
from service.schemas import PathTrace, Vote
from service.schemas.words import headline, number, unfinished
from service.types import PathKind, PathOutcome, Status

_KINDS: dict[str, str] = {PathKind.COT: "explanation", PathKind.POT: "program"}
_OUTCOMES = {
    PathOutcome.UNPARSED: "no answer found",
    PathOutcome.ERROR: "the program failed",
    PathOutcome.TIMEOUT: "the program took too long",
    PathOutcome.MEMORY: "the program took too much memory",
    PathOutcome.OUTPUT: "the result cannot be used",
    PathOutcome.DENIED: "not run",
    PathOutcome.CRASHED: "the program's process died",
}


def wrong_problem(solved: Solved, row: ProblemResult) -> Html:
    """Problem, gold answer, votes, and every attempt under its answer.

    Args:
        solved: the problem and its responses.
        row: its result.
    """
    trace = solved.vote.trace or []
    ended = [path for path in trace if path.outcome is not PathOutcome.ABORTED]
    groups = [_vote_group(vote, ended, solved) for vote in solved.vote.votes]
    late = [path for path in ended if not path.counted]
    return element(
        "details",
        _summary(solved, row),
        element("p", solved.problem.text, class_="question"),
        *groups,
        _group("Without a result", [path for path in ended if path.counted and path.vote is None]),
        _group("Ended after the decision: not counted", late),
        _stopped(solved, len(trace) - len(ended)),
        class_="wrong",
    )


def _summary(solved: Solved, row: ProblemResult) -> Html:
    answer = "no answer" if row.answer is None else row.answer
    confidence = None if row.answer is None else element("span", f"confidence {row.confidence:.2f}", class_="soft")
    return element(
        "summary",
        element("span", row.id, class_="id"),
        element("span", element("b", row.gold), " → ", element("b", answer, class_="bad"), class_="answers"),
        element("span", headline(solved.vote), class_=f"chip {solved.vote.verdict}"),
        confidence,
        element("span", solved.problem.text, class_="gist"),
    )


def _vote_group(vote: Vote, ended: Sequence[PathTrace], solved: Solved) -> Html:
    right = is_right(vote.answer, solved.problem.answer)
    counts = ", ".join(
        number(votes, _KINDS[kind]) for kind, votes in ((PathKind.COT, vote.cot), (PathKind.POT, vote.pot)) if votes
    )
    mark = element("span", "the right answer", class_="chip likely") if right else None
    title = join(element("b", vote.answer), element("span", f" {counts} ", class_="soft"), mark)
    return _group(title, [path for path in ended if path.vote == vote.answer]) or Html()


def _group(title: str, paths: Sequence[PathTrace]) -> Html | None:
    """Attempts under a title, explanations on the left and programs on the right. Equal texts are shown once.

    Kinds of a later version of the service have a column of their own.
    """
    if not paths:
        return None
    kinds = dict.fromkeys([*PathKind, *(path.kind for path in paths)])
    columns = [_column(path for path in paths if path.kind == kind) for kind in kinds]
    return element("section", element("h3", title), element("div", *columns, class_="columns"), class_="group")


def _column(paths: Iterable[PathTrace]) -> Html:
    alike: dict[tuple[str, str | None, PathOutcome], list[PathTrace]] = {}
    for path in paths:
        alike.setdefault((path.program or path.text, path.answer, path.outcome), []).append(path)
    return element("div", *(_attempts(same) for same in alike.values()))


def _attempts(same: Sequence[PathTrace]) -> Html:
    """One text, and the numbers of its attempts."""
    path = same[0]
    numbers = ", ".join(f"{one.index + 1}" for one in same)
    name = f"{_KINDS.get(path.kind, path.kind)}{'s' if len(same) > 1 else ''} {numbers}"
    text = path.program if path.program and path.program.strip() in path.text else path.text
    shown = element("pre", text, class_="program") if path.kind is PathKind.POT else element("p", text, class_="text")
    return element(
        "article", element("p", name, *_results(path), class_="soft"), shown, class_=f"attempt {path.kind}"
    )  # fmt: skip


def _results(path: PathTrace) -> list[Html]:
    """Answer, repair and outcome of an attempt."""
    results = []
    if path.answer is not None:
        results.append(element("span", " → ", element("b", path.answer)))
    if path.repaired:
        was = f", stated {path.stated}" if path.stated is not None and path.stated != path.answer else ""
        results.append(element("span", f" (arithmetic corrected{was})"))
    if path.outcome is not PathOutcome.VOTED:
        outcome = _OUTCOMES.get(path.outcome, path.outcome.value)
        results.append(element("span", f" {outcome}" + (f": {path.detail}" if path.detail else ""), class_="outcome"))
    return results


def _stopped(solved: Solved, started: int) -> Html | None:
    """Line on the attempts that did not end."""
    vote = solved.vote
    if vote.status is Status.DEADLINE:
        missing = unfinished(vote)
        return element("p", f"Time ran out: {number(missing, 'attempt')} cut off.", class_="soft") if missing else None
    return element("p", f"{number(started, 'attempt')} stopped by the decision.", class_="soft") if started else None
