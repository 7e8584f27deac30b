"""Command `twinpath grade`: the view, the JSON, and the engine that it starts or does not start."""

import io
import json
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from rich.console import Console
from typer.testing import CliRunner

from service import components
from service.cli.grade import render
from service.cli.main import app
from service.errors import ConfigurationError, InputError
from service.metrics import Metrics
from service.schemas import GradeResponse, GradeStep
from service.types import GradeBasis, GradeVerdict
from tests.support.engines import cot, lines, pot

PASTRIES = "Baker sold 68 cakes and 92 pastries. How many more pastries?"


def run(*arguments: str) -> str:
    """Standard output of the command."""
    result = CliRunner().invoke(app, ["grade", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def shown(grade: GradeResponse) -> list[str]:
    output = io.StringIO()
    Console(width=80, file=output).print(render(grade))
    return [line.rstrip() for line in output.getvalue().splitlines() if line.strip()]


def test_an_expected_answer_starts_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.cli.grade.build", lambda *_: pytest.fail("an engine is built"))
    written = run(PASTRIES, "92 - 68 = 26, so 26 more pastries", "--expected", "24", "--json")
    assert json.loads(written) == {
        "verdict": "incorrect",
        "answer": "24",
        "given": "26",
        "basis": "expected",
        "confidence": None,
        "steps": [{"text": "92 - 68 = 26", "holds": False, "should_be": "24"}],
        "reason": None,
        "id": "grade",
        "model": "none",
    }


def test_a_vote_grades_with_the_engine_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "Metrics", lambda: Metrics(CollectorRegistry()))
    rows = [{"problem": "cakes", "kind": "cot", "text": cot(24)}, {"problem": "cakes", "kind": "pot", "text": pot(24)}]
    script = lines(tmp_path / "script.jsonl", *map(json.dumps, rows))
    config = lines(tmp_path / "t.toml", 'engine = "fake"', f'fake_script = "{script}"', "sandbox_workers = 1")
    written = run(PASTRIES, "24", "--config", str(config), "--cot", "3", "--pot", "1", "--policy", "fixed", "--json")
    graded = json.loads(written)
    assert (graded["verdict"], graded["basis"], graded["confidence"]) == ("correct", "vote", 0.9688)


def test_the_view_names_both_answers_and_the_false_equation() -> None:
    grade = GradeResponse(
        verdict=GradeVerdict.INCORRECT,
        answer="24",
        given="26",
        basis=GradeBasis.VOTE,
        confidence=0.72,
        steps=[
            GradeStep(text="143 - 51 = 92", holds=True, should_be=None),
            GradeStep(text="92 - 68 = 26", holds=False, should_be="24"),
        ],
        reason=None,
        id="g",
        model="m",
    )
    assert shown(grade) == [
        "Incorrect   Given: 26. Voted: 24 (confidence 0.72).",
        "holds  143 - 51 = 92",
        "false  92 - 68 = 26   should be 24",
    ]
    expected: dict[str, object] = {"basis": GradeBasis.EXPECTED, "confidence": None, "steps": []}
    assert shown(grade.model_copy(update=expected)) == ["Incorrect   Given: 26. Expected: 24."]
    assert shown(grade.model_copy(update={"steps": [], "model": "demo"}))[0].startswith("Demo: scripted answers")
    unsure: dict[str, object] = {
        "verdict": GradeVerdict.UNDECIDED,
        "reason": "The model found no answer.",
        "answer": None,
        "steps": [],
    }
    assert shown(grade.model_copy(update=unsure)) == ["Undecided   Given: 26. The model found no answer."]


def test_a_terminal_gets_only_what_it_can_print() -> None:
    step = GradeStep(text="5 × 3\u202e\x9b = 16", holds=False, should_be="15")
    grade = GradeResponse.model_construct(
        verdict=GradeVerdict.INCORRECT, answer="15", given="16", basis=GradeBasis.EXPECTED, confidence=None,
        steps=[step], reason=None, id="g", model="none",
    )  # fmt: skip
    output = io.StringIO()
    Console(width=80, file=output).print(render(grade, "ascii"))
    assert "false  5 ? 3?? = 16  should be 15" in output.getvalue()


def test_a_negative_response_follows_two_dashes() -> None:
    assert "Given: -26. Expected: 24." in run("--expected", "24", PASTRIES, "--", "-26")


def test_what_is_wrong_is_an_error_of_the_input() -> None:
    with pytest.raises(InputError, match="`expected` states no answer"):
        run(PASTRIES, "26", "--expected", "?")
    with pytest.raises(ConfigurationError, match="--url localhost is not a URL"):
        run(PASTRIES, "26", "--url", "localhost")
