"""Documents show the committed results."""

import subprocess
from pathlib import Path

import pytest

from benchmarks import results, tables
from benchmarks.all import COMMANDS
from tests.support.markdown import rows


@pytest.mark.parametrize("name", tables.DOCUMENTS)
def test_a_document_s_blocks_are_those_of_the_results(name: str) -> None:
    text = (tables.ROOT / name).read_text(encoding="utf-8")
    assert tables.fill(text) == text, "run `python -m benchmarks.tables`"


def test_a_block_is_written_from_its_results(tmp_path: Path) -> None:
    runs = {system: [{"tokens_per_s": rate}] for system, rate in (("service", 300.0), ("offline", 200.0))}
    results.write(tmp_path / "engine.json", {"runs": runs}, peer="1.2")
    text = tables.fill("a\n<!-- figures: engine -->\nold\n<!-- /figures -->\nb", tmp_path)
    assert text.startswith("a\n<!-- figures: engine -->\n")
    assert text.endswith("\n<!-- /figures -->\nb")
    assert "old" not in text
    assert rows(text)[-1] == {"": "ratio", "tokens/s": "1.500", "least": "1.500", "most": "1.500"}
    assert "peer 1.2" in text.splitlines()[-3]


def test_every_measured_result_has_a_block_and_a_command() -> None:
    sources = {block.source for block in tables.BLOCKS.values()}
    others = {"student-avx2", "gpu_training", "calibration"}  # of other processors, and of two commands of the service
    assert sources == {*COMMANDS, *others}
    assert {path.stem for path in results.FOLDER.glob("*.json")} <= sources


def test_new_results_are_no_change_of_the_commit_but_other_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "benchmarks/results"
    folder.mkdir(parents=True)
    figures, code = folder / "engine.json", tmp_path / "code.py"
    figures.write_text("old")
    code.write_text("old")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "first"]):
        subprocess.run([*git, *words], check=True)
    monkeypatch.setattr(results, "FOLDER", folder)
    results.write(figures, {})
    results.write(figures, {})
    assert not results.read(figures)["commit"].endswith("-dirty")
    code.write_text("new")
    results.write(figures, {})
    assert results.read(figures)["commit"].endswith("-dirty")


def test_a_block_without_results_says_so(tmp_path: Path) -> None:
    text = "<!-- figures: policy -->\n<!-- /figures -->"
    assert "Not measured yet: `python -m benchmarks.all --data FILE --only policy`." in tables.fill(text, tmp_path)


@pytest.mark.parametrize("name", ["nothing", "No_thing.2"])
def test_a_block_of_an_unknown_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        tables.fill(f"<!-- figures: {name} -->\n<!-- /figures -->", tmp_path)


def test_training_speed_is_compared_with_trl_if_it_is_installed() -> None:
    figures = {
        "tokens_per_s": {"TRL SFTTrainer": 100.0, "this project": 150.0},
        "padding": {"this project": 0.125},
        "parts_s": {"attention": 3.0, "the rest": 1.0},
        "peak_memory_gib": 2.0,
    }
    assert rows(tables.training_table(figures))[1]["times TRL"] == "1.50"
    assert "attention 75%, the rest 25%" in tables.training_table(figures)
    (alone,) = rows(tables.training_table(figures | {"tokens_per_s": {"TRL SFTTrainer": None, "this project": 150.0}}))
    assert list(alone.values()) == ["this project", "150", "", "12.5%"]
