"""Loaders of problems."""

from pathlib import Path
from typing import Any

import pytest

from service.errors import ConfigurationError
from training.data import loaders
from training.data.problem import Problem, write_rows
from training.data.public import hub
from training.data.public.columns import rows_to_problems
from training.data.public.public_set import PublicSet
from training.data.public.sets import public_set


def _problems(name: str, rows: Any) -> list[Problem]:
    """Problems of rows as the hub has them."""
    found = hub.hub_set(public_set(name))
    return rows_to_problems(name, next(iter(found.splits.values())).rpartition("+")[2], found.read, rows)


def test_a_public_set_is_read_from_its_file_if_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def from_hub(known: PublicSet) -> list[Problem]:
        asked.append(known.name)
        return [Problem("svamp/hub", "?", "1")]

    monkeypatch.setattr(loaders, "from_hub", from_hub)
    monkeypatch.chdir(tmp_path)
    assert loaders.local_file("hf:svamp") is None
    assert [problem.id for problem in loaders.problems("hf:svamp")] == ["svamp/hub"]
    for name, split in (("svamp", "train"), ("asdiv", "test")):
        problem = Problem(f"{name}/1", "How many?", "3")
        write_rows(tmp_path / f"data/public/{name}/{split}.jsonl", [problem.row()])
        assert loaders.problems(f"hf:{name}") == loaders.problems(f"data/public/{name}/{split}.jsonl") == [problem]
        assert loaders.local_file(f"hf:{name}") == Path(f"data/public/{name}/{split}.jsonl")
    assert asked == ["svamp"]
    with pytest.raises(ConfigurationError, match=r"^unknown data set nothing; the public sets are svamp, gsm8k, "):
        loaders.problems("hf:nothing")


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        (
            "data/public/svamp/train.jsonl",
            "`twinpath train data svamp` writes it, without a network from copies of the ",
        ),
        (
            "/x/public/gsm8k/rationales-eit.jsonl",
            "`twinpath train data gsm8k --rationales` writes it, without a network",
        ),
        ("data/public/own/train.jsonl", "paths in a recipe are relative to the current directory"),
        ("svamp/train.jsonl", "paths in a recipe are relative to the current directory"),
        ("", "paths in a recipe are relative to the current directory"),
    ],
)
def test_a_missing_file_of_a_public_set_has_its_command(path: str, advice: str) -> None:
    assert loaders.advice(path).startswith(advice)
    assert advice.endswith("directory") or loaders.advice(path).endswith("--from DIR`")


def test_asdiv_answers_of_several_parts_are_one_value_or_dropped(caplog: pytest.LogCaptureFixture) -> None:
    texts = ["9 (apples)", "2 (hours); 30 (minutes)", "3 (boys); 4 (girls)", "1.5 (kg)", "Ann"]
    rows = [{"body": "Ann has 3 pens.", "question": "How many?", "answer": text} for text in texts]
    found = _problems("asdiv", rows)
    assert [(problem.id, problem.answer) for problem in found] == [
        ("asdiv/validation-0", "9"), ("asdiv/validation-1", "2.5"), ("asdiv/validation-3", "1.5"),
    ]  # fmt: skip
    assert caplog.messages == ["dropped 2 of 5 rows of asdiv: their answers are not one value"]


def test_public_sets_are_read_by_their_columns() -> None:
    rows: dict[str, dict[str, Any]] = {
        "svamp": {"Body": "Ann has 3 pens. ", "Question": "How many?", "Answer": 3.0, "Equation": "3.0", "Type": ""},
        "gsm8k": {"question": "How many?", "answer": "3 = <<3=3>>3\n#### 1,003"},
        "asdiv": {"body": "Ann has 3 pens.", "question": "How many?", "answer": "9 (apples)", "formula": "9=9"},
        "strategyqa": {"question": "Is it?", "answer": True},
        "multiarith": {"question": "How many?", "final_ans": "3"},
    }
    answers = {name: _problems(name, [row])[0].answer for name, row in rows.items()}
    assert answers == {"svamp": "3", "gsm8k": "1003", "asdiv": "9", "strategyqa": "yes", "multiarith": "3"}
    (numbered,) = _problems("svamp", [rows["svamp"] | {"ID": "chal-777", "Body": "Ann has 3 pens"}])
    assert (numbered.id, numbered.question) == ("svamp/chal-777", "Ann has 3 pens. How many?")


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("svamp", {"Body": None, "Question": "How many?", "Answer": 3, "Equation": "3"}),
        ("gsm8k", {"question": "How many?"}),
        ("gsm8k", {"question": "How many?", "answer": 3}),
        ("asdiv", {"body": 5, "question": "How many?", "answer": "9 (apples)"}),
        ("strategyqa", "text"),
    ],
)
def test_a_row_with_other_columns_is_refused_by_its_number(name: str, row: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^row 0 of hf:{name} has other columns than expected: "):
        _problems(name, [row])
