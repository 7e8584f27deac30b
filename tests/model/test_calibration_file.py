"""Calibration of a directory: what it was made for, and refusals."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from service import components
from service.calibrated_models import calibrated_models, made_for
from service.components import Components, build
from service.errors import ConfigurationError
from service.metrics import Metrics
from service.model.calibration_file import (
    CALIBRATION_FILE,
    MadeFor,
    ModelCalibration,
    check_made_for,
    files_digest,
    read_calibration,
    wording_digest,
)
from service.model.checkpoint import Checkpoint
from service.model.metadata import Decoding
from service.model.served import ServedModel
from service.paths.base import FormatV1
from service.paths.chat import ChatFormat, ChatPrompt
from service.paths.escape import EscapeSpecialTokens
from service.paths.fewshot import FewShotFormat
from service.schemas import SolveRequest
from service.settings import EngineKind, Settings
from service.solve.calibration import Calibration

MAPPED = Calibration(threshold=0.8, confidence_map=((0.0, 0.0), (1.0, 0.9)))
MADE_FOR = MadeFor(
    model="demo", files="", prompt="v1", wording=wording_digest(FormatV1()), decoding=Decoding(temperature=0.5),
    cot=10, pot=10,
)  # fmt: skip
AGAIN = "Run `twinpath calibrate` again, or leave out --calibration."


def written(directory: Path, **changes: object) -> Path:
    """Directory with a calibration of the demo, and changes of its `made_for`."""
    content = ModelCalibration(made_for=MADE_FOR, calibration=MAPPED).model_dump(mode="json")
    content["made_for"] |= changes
    directory.mkdir(parents=True, exist_ok=True)
    (directory / CALIBRATION_FILE).write_text(json.dumps(content | {"figures": 1}))
    return directory


@pytest.fixture(autouse=True)
def _own_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "Metrics", lambda: Metrics(CollectorRegistry()))


def built(directory: Path, **changes: Any) -> Components:
    return build(Settings(engine=EngineKind.FAKE, calibration=directory, **changes))


def calibrations(components: Components) -> list[Calibration]:
    return [model.calibration for model in components.models]


def refusal(directory: Path, **changes: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        built(directory, **changes)
    return str(raised.value)


def test_a_service_takes_calibration_and_decoding_of_the_directory(tmp_path: Path) -> None:
    found = built(written(tmp_path))
    assert calibrations(found) == [MAPPED]
    problem = found.problem(SolveRequest(problem="How many?"))
    assert (problem.temperature, problem.top_p) == (0.5, 1.0)
    assert made_for(found.models[0], None, found.settings) == MADE_FOR
    assert calibrations(build(Settings(engine=EngineKind.FAKE))) == [Calibration()]


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"model": "other"}, "`model` other, and it is demo now"),
        ({"files": "1f"}, "other files of the model: config.json, the tokenizer or twinpath.json differ"),
        ({"prompt": "qwen"}, "`prompt` qwen, and it is v1 now"),
        ({"wording": "1f"}, "another wording of the prompt"),
        ({"cot": 5}, "`cot_paths` 5, and it is 10 now"),
        ({"pot": 0}, "`pot_paths` 0, and it is 10 now"),
    ],
)
def test_a_calibration_for_something_else_is_refused(
    changes: dict[str, object], difference: str, tmp_path: Path
) -> None:
    assert refusal(written(tmp_path, **changes)) == f"The calibration {tmp_path} was made for {difference}. {AGAIN}"


def test_a_temperature_of_the_settings_must_be_that_of_the_calibration(tmp_path: Path) -> None:
    written(tmp_path)
    assert calibrations(built(tmp_path, temperature=0.5)) == [MAPPED]
    assert refusal(tmp_path, temperature=0.9) == (
        f"The calibration {tmp_path} was made for `temperature` 0.5, and it is 0.9 now. {AGAIN}"
    )


def test_a_calibration_without_a_map_leaves_the_model_uncalibrated(tmp_path: Path) -> None:
    written(tmp_path)
    content = json.loads((tmp_path / CALIBRATION_FILE).read_text())
    content["calibration"]["confidence_map"] = []
    (tmp_path / CALIBRATION_FILE).write_text(json.dumps(content))
    assert not calibrations(built(tmp_path))[0].calibrated


def test_a_directory_without_a_calibration_is_refused(tmp_path: Path) -> None:
    reason = f"{tmp_path} has no calibration.json; --calibration must be a directory that `twinpath calibrate` wrote."
    assert refusal(tmp_path) == reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[", "the file is not valid JSON"),
        ("{}", "`made_for` is missing"),
        ('{"version": 2}', "`version` must be 1"),
        ('{"calibration": {"confidence_map": [[0.5, 0.5], [0.4, 0.6]]}}', "points must rise in both coordinates"),
        ('{"calibration": {"confidence_map": [[0.5, NaN]]}}', "calibration"),
    ],
)
def test_a_damaged_calibration_is_refused(content: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / CALIBRATION_FILE).write_text(content)
    with pytest.raises(ConfigurationError) as raised:
        read_calibration(tmp_path)
    assert str(raised.value).startswith(f"{tmp_path / CALIBRATION_FILE} is invalid: ")
    assert reason in str(raised.value)


def test_the_file_is_no_directory(tmp_path: Path) -> None:
    file = tmp_path / CALIBRATION_FILE
    file.write_text("{}")
    with pytest.raises(ConfigurationError) as raised:
        read_calibration(file)
    assert (
        str(raised.value) == f"{file} is a file; --calibration must be the directory that `twinpath calibrate` wrote."
    )


@settings(max_examples=50)
@given(content=st.binary(max_size=60) | st.recursive(st.none() | st.floats() | st.text(max_size=4), lambda inner:
    st.dictionaries(st.sampled_from(["version", "made_for", "calibration", "model"]), inner, max_size=3),
    max_leaves=6).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_content_raises_anything_else(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.getbasetemp() / "wild"
    directory.mkdir(exist_ok=True)
    (directory / CALIBRATION_FILE).write_bytes(content)
    with pytest.raises(ConfigurationError):
        read_calibration(directory)


def test_a_difference_of_the_decoding_is_named(tmp_path: Path) -> None:
    now = MADE_FOR.model_copy(update={"decoding": Decoding(temperature=0.5, top_p=0.9)})
    with pytest.raises(ConfigurationError, match=r"was made for `top_p` 1\.0, and it is 0\.9 now\."):
        check_made_for(tmp_path, MADE_FOR, now)
    check_made_for(tmp_path, now, now)


def test_a_calibration_belongs_to_the_model_that_it_names(tmp_path: Path) -> None:
    base, directory = tmp_path / "base", tmp_path / "adapter"
    for folder in (base, directory):
        folder.mkdir()
    (base / "config.json").write_text("{}")
    (directory / "adapter_config.json").write_text("{}")
    checkpoint = Checkpoint(base, "base", metadata=None, bos="", style="fewshot")
    models = (ServedModel("base"), ServedModel("maths", adapter=directory), ServedModel("other"))
    settings = Settings(temperature=0.5, calibration=tmp_path)
    for chosen in models:
        content = ModelCalibration(made_for=made_for(chosen, checkpoint, settings), calibration=MAPPED)
        (tmp_path / CALIBRATION_FILE).write_text(content.model_dump_json())
        found = calibrated_models(models, checkpoint, settings)
        assert {model.name for model in found if model.calibration == MAPPED} == {chosen.name}
        assert [model.adapter for model in found] == [None, directory, None]
    (directory / "adapter_config.json").write_text("{ }")
    content = ModelCalibration(made_for=made_for(models[1], checkpoint, settings), calibration=MAPPED)
    (tmp_path / CALIBRATION_FILE).write_text(content.model_dump_json())
    (directory / "adapter_config.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="was made for other files of the model"):
        calibrated_models(models, checkpoint, settings)


def test_a_remote_model_has_the_name_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    checkpoint = Checkpoint(tmp_path, "Qwen/Qwen3-8B", metadata=None, bos="", style="fewshot")
    assert made_for(ServedModel(""), checkpoint, Settings()).model == "Qwen/Qwen3-8B"


def test_the_digest_of_a_model_is_that_of_its_descriptions(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    first = files_digest(tmp_path)
    (tmp_path / "model.safetensors").write_text("other weights")
    (tmp_path / "README.md").write_text("")
    assert files_digest(tmp_path) == first
    for name in ("config.json", "tokenizer.json", "chat_template.jinja", "twinpath.json", "special_tokens_map.json"):
        (tmp_path / name).write_text("{ }")
        assert files_digest(tmp_path) != first
        first = files_digest(tmp_path)


def test_the_digest_of_a_wording_is_that_of_its_texts() -> None:
    def prompt(**changes: Any) -> str:
        fields = {"name": "a", "cot": "{question} c", "pot": "{question} p", "system": "s", "stop": ("x",)}
        rendered = ChatFormat(lambda message: f"today {message}", ChatPrompt(**(fields | changes)))
        return wording_digest(EscapeSpecialTokens(rendered, {"<eos>"}))

    first = prompt()
    assert prompt(name="b") == first
    others = [prompt(cot="{question}"), prompt(pot="{question}"), prompt(system=""), prompt(stop=())]
    assert len({first, *others}) == 5
    formats = [wording_digest(FormatV1()), wording_digest(FormatV1("<bos>")), wording_digest(FewShotFormat())]
    assert len(set(formats)) == 3
    assert [FormatV1().name, FewShotFormat().name, EscapeSpecialTokens(FormatV1(), set()).name] == [
        "v1",
        "fewshot",
        "v1",
    ]
