"""The documents show the committed results, and nothing else."""

import subprocess
from pathlib import Path

import pytest

from benchmarks import results, tables


@pytest.mark.parametrize("name", tables.DOCUMENTS)
def test_a_document_s_blocks_are_those_of_the_results(name: str) -> None:
    text = (tables.ROOT / name).read_text(encoding="utf-8")
    assert tables.fill(text) == text, "run `python -m benchmarks.tables`"


def test_a_block_is_written_from_its_results(tmp_path: Path) -> None:
    runs = {system: [{"tokens_per_s": rate}] for system, rate in (("service", 300.0), ("offline", 200.0))}
    results.write(tmp_path / "engine.json", {"runs": runs}, peer="1.2")
    text = tables.fill("a\n<!-- figures: engine -->\nold\n<!-- /figures -->\nb", tmp_path)
    before, *table, origin, after = [line for line in text.split("\n") if line][1:-1]
    assert (before, after) == ("<!-- figures: engine -->", "<!-- /figures -->")
    assert table[-1] == "| ratio | 1.500 | 1.500 | 1.500 |"
    assert "peer 1.2" in origin


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
