"""Solutions and grades as HTML for notebooks, with every text escaped."""

from html import escape

from service.schemas import words
from service.schemas.grade import GradeResponse
from service.schemas.response import SolveResponse, Vote
from service.types import Verdict

_COLORS = {"green": "#1a7f37", "blue": "#0969da", "amber": "#b35900", "red": "#cf222e", "grey": "#6e7781"}


def solution_html(response: SolveResponse) -> str:
    """Verdict, answer, votes, explanation and program of a response."""
    is_one = response.answer is not None and response.verdict is not Verdict.TORN
    color = _COLORS[words.color(response.verdict)]
    parts = [
        _headline(words.headline(response), response.answer if is_one else None, color),
        _paragraph(words.advice(response) if response.answer is None else words.meaning(response)),
        _paragraph(response.warning or ""),
        _paragraph(words.cut_off(response)),
        _votes(response.votes),
    ]
    if cot := response.explanation.cot:
        parts.append(_paragraph(cot.text))
    if program := response.explanation.program:
        parts.append(f"<pre>{escape(program.code)}</pre>{_paragraph(f'→ {program.output}')}")
    parts.append(_paragraph(words.left_out(response)))
    return _card(parts, response.model, color)


def grade_html(grade: GradeResponse) -> str:
    """Verdict, both answers and the checked equations of a grade."""
    color = _COLORS[words.grade_color(grade)]
    parts = [
        _headline(grade.verdict.capitalize(), None, color),
        _paragraph(words.comparison(grade)),
        _paragraph(grade.reason or ""),
    ]
    steps = [
        f"<li>{'✓' if step.holds else '✗'} {escape(step.text)}{_correction(step.should_be)}</li>"
        for step in grade.steps
    ]
    parts.append(f'<ul style="list-style:none">{"".join(steps)}</ul>' if steps else "")
    return _card(parts, grade.model, color)


def _card(parts: list[str], model: str, color: str) -> str:
    notice = _paragraph(words.DEMO, f"color:{_COLORS['amber']};font-weight:bold") if model == words.DEMO_MODEL else ""
    style = f"border-left:4px solid {color};padding:.1em 1em;max-width:50em;text-align:left"
    return f'<div style="{style}">{notice}{"".join(parts)}</div>'


def _headline(text: str, answer: str | None, color: str) -> str:
    shown = f' <b style="font-size:1.5em;margin-left:.5em">{escape(answer)}</b>' if answer is not None else ""
    return f'<p><b style="color:{color}">{escape(text)}</b>{shown}</p>'


def _paragraph(text: str, style: str = "white-space:pre-wrap") -> str:
    return f'<p style="{style}">{escape(text)}</p>' if text else ""


def _votes(votes: list[Vote]) -> str:
    """Table of the answers, on the scale of all counted votes."""
    total = words.counted(votes)
    rows = [
        f"<tr><td><b>{escape(vote.answer)}</b></td><td>{words.percent(words.counted([vote]), total)} %</td>"
        f"<td>{words.number(vote.cot, 'explanation')}</td><td>{words.number(vote.pot, 'program')}</td></tr>"
        for vote in votes
    ]
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _correction(should_be: str | None) -> str:
    return f" <b>should be {escape(should_be)}</b>" if should_be is not None else ""
