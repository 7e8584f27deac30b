"""Conversion of solutions, paths, votes and grades to wire models."""

from collections.abc import Sequence
from typing import Any

from service.paths.cot import own_rationale
from service.schemas.grade import GradeResponse, GradeStep
from service.schemas.response import (
    CotExplanation,
    Explanation,
    PathCounts,
    PathEvent,
    PathTrace,
    ProgramExplanation,
    SolveResponse,
    TimingReport,
    Usage,
    Vote,
    VoteEvent,
)
from service.solve.explanation import best_path
from service.solve.grading import Grade
from service.solve.problem import PathResult, Solution
from service.solve.vote import Tally
from service.types import PathKind, PathOutcome

_DIGITS = 4
"""Decimal places of seconds and confidences on the wire."""


def solve_response(solution: Solution, *, trace: bool) -> SolveResponse:
    """Response of `POST /solve`. `trace` adds every path."""
    timing = solution.timing
    return SolveResponse(
        id=solution.id,
        status=solution.status,
        answer=solution.answer.text if solution.answer else None,
        value=_number(solution),
        confidence=round(solution.confidence, _DIGITS),
        calibrated=solution.calibrated,
        verdict=solution.verdict,
        explanation=_explanation(solution),
        warning=solution.warning or None,
        votes=[_vote(tally) for tally in solution.votes],
        paths=_counts(solution),
        usage=Usage(
            prompt_tokens=sum(path.prompt_tokens for path in solution.paths),
            completion_tokens=sum(path.completion_tokens for path in solution.paths),
            thinking_tokens=sum(path.thinking_tokens for path in solution.paths),
            saved_tokens=solution.saved_tokens,
        ),
        timing=TimingReport(
            queue_s=round(timing.queue_s, _DIGITS),
            engine_s=round(timing.engine_s, _DIGITS),
            sandbox_s=round(timing.sandbox_s, _DIGITS),
            total_s=round(timing.total_s, _DIGITS),
        ),
        model=solution.model,
        seed=solution.seed,
        trace=_trace(solution) if trace else None,
    )


def vote_event(tallies: Sequence[Tally], confidence: float, *, decided: bool) -> VoteEvent:
    """Event `vote`: the votes counted so far, the leader first."""
    return VoteEvent(votes=[_vote(tally) for tally in tallies], confidence=round(confidence, _DIGITS), decided=decided)


def path_event(path: PathResult) -> PathEvent:
    """Event `path`: one path that ended."""
    return PathEvent(**_path_fields(path))


def grade_response(grade: Grade, grade_id: str, model: str) -> GradeResponse:
    """Response of `POST /grade`.

    Args:
        grade: the grade.
        grade_id: id of the request.
        model: name of the served model.
    """
    return GradeResponse(
        verdict=grade.verdict,
        answer=grade.answer.text if grade.answer else None,
        given=grade.given.text if grade.given else None,
        basis=grade.basis,
        confidence=None if grade.confidence is None else round(grade.confidence, _DIGITS),
        calibrated=grade.calibrated,
        steps=[GradeStep(text=step.text, holds=step.holds, should_be=step.should_be) for step in grade.steps],
        reason=grade.reason or None,
        id=grade_id,
        model=model,
    )


def _explanation(solution: Solution) -> Explanation:
    votes = solution.votes if solution.answer else ()
    cot, program = (best_path(solution.paths, votes, kind) for kind in (PathKind.COT, PathKind.POT))
    return Explanation(
        cot=CotExplanation(
            path=cot.index,
            text=own_rationale(cot.text[cot.thought_chars :]),
            repaired=cot.repaired,
            tokens=cot.completion_tokens - cot.thinking_tokens,
        )
        if cot
        else None,
        program=ProgramExplanation(path=program.index, code=program.program, output=program.answer.text)
        if program and program.program and program.answer
        else None,
        left_out=list(solution.left_out) if votes else [],
    )


def _vote(tally: Tally) -> Vote:
    return Vote(answer=tally.answer.text, cot=tally.cot, pot=tally.pot)


def _trace(solution: Solution) -> list[PathTrace]:
    votes = {index: tally.answer.text for tally in solution.votes for index in tally.paths}
    return [
        PathTrace(**_path_fields(path), counted=path.counted, vote=votes.get(path.index)) for path in solution.paths
    ]


def _path_fields(path: PathResult) -> dict[str, Any]:
    return {
        "index": path.index,
        "kind": path.kind,
        "text": path.text,
        "answer": path.answer.text if path.answer else None,
        "outcome": path.outcome,
        "repaired": path.repaired,
        "stated": path.stated.text if path.stated else None,
        "program": path.program,
        "detail": path.detail,
        "thought_chars": path.thought_chars,
        "tokens": path.completion_tokens,
        "thinking_tokens": path.thinking_tokens,
        "seconds": round(path.seconds, _DIGITS),
    }


def _counts(solution: Solution) -> PathCounts:
    counted = [path for path in solution.paths if path.counted]
    voted = sum(path.outcome is PathOutcome.VOTED for path in counted)
    return PathCounts(
        planned=solution.planned,
        started=len(solution.paths),
        voted=voted,
        abstained=len(counted) - voted,
        aborted=len(solution.paths) - len(counted),
        cut_off=solution.cut_off,
    )


def _number(solution: Solution) -> float | None:
    if solution.answer is None or solution.answer.value is None:
        return None
    try:
        return float(solution.answer.value)
    except OverflowError:
        return None
