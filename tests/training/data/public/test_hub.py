"""Public sets on the Hugging Face hub."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import huggingface_hub
import pytest

from service.errors import ConfigurationError
from tests.support.public_sets import SAMPLE
from training.data.problem import Problem, read_problems
from training.data.public import hub
from training.data.public.hub import OnHub, from_hub
from training.data.public.sets import public_set
from training.data.public.write import SourceNote, write_set

ROW = {"Body": "Ann has 3 pens.", "Question": "And 1 more?", "Answer": 4.0, "Equation": "3 + 1"}
Call = dict[str, Any]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Calls of a library `datasets` whose sets all have one row. A call without a connection must be offline."""
    made: list[Call] = []

    def load_dataset(name: str, config: str | None, split: str, revision: str | None) -> list[dict[str, Any]]:
        made.append({"name": name, "split": split, "revision": revision, "offline": library.config.HF_HUB_OFFLINE})
        return [ROW]

    library: Any = ModuleType("datasets")
    library.config = SimpleNamespace(HF_HUB_OFFLINE=False)
    library.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", library)
    return made


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    def dataset_info(self: object, name: str, timeout: float) -> SimpleNamespace:
        return SimpleNamespace(sha="1234abcd")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", dataset_info)
    monkeypatch.setattr(hub, "connection_fault", lambda url: "")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:1")


@pytest.mark.usefixtures("online")
def test_the_splits_of_the_hub_are_written_with_their_revision(calls: list[Call], tmp_path: Path) -> None:
    lines: list[str] = []
    write_set(SAMPLE, OnHub(SAMPLE), tmp_path, lines.append)
    write_set(SAMPLE, OnHub(SAMPLE), tmp_path, lines.append)
    shared = {"name": "someone/sample", "revision": "1234abcd", "offline": False}
    assert calls == [shared | {"split": "train"}, shared | {"split": "validation+test"}]
    assert [line.partition(": ")[2] for line in lines[2:]] == ["up to date, 1 rows"] * 2
    assert read_problems(tmp_path / "sample/test.jsonl") == [
        Problem("sample/test-0", "Ann has 3 pens. And 1 more?", "4")
    ]
    note = SourceNote.model_validate_json((tmp_path / "sample/source.json").read_bytes())
    found = note.files["test.jsonl"]
    assert found.origin == [{"hub": "someone/sample", "split": "validation+test"}]
    assert found.made is not None
    assert (found.made.rows, found.made.revision) == (1, "1234abcd")


@pytest.mark.usefixtures("offline")
def test_without_a_connection_the_local_cache_is_read(calls: list[Call]) -> None:
    assert from_hub(SAMPLE) == [Problem("sample/train-0", "Ann has 3 pens. And 1 more?", "4")]
    assert calls == [{"name": "someone/sample", "split": "train", "revision": None, "offline": True}]
    assert sys.modules["datasets"].config.HF_HUB_OFFLINE is False


@pytest.mark.usefixtures("calls", "offline")
def test_a_set_that_cannot_be_had_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(*_: object, **__: object) -> None:
        raise ConnectionError("Couldn't reach\nthe Hub")

    monkeypatch.setattr(sys.modules["datasets"], "load_dataset", load_dataset)
    with pytest.raises(ConfigurationError) as refusal:
        from_hub(public_set("svamp"))
    message = str(refusal.value)
    assert message.startswith("hf:svamp cannot be read from the Hugging Face hub: ConnectError: ")
    assert message.endswith(
        "`twinpath train data svamp` gets it from GitHub, and `twinpath train data svamp --from DIR` from a directory "
        "with copies of the original files"
    )
    assert "\n" not in message
    assert sys.modules["datasets"].config.HF_HUB_OFFLINE is False


@pytest.mark.usefixtures("online")
def test_a_fault_of_the_library_is_named(calls: list[Call], monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(*_: object, **__: object) -> None:
        raise ValueError("Unknown split\ntrain")

    monkeypatch.setattr(sys.modules["datasets"], "load_dataset", load_dataset)
    with pytest.raises(ConfigurationError, match=r"hub: ValueError: Unknown split train\. `twinpath train data"):
        from_hub(SAMPLE)


def test_a_set_that_is_not_on_the_hub_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        write_set(public_set("mawps"), OnHub(public_set("mawps")), tmp_path)
    assert str(refusal.value) == (
        "mawps is not on the Hugging Face hub; on it are svamp, gsm8k, asdiv, multiarith, strategyqa"
    )
