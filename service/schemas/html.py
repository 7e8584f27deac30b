"""Solutions and grades as HTML for notebooks. Every text of a model or a caller is escaped."""

from html import escape

from service.schemas import words
from service.schemas.grade import GradeResponse
from service.schemas.response import SolveResponse, Vote
from service.types import GradeBasis, GradeVerdict, Verdict

_GREEN, _BLUE, _AMBER, _RED, _GREY = "#1a7f37", "#0969da", "#b35900", "#cf222e", "#6e7781"
_VERDICT_COLORS = {
    Verdict.LIKELY: _GREEN,
    Verdict.AGREED: _BLUE,
    Verdict.UNSURE: _AMBER,
    Verdict.TORN: _AMBER,
    Verdict.NONE: _GREY,
}
_GRADE_COLORS = {
    GradeVerdict.CORRECT: _GREEN,
    GradeVerdict.INCORRECT: _RED,
    GradeVerdict.UNDECIDED: _GREY,
}
_BELOW_MINIMUM = "The confidence is below the minimum of the request. Check the votes yourself, or lower the minimum."


def solution_html(response: SolveResponse) -> str:
    """Verdict, answer, votes, explanation and program of a response."""
    is_one = response.answer is not None and response.verdict is not Verdict.TORN
    late = words.cut_off(response)
    parts = [
        _headline(words.headline(response), response.answer if is_one else None, _VERDICT_COLORS[response.verdict]),
        _paragraph(_meaning(response)),
        _paragraph(f"{late}.") if late else "",
        _votes(response.votes),
    ]
    if cot := response.explanation.cot:
        parts.append(_paragraph(cot.text))
    if program := response.explanation.program:
        parts.append(f"<pre>{escape(program.code)}</pre>{_paragraph(f'→ {program.output}')}")
    return _card(parts, response.model, _VERDICT_COLORS[response.verdict])


def grade_html(grade: GradeResponse) -> str:
    """Verdict, both answers and the checked equations of a grade."""
    is_vote = grade.basis is GradeBasis.VOTE
    # Green is for measured answers. The grade does not contain whether the model was measured.
    color = _BLUE if is_vote and grade.verdict is GradeVerdict.CORRECT else _GRADE_COLORS[grade.verdict]
    source = f"vote, confidence {grade.confidence:.2f}" if is_vote and grade.confidence is not None else grade.basis
    answers = [f"Given: {grade.given}"] * (grade.given is not None)
    answers += [f"Answer: {grade.answer} ({source})"] * (grade.answer is not None)
    parts = [
        _headline(grade.verdict.capitalize(), None, color),
        _paragraph(". ".join(answers)),
        _paragraph(grade.reason or ""),
    ]
    steps = [
        f"<li>{'✓' if step.holds else '✗'} {escape(step.text)}{_correction(step.should_be)}</li>"
        for step in grade.steps
    ]
    parts.append(f'<ul style="list-style:none">{"".join(steps)}</ul>' if steps else "")
    return _card(parts, grade.model, color)


def _card(parts: list[str], model: str, color: str) -> str:
    notice = _paragraph(words.DEMO, f"color:{_AMBER};font-weight:bold") if model == words.DEMO_MODEL else ""
    style = f"border-left:4px solid {color};padding:.1em 1em;max-width:50em;text-align:left"
    return f'<div style="{style}">{notice}{"".join(parts)}</div>'


def _headline(text: str, answer: str | None, color: str) -> str:
    shown = f' <b style="font-size:1.5em;margin-left:.5em">{escape(answer)}</b>' if answer is not None else ""
    return f'<p><b style="color:{color}">{escape(text)}</b>{shown}</p>'


def _paragraph(text: str, style: str = "white-space:pre-wrap") -> str:
    return f'<p style="{style}">{escape(text)}</p>' if text else ""


def _meaning(response: SolveResponse) -> str:
    if response.answer is not None:
        return words.meaning(response)
    return _BELOW_MINIMUM if response.votes else words.advice(response, 0.0)


def _votes(votes: list[Vote]) -> str:
    """Table of the answers, on the scale of all counted votes."""
    total = sum(vote.cot + vote.pot for vote in votes)
    rows = [
        f"<tr><td><b>{escape(vote.answer)}</b></td><td>{words.percent(vote.cot + vote.pot, total)} %</td>"
        f"<td>{words.number(vote.cot, 'explanation')}</td><td>{words.number(vote.pot, 'program')}</td></tr>"
        for vote in votes
    ]
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _correction(should_be: str | None) -> str:
    return f" <b>should be {escape(should_be)}</b>" if should_be is not None else ""
