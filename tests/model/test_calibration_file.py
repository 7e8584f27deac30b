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
from service.engine.base import LoraAdapter
from service.errors import CheckpointError, ConfigurationError
from service.metrics import Metrics
from service.model.adapter import Adapter
from service.model.calibration_file import (
    CALIBRATION_FILE,
    MadeFor,
    ModelCalibration,
    check_made_for,
    files_digest,
    read_calibration,
    weights_digest,
    wording_digest,
)
from service.model.checkpoint import Checkpoint
from service.model.metadata import CheckpointMetadata, Decoding
from service.model.served import ServedModel, served_models
from service.paths.base import FormatV1
from service.paths.chat import ChatFormat, ChatPrompt
from service.paths.escape import EscapeSpecialTokens
from service.paths.fewshot import FewShotFormat
from service.request_defaults import problem_of
from service.schemas import SolveRequest
from service.settings import EngineKind, Settings
from service.solve.calibration import Calibration
from tests.support.servers import described
from tests.support.thinking import SWITCHED

MAPPED = Calibration(threshold=0.8, confidence_map=((0.0, 0.0), (1.0, 0.9)))
MADE_FOR = MadeFor(
    model="demo", files="", weights="", prompt="v1", wording=wording_digest(FormatV1()), decoding=Decoding(temperature=0.5),
    max_tokens=320, cot=10, pot=10,
)  # fmt: skip
MIB = 2**20
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
        ({"thinking": True}, "`thinking` on, and it is off now"),
        ({"thinking_tokens": 500}, "`thinking_tokens` 500, and it is no limit now"),
        ({"max_tokens": 4096}, "`max_tokens` 4096, and it is 320 now"),
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


def test_a_calibration_holds_for_more_tokens_and_for_other_numbers_of_paths(tmp_path: Path) -> None:
    assert calibrations(built(written(tmp_path, max_tokens=100, cot=5, pot=0), cot_paths=9)) == [MAPPED]


@pytest.mark.parametrize(
    ("changes", "calibrated"),
    [
        ({}, True),
        ({"temperature": 0.5, "top_p": 1, "top_k": -1, "min_p": 0, "repetition_penalty": 1}, True),
        ({"paths": {"cot": 1, "pot": 0}, "policy": "fixed", "max_tokens": 321, "thinking": "off"}, True),
        ({"max_tokens": 319}, False),
        ({"temperature": 0}, False),
        ({"top_p": 0.9}, False),
        ({"top_k": 5}, False),
        ({"min_p": 0.1}, False),
        ({"repetition_penalty": 1.1}, False),
    ],
)
def test_a_request_for_another_sampling_is_not_calibrated(
    changes: dict[str, Any], calibrated: bool, tmp_path: Path
) -> None:
    found = built(written(tmp_path))
    problem = found.problem(SolveRequest(problem="How many?", **changes))
    assert problem.calibrated is calibrated
    plain = found.problem(SolveRequest(problem="How many?"))
    assert (plain.calibrated, found.is_calibrated("demo")) == (True, True)


@pytest.mark.parametrize(
    ("thinking", "tokens", "changes", "calibrated"),
    [
        (False, None, {}, True),
        (False, None, {"thinking": "on"}, False),
        (True, None, {}, False),
        (True, None, {"thinking": "on"}, True),
        (True, 500, {"thinking": "on"}, False),
        (True, 500, {"thinking": "on", "thinking_tokens": 500}, True),
        (True, 500, {"thinking": "on", "thinking_tokens": 400}, False),
    ],
)
def test_a_request_for_other_thoughts_is_not_calibrated(
    thinking: bool, tokens: int | None, changes: dict[str, Any], calibrated: bool
) -> None:
    made = MADE_FOR.model_copy(update={"thinking": thinking, "thinking_tokens": tokens})
    model = ServedModel("m", SWITCHED, made.decoding, MAPPED, calibrated_for=made)
    problem = problem_of(SolveRequest(problem="?", **changes), Settings(), model)
    assert problem.calibrated is calibrated


def test_a_student_is_calibrated_for_its_decoding() -> None:
    student = ServedModel("m", decoding=Decoding(temperature=0.6), calibration=MAPPED)
    for settings_, changes, calibrated in (
        (Settings(), {}, True),
        (Settings(), {"max_tokens": 320, "temperature": 0.6, "thinking": "off"}, True),
        (Settings(), {"max_tokens": 319}, False),
        (Settings(max_tokens=319), {}, False),
        (Settings(max_tokens=319), {"max_tokens": 4000, "paths": {"cot": 1, "pot": 0}}, True),
        (Settings(), {"temperature": 0.7}, False),
        (Settings(top_k=20), {}, False),
        (Settings(top_k=20), {"top_k": 0}, True),
    ):
        assert problem_of(SolveRequest(problem="?", **changes), settings_, student).calibrated is calibrated


@pytest.mark.parametrize(("stated", "tokens"), [({}, 320), ({"max_tokens": 200}, 200), ({"max_tokens": 900}, 900)])
def test_a_student_is_calibrated_for_the_limit_of_its_metadata(stated: dict[str, int], tokens: int) -> None:
    metadata = CheckpointMetadata(format_version=1, base_model="g", calibration=MAPPED, **stated)
    checkpoint = Checkpoint(Path(), "m", metadata, bos="", style="v1")
    adapter = Adapter(LoraAdapter("a", Path(), 8), metadata, {})
    for student in served_models(checkpoint, [adapter]):
        calibrated = [
            problem_of(SolveRequest(problem="?", max_tokens=limit), Settings(), student).calibrated
            for limit in (tokens - 1, tokens, tokens + 1)
        ]
        assert calibrated == [False, True, True]


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
    model, workers = described(tmp_path), ("http://h:1",)
    remote = Settings(engine=EngineKind.REMOTE, model=str(model), worker_model="org/of-the-worker", worker_urls=workers)
    found = build(remote)
    assert made_for(found.models[0], found.checkpoint, found.settings).model == "described"
    assert (list(found.served), list(found.solvers)) == (["org/of-the-worker"], ["org/of-the-worker"])
    assert found.model(None).name == found.problem(SolveRequest(problem="?")).model == "org/of-the-worker"


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


def test_the_digest_of_weights_is_that_of_their_numbers(tmp_path: Path) -> None:
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    for path in (base, adapter):
        path.mkdir()
    assert weights_digest(base, adapter) == weights_digest() == ""
    sizes = {base / "model-1.safetensors": 50 * 2**20 + 7, adapter / "adapter_model.safetensors": 16 * 2**20}
    for file, size in sizes.items():
        file.write_bytes(bytes(size))
    first = weights_digest(base, adapter)
    (base / "README.md").write_text("")
    assert first == weights_digest(base, adapter)
    changed = []
    for file, size in sizes.items():
        for at in (0, size - 1, size // 3 if file.parent == adapter else size - 2**20):
            with file.open("r+b") as written_:
                written_.seek(at)
                written_.write(b"x")
            changed.append(weights_digest(base, adapter))
    with (base / "model-1.safetensors").open("ab") as longer:
        longer.write(b"0")
    assert len({first, *changed, weights_digest(base, adapter), weights_digest(base)}) == 9


@given(size=st.integers(1, 64), data=st.data())
def test_every_byte_of_a_small_file_counts(
    size: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    at = data.draw(st.integers(0, size - 1))
    file = tmp_path_factory.getbasetemp() / "small" / "model.safetensors"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(bytes(size))
    first = weights_digest(file.parent)
    file.write_bytes(bytes(at) + b"x" + bytes(size - at - 1))
    assert weights_digest(file.parent) != first


@pytest.mark.parametrize("size", [17 * MIB - 1, 200 * MIB, 200 * MIB + 1, 2100 * MIB])
def test_a_change_of_a_few_mebibytes_of_a_large_file_counts(size: int, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    with file.open("wb") as sparse:
        sparse.truncate(size)
    first = weights_digest(tmp_path)
    for begin in {0, 3 * MIB + 5, size // 3, size - 3 * MIB}:
        with file.open("r+b") as changed:
            changed.seek(begin)
            changed.write(b"x" * (3 * MIB))
        assert weights_digest(tmp_path) != first
        with file.open("r+b") as changed:
            changed.seek(begin)
            changed.write(bytes(3 * MIB))
        assert weights_digest(tmp_path) == first


def test_only_weights_that_are_read_count(tmp_path: Path) -> None:
    def digest(name: str, content: str) -> str:
        (tmp_path / name).write_text(content)
        return weights_digest(tmp_path)

    assert digest("training_args.bin", "1") == digest("optimizer.pt", "1") == ""
    pickled = [digest("pytorch_model.bin", content) for content in "12"]
    single = [digest("model.safetensors", content) for content in "12"]
    assert len({*pickled, *single, ""}) == 5
    assert digest("consolidated.safetensors", "1") == digest("pytorch_model.bin", "3") == single[1]
    assert digest("model-1-of-1.safetensors", "1") == single[1]
    index = digest("model.safetensors.index.json", '{"weight_map": {"a": "model-1-of-1.safetensors"}}')
    assert index != single[1]
    assert digest("model.safetensors", "3") == index
    with pytest.raises(CheckpointError, match=r"index\.json"):
        digest("model.safetensors.index.json", "[")


def test_a_calibration_of_other_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"1")
    checkpoint = Checkpoint(tmp_path, "m", metadata=None, bos="", style="fewshot")
    local, remote = (Settings(engine=engine, calibration=tmp_path) for engine in (EngineKind.VLLM, EngineKind.REMOTE))
    model = ServedModel("m")
    content = ModelCalibration(made_for=made_for(model, checkpoint, local), calibration=MAPPED)
    (tmp_path / CALIBRATION_FILE).write_text(content.model_dump_json())
    calibrated_models([model], checkpoint, local)
    weights.write_bytes(b"2")
    with pytest.raises(ConfigurationError, match="was made for other weights of the model"):
        calibrated_models([model], checkpoint, local)
    assert made_for(model, checkpoint, remote).weights == ""
    (found,) = calibrated_models([model], checkpoint, remote)  # its weights are on the worker
    assert found.calibration == MAPPED


def test_the_same_files_under_another_name_keep_their_calibration(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("calibrated", "base", "copied", "adapter")]
    for path in places:
        path.mkdir()
        (path / "config.json").write_text("{}")
        (path / "model.safetensors").write_bytes(b"1")
    calibrated, base, copied, adapter = places
    (adapter / "config.json").unlink()
    local = Settings(calibration=tmp_path)

    def kept(directory: Path, *models: ServedModel) -> list[str]:
        checkpoint = Checkpoint(directory, directory.name, metadata=None, bos="", style="fewshot")
        found = calibrated_models(models, checkpoint, local)
        return [model.name for model in found if model.calibration == MAPPED]

    def write(directory: Path, model: ServedModel) -> None:
        checkpoint = Checkpoint(directory, directory.name, metadata=None, bos="", style="fewshot")
        content = ModelCalibration(made_for=made_for(model, checkpoint, local), calibration=MAPPED)
        (tmp_path / CALIBRATION_FILE).write_text(content.model_dump_json())

    write(calibrated, ServedModel("org/model"))
    assert kept(copied, ServedModel("copied")) == ["copied"]
    (copied / "model.safetensors").write_bytes(b"2")
    with pytest.raises(ConfigurationError, match="was made for `model` org/model, and it is copied now"):
        kept(copied, ServedModel("copied"))
    write(base, ServedModel("algebra", adapter=adapter))
    assert kept(base, ServedModel("base"), ServedModel("units", adapter=adapter)) == ["units"]


def test_a_name_counts_where_the_weights_are_not_compared(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"1")
    checkpoint = Checkpoint(tmp_path, "m", metadata=None, bos="", style="fewshot")
    local, remote = (Settings(engine=engine, calibration=tmp_path) for engine in (EngineKind.VLLM, EngineKind.REMOTE))
    content = ModelCalibration(made_for=made_for(ServedModel("m"), checkpoint, local), calibration=MAPPED)
    (tmp_path / CALIBRATION_FILE).write_text(content.model_dump_json())
    with pytest.raises(ConfigurationError, match="was made for `model` m, and it is other now"):
        calibrated_models([ServedModel("other")], checkpoint, remote)


def test_the_digest_of_a_wording_is_that_of_its_texts() -> None:
    def prompt(**changes: Any) -> str:
        fields = {"name": "a", "cot": "{question} c", "pot": "{question} p", "system": "s", "pot_stop": ("x",)}
        rendered = ChatFormat(lambda message: f"today {message}", ChatPrompt(**(fields | changes)))
        return wording_digest(EscapeSpecialTokens(rendered, {"<eos>"}))

    first = prompt()
    assert prompt(name="b") == first
    others = [prompt(cot="{question}"), prompt(pot="{question}"), prompt(system=""), prompt(pot_stop=())]
    assert len({first, *others}) == 5
    formats = [wording_digest(FormatV1()), wording_digest(FormatV1("<bos>")), wording_digest(FewShotFormat())]
    assert len(set(formats)) == 3
    assert [FormatV1().name, FewShotFormat().name, EscapeSpecialTokens(FormatV1(), set()).name] == [
        "v1",
        "fewshot",
        "v1",
    ]


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"quantization": "fp8"}, "`quantization` none, and it is fp8 now"),
        ({"dtype": "float16"}, "`dtype` auto, and it is float16 now"),
    ],
)
def test_a_calibration_of_other_arithmetic_is_refused(changes: dict[str, Any], difference: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"1")
    checkpoint = Checkpoint(tmp_path, "m", metadata=None, bos="", style="fewshot")
    made = made_for(ServedModel("m"), checkpoint, Settings())
    (tmp_path / CALIBRATION_FILE).write_text(ModelCalibration(made_for=made, calibration=MAPPED).model_dump_json())
    with pytest.raises(ConfigurationError, match=f"was made for {difference}"):
        calibrated_models([ServedModel("m")], checkpoint, Settings(calibration=tmp_path, **changes))
    remote = Settings(engine=EngineKind.REMOTE, calibration=tmp_path, **changes)
    (found,) = calibrated_models([ServedModel("m")], checkpoint, remote)  # the settings are not those of the worker
    assert found.calibration == MAPPED
