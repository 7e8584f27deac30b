"""Files of a public set, and their description."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.types import PathKind
from tests.support.public_sets import CODEX, FILES, ORIGINS, SAMPLE, mirror
from training.artifact import file_digest
from training.data.problem import Problem, Rationale, read_problems, read_rationales
from training.data.public import rationales
from training.data.public.fetch import Fetch
from training.data.public.original import Original
from training.data.public.origins import Origin, blob_id
from training.data.public.rationales import RationaleSource
from training.data.public.write import write_set


def _write(tmp_path: Path, *, with_rationales: bool = True) -> list[str]:
    lines: list[str] = []
    fetch = Fetch(tmp_path / "cache", mirror(tmp_path / "mirror"))
    write_set(SAMPLE, Original(SAMPLE, fetch, with_rationales), tmp_path / "out", lines.append)
    return [line.removeprefix(f"{tmp_path}/out/sample/") for line in lines]


def test_a_set_is_written_with_its_description(tmp_path: Path) -> None:
    assert _write(tmp_path) == [
        "train.jsonl: 2 rows, licence MIT",
        "test.jsonl: 1 rows, licence MIT",
        "rationales-codex.jsonl: 2 rows, licence MIT",
    ]
    out = tmp_path / "out/sample"
    assert sorted(file.name for file in out.iterdir()) == [
        "rationales-codex.jsonl", "source.json", "test.jsonl", "train.jsonl",
    ]  # fmt: skip
    assert read_problems(out / "train.jsonl") == [
        Problem("svamp/chal-2", "Ann has 2 pens. And 1 more?", "3"),
        Problem("svamp/chal-3", "Ann has 3 pens. And 1 more?", "4"),
    ]
    assert read_rationales(out / "rationales-codex.jsonl") == [
        Rationale("svamp/chal-2", PathKind.POT, "codex", "ans = 3"),
        Rationale("svamp/chal-3", PathKind.POT, "codex", "ans = 4"),
    ]  # the third is of a test problem
    note = json.loads((out / "source.json").read_text())
    assert (note["name"], note["split"], list(note["files"])) == (
        "sample", "By hand.", ["train.jsonl", "test.jsonl", "rationales-codex.jsonl"],
    )  # fmt: skip
    assert note["files"]["rationales-codex.jsonl"] == {
        "licence": "MIT",
        "origin": [origin.row() for origin in ORIGINS],
        "terms": "OpenAI",
        "conversion": 1,
        "made": {"rows": 2, "sha256": file_digest(out / "rationales-codex.jsonl"), "revision": ""},
    }
    assert note["files"]["train.jsonl"]["origin"] == [origin.row() for origin in ORIGINS[:2]]


def test_files_that_are_up_to_date_need_no_original(tmp_path: Path) -> None:
    assert _write(tmp_path, with_rationales=False)[1:] == ["test.jsonl: 1 rows, licence MIT"]
    assert _write(tmp_path) == [
        "train.jsonl: up to date, 2 rows",
        "test.jsonl: up to date, 1 rows",
        "rationales-codex.jsonl: 2 rows, licence MIT",
    ]
    before = {file.name: file.read_bytes() for file in (tmp_path / "out/sample").iterdir()}
    nowhere = Original(SAMPLE, Fetch(tmp_path / "cache", tmp_path / "nowhere"), with_rationales=True)
    write_set(SAMPLE, nowhere, tmp_path / "out", lambda _: None)
    (tmp_path / "out/sample/test.jsonl").unlink()
    with pytest.raises(ConfigurationError, match="is not a directory"):
        write_set(SAMPLE, nowhere, tmp_path / "out", lambda _: None)
    assert _write(tmp_path, with_rationales=False) == [
        "train.jsonl: up to date, 2 rows",
        "test.jsonl: 1 rows, licence MIT",
    ]
    assert {file.name: file.read_bytes() for file in (tmp_path / "out/sample").iterdir()} == before


def test_changed_files_and_older_conversions_are_written_again(tmp_path: Path) -> None:
    _write(tmp_path)
    out = tmp_path / "out/sample"
    with (out / "train.jsonl").open("a") as file:
        file.write("{}\n")
    assert _write(tmp_path)[:2] == ["train.jsonl: 2 rows, licence MIT", "test.jsonl: up to date, 1 rows"]
    note = (out / "source.json").read_text()
    (out / "source.json").write_text(note.replace('"conversion": 1', '"conversion": 0'))
    assert _write(tmp_path) == [
        "train.jsonl: 2 rows, licence MIT",
        "test.jsonl: 1 rows, licence MIT",
        "rationales-codex.jsonl: 2 rows, licence MIT",
    ]
    assert (out / "source.json").read_text() == note
    for damage in (note[:-20], "[]", '{"name": 1}'):
        (out / "source.json").write_text(damage)
        assert _write(tmp_path)[0] == "train.jsonl: 2 rows, licence MIT"
        assert (out / "source.json").read_text() == note


def test_a_stopped_run_resumes_with_the_missing_file(tmp_path: Path) -> None:
    fetch = Fetch(tmp_path / "cache", mirror(tmp_path / "mirror"))
    (tmp_path / "mirror" / list(FILES)[2]).unlink()
    with pytest.raises(ConfigurationError, match=r"has no file TIGER-AI-Lab/Program-of-Thoughts/outputs/codex\.jsonl"):
        write_set(SAMPLE, Original(SAMPLE, fetch, with_rationales=True), tmp_path / "out", lambda _: None)
    assert not list((tmp_path / "out").rglob("*.part"))
    assert not (tmp_path / "out/sample/rationales-codex.jsonl").exists()
    assert _write(tmp_path) == [
        "train.jsonl: up to date, 2 rows",
        "test.jsonl: up to date, 1 rows",
        "rationales-codex.jsonl: 2 rows, licence MIT",
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[", "URL does not have the expected format (JSONDecodeError: Expecting value: line 1 column 2 (char 1)); "),
        (b"\xff", "URL does not have the expected format (UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff "),
        (b'{"question": 3}', "URL does not have the expected format (AttributeError: 'str' object has no "),
        (b'[{"answer_cot": "x"}]', "URL does not have the expected format (KeyError: 'question'); report it"),
        (b'[{"question": "Bob?", "answer_cot": "x"}]', "URL has no text on a problem of sample"),
    ],
)
def test_a_file_of_another_format_is_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    origin = Origin("lqtrung1998/mwp_ReFT", "data/pot.json", blob_id(content))
    texts = replace(CODEX, origin=origin, read=rationales.gpt35_pot)
    known = replace(SAMPLE, rationales=(RationaleSource("gpt35", "MIT", "OpenAI", (texts,)),))
    (mirror(tmp_path / "mirror") / "pot.json").write_bytes(content)
    fetch = Fetch(tmp_path / "cache", tmp_path / "mirror")
    with pytest.raises(ConfigurationError) as raised:
        write_set(known, Original(known, fetch, with_rationales=True), tmp_path / "out", lambda line: None)
    assert str(raised.value).replace(origin.url, "URL").startswith(reason)
    assert not (tmp_path / "out/sample/rationales-gpt35.jsonl").exists()
