"""Command `twinpath grade`: the view, the JSON, and the engine that it starts or does not start."""

import io
import json
from pathlib import Path
from typing import Any

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
from service.solve.solver import Solver
from service.types import GradeBasis, GradeVerdict, Policy
from tests.cli.conftest import Run
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
    monkeypatch.setattr("service.cli.engine_start.build", lambda *_: pytest.fail("an engine is built"))
    written = run(PASTRIES, "92 - 68 = 26, so 26 more pastries", "--expected", "24", "--json")
    assert json.loads(written) == {
        "verdict": "incorrect",
        "answer": "24",
        "given": "26",
        "basis": "expected",
        "confidence": None,
        "calibrated": None,
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


def test_the_options_reach_the_vote(twinpath: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    real = Solver.solve

    async def record(self: Solver, problem: Any, *rest: Any) -> Any:
        asked.append(problem)
        return await real(self, problem, *rest)

    monkeypatch.setattr(Solver, "solve", record)
    options = ["--deadline-s", 7.5, "--temperature", 0, "--top-p", 0.5, "--max-tokens", 99, "--seed", 3]
    counts = ["--cot", 2, "--pot", 1, "--policy", "fixed"]
    code, _, err = twinpath("grade", PASTRIES, "24", "--engine", "fake", *options, *counts)
    assert (code, err) == (0, "Starting the engine.\n")
    (problem,) = asked
    assert (problem.deadline_s, problem.temperature, problem.top_p, problem.max_tokens) == (7.5, 0, 0.5, 99)
    assert (problem.seed, problem.cot, problem.pot, problem.policy) == (3, 2, 1, Policy.FIXED)


def test_an_option_out_of_range_is_refused_as_by_the_api(twinpath: Run) -> None:
    said = "twinpath: `temperature` must be a number from 0 to 2.\n"
    assert twinpath("grade", PASTRIES, "24", "--temperature", 3) == (2, "", said)


@pytest.mark.parametrize(
    ("texts", "piped"), [([PASTRIES], "24 pastries"), ([PASTRIES, "-"], "24"), (["-", "24"], PASTRIES)]
)
def test_one_text_may_be_on_standard_input(texts: list[str], piped: str, twinpath: Run) -> None:
    code, out, _ = twinpath("grade", "--expected", 24, *texts, stdin=f"{piped}\n".encode())
    assert (code, out) == (0, "\nCorrect   Given: 24. Expected: 24.\n")


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["-", "-"], "only one of PROBLEM and RESPONSE can be on standard input"),
        ([PASTRIES], "give a problem and a response, or --input"),
    ],
)
def test_two_texts_or_none_on_standard_input_are_wrong_usage(texts: list[str], said: str, twinpath: Run) -> None:
    code, out, err = twinpath("grade", *texts)
    assert (code, out) == (2, "")
    assert said in err


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
