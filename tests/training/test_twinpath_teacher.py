"""Twinpath as the teacher: rationales of both kinds from `twinpath serve`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.errors import ConfigurationError, EngineError
from service.types import PathKind
from tests.support.served import served
from tests.support.training_data import problems
from training.data.problem import read_rationales
from training.recipe import Teacher
from training.rehearsal import script
from training.stages.teacher import sample_all

pytestmark = pytest.mark.e2e

COUNT = 4


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the service, whose model thinks before each CoT and makes a mistake in the first."""
    folder = tmp_path_factory.mktemp("service")
    rows = []
    for number, (question, _) in enumerate(script.problems(COUNT)):
        cot = script.rationale(PathKind.COT, question)
        cot = (
            f"<think>\nMaybe 99?\n</think>\n{cot}"
            if number
            else cot.replace("= 15.", "= 16.").replace("is 15", "is 16")
        )
        rows.append({"problem": question, "kind": "cot", "text": cot})
        rows.append({"problem": question, "kind": "pot", "text": script.rationale(PathKind.POT, question)})
    (folder / "script.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with served(folder, "--engine", "fake", "--fake-script", folder / "script.jsonl") as url:
        yield url


def _sample(url: str, out: Path, **changes: object) -> None:
    out.mkdir(exist_ok=True)
    settings = {"base_url": url, "model": "qwen", "style": "solve", "cot": 2, "pot": 1}
    sample_all(Teacher.model_validate(settings | changes), problems(COUNT), out, seed=1, cache=out / "cache")


def test_both_kinds_are_sampled_without_thoughts_and_with_repairs(service: str, tmp_path: Path) -> None:
    _sample(service, tmp_path)
    found = {
        kind: [r.text for r in read_rationales(tmp_path / "rationales.jsonl") if r.kind is kind] for kind in PathKind
    }
    questions = [question for question, _ in script.problems(COUNT)]
    assert found[PathKind.COT] == [script.rationale(PathKind.COT, q) for q in questions for _ in range(2)]
    assert found[PathKind.POT] == [script.rationale(PathKind.POT, q) for q in questions]
    cost = json.loads((tmp_path / "log/cost.json").read_text())
    assert (cost["failed"], cost["dollars"]) == (0, 0.0)
    assert cost["completion_tokens"] > 0


def test_a_teacher_that_is_too_slow_is_reported(tmp_path: Path) -> None:
    with served(tmp_path, "--engine", "fake", "--fake-tokens-per-s", 1) as url, pytest.raises(EngineError) as raised:
        _sample(url, tmp_path / "out", timeout_s=0.5, attempts=1, concurrency=12)
    assert "the path did not end within 0.45 s; raise teacher.timeout_s" in str(raised.value)


def test_the_url_of_the_other_api_is_refused_at_once(service: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        _sample(f"{service}/v1", tmp_path)
    assert str(raised.value).startswith(f"{service}/v1/solve does not exist (404: ")
    assert "correct teacher.base_url (without /v1)" in str(raised.value)
