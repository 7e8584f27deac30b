"""Command `twinpath train data`."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.errors import ConfigurationError
from tests.support.public_sets import SAMPLE, mirror
from training.cli import app
from training.data.public.command import bring, sets_text, urls_text
from training.data.public.origins import COMMITS
from training.data.public.sets import PUBLIC_SETS, public_set

ALL_ORIGINS = [origin for known in PUBLIC_SETS.values() for origin in known.origins(with_rationales=True)]


def test_every_file_is_pinned() -> None:
    assert {origin.repository for origin in ALL_ORIGINS} == set(COMMITS)
    assert all(re.fullmatch("[0-9a-f]{40}", pin) for pin in [*COMMITS.values(), *(o.blob for o in ALL_ORIGINS)])
    assert len({origin.blob for origin in ALL_ORIGINS}) == len({origin.places[0] for origin in ALL_ORIGINS}) == 36


def test_one_folder_holds_the_files_of_a_set() -> None:
    for known in PUBLIC_SETS.values():
        origins = known.origins(with_rationales=True)
        assert len({origin.places[-1] for origin in origins}) == len(origins)


def test_every_set_has_rows_a_licence_and_files_of_its_own() -> None:
    assert list(PUBLIC_SETS) == ["svamp", "gsm8k", "asdiv", "multiarith", "strategyqa", "mawps"]
    for known in PUBLIC_SETS.values():
        assert min(known.rows.values()) > 0
        assert known.licence
        names = [source.file_name for source in known.rationales]
        assert len(set(names)) == len(names)
        assert all(texts.rows is None or texts.rows > 0 for source in known.rationales for texts in source.files)
    assert PUBLIC_SETS["strategyqa"].rows == {"train": 2061, "dev": 229}


def test_the_list_has_rows_licences_and_sizes() -> None:
    text = sets_text()
    assert text.startswith(
        "svamp: SVAMP, word problems of one step\n  problems: train 700, test 300 (0.5 MB; licence MIT)\n"
    )
    assert (
        "  rationales-eit.jsonl: 3,342 CoT by gemini-1.5-flash, 2,667 CoT by gpt-4o (3.1 MB; licence Apache-2.0; "
        in text
    )
    assert "? CoT by gpt-3.5-turbo, ? PoT by gpt-3.5-turbo (size unknown; licence Apache-2.0; terms of OpenAI)" in text
    assert "  problems: test 2,173 (0.9 MB; licence CC BY-NC 4.0: no commercial use)\n" in text
    assert text.endswith("\nBring one: twinpath train data NAME [--rationales]")
    assert CliRunner().invoke(app, ["data"]).output == f"{text}\n"


def test_the_addresses_of_the_files_are_printed() -> None:
    commit = COMMITS["arkilpatel/SVAMP"]
    lines = urls_text(["svamp", "mawps"], with_rationales=False).splitlines()
    assert lines[0] == f"https://raw.githubusercontent.com/arkilpatel/SVAMP/{commit}/SVAMP.json"
    assert len(lines) == len(set(lines)) == 6
    output = CliRunner().invoke(app, ["data", "svamp", "mawps", "--urls", "--rationales"]).output
    assert len(output.splitlines()) == 6 + 11
    everything = CliRunner().invoke(app, ["data", "--urls", "--rationales"]).output.splitlines()
    assert everything == list(dict.fromkeys(origin.url for origin in ALL_ORIGINS))
    assert output.splitlines()[:2] == lines[:2]


def test_sets_are_brought_from_a_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(PUBLIC_SETS, "sample", SAMPLE)
    monkeypatch.chdir(tmp_path)
    mirror(tmp_path / "mirror")
    found = CliRunner().invoke(app, ["data", "sample", "--rationales", "--from", "mirror"])
    assert found.output.splitlines() == [
        "data/public/sample/train.jsonl: 2 rows, licence MIT",
        "data/public/sample/test.jsonl: 1 rows, licence MIT",
        "data/public/sample/rationales-codex.jsonl: 2 rows, licence MIT",
    ]
    bring(["sample"], with_rationales=False, root=tmp_path / "other", source="mirror")
    assert capsys.readouterr().out.count("MIT") == 2
    assert not list(tmp_path.rglob("downloads"))


@pytest.mark.parametrize(
    ("names", "with_rationales", "source", "reason"),
    [
        (["svamp", "squad"], False, "github", "unknown data set squad; the public sets are svamp, gsm8k, asdiv, "),
        (["svamp"], True, "hub", "the Hugging Face hub has only the problems; leave out --rationales or --from hub"),
        (["svamp"], False, "nowhere", "the mirror nowhere is not a directory"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(
    tmp_path: Path, names: list[str], with_rationales: bool, source: str, reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        bring(names, with_rationales=with_rationales, root=tmp_path, source=source)
    assert str(refusal.value).startswith(reason)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_mirror_is_refused_even_if_nothing_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PUBLIC_SETS, "sample", SAMPLE)
    source = str(mirror(tmp_path / "mirror"))
    bring(["sample"], with_rationales=True, root=tmp_path / "out", source=source)
    with pytest.raises(ConfigurationError) as refusal:
        bring(["sample"], with_rationales=True, root=tmp_path / "out", source="huggingface")
    reason = "the mirror huggingface is not a directory; set --from to github, hub or a directory"
    assert str(refusal.value) == reason


def test_every_missing_file_is_named_and_the_other_sets_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PUBLIC_SETS, "sample", SAMPLE)
    source = mirror(tmp_path / "mirror")
    with pytest.raises(ConfigurationError) as refusal:
        bring(["asdiv", "sample", "multiarith"], with_rationales=True, root=tmp_path / "out", source=str(source))
    tiger = "TIGER-AI-Lab/Program-of-Thoughts"
    assert str(refusal.value) == (
        f"the mirror {source} lacks 1 of 1 files of asdiv: chaochun/nlu-asdiv-dataset/dataset/ASDiv.xml "
        "(`twinpath train data asdiv --rationales --urls` lists their addresses); "
        f"the mirror {source} lacks 2 of 2 files of multiarith: {tiger}/data/multiarith.json, "
        f"{tiger}/outputs/multiarith_zs_s0_e-1_11_19_20_12.jsonl "
        "(`twinpath train data multiarith --rationales --urls` lists their addresses)"
    )
    assert len(list((tmp_path / "out/sample").glob("*.jsonl"))) == 3


def test_the_main_split_is_the_first() -> None:
    assert {name: public_set(name).main_split for name in PUBLIC_SETS} == {
        "svamp": "train", "gsm8k": "train", "asdiv": "test", "multiarith": "test", "strategyqa": "train", "mawps": "train",
    }  # fmt: skip
