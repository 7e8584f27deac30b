"""Build of the components: what is checked before a download, and the download of a model that is not here."""

import json
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import Mock

import pytest
from huggingface_hub import constants
from prometheus_client import CollectorRegistry

from service import components, model_checks
from service.calibrated_models import made_for
from service.cli.doctor.settings_check import check_files
from service.components import build
from service.engine.build import fake_engine
from service.errors import ConfigurationError, TwinpathError
from service.metrics import Metrics
from service.model import bundled, checkpoint
from service.model.adapter import read_adapters
from service.model.calibration_file import CALIBRATION_FILE, MadeFor, ModelCalibration
from service.model.checkpoint import Download
from service.model.metadata import Decoding
from service.settings import EngineKind, Settings
from service.solve.calibration import Calibration
from tests.support.hub import Hub

REMOTE: dict[str, Any] = {"engine": EngineKind.REMOTE, "worker_urls": ["http://h:1"]}


def tensors(**shapes: tuple[int, int]) -> bytes:
    """Safetensors file with zeros."""
    header, end = {}, 0
    for name, (rows, columns) in shapes.items():
        header[name.replace("__", ".")] = {"dtype": "F32", "shape": [rows, columns], "data_offsets": [end, end + 4 * rows * columns]}  # fmt: skip
        end += 4 * rows * columns
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


FILES = {
    "config.json": b"{}",
    "generation_config.json": b'{"temperature": 0.6, "top_p": 0}',
    "model.safetensors": tensors(model__layers__0__q_proj__weight=(4, 4)),
}


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Engine in place of vLLM."""
    engine = Mock(return_value=(Mock(), None))
    monkeypatch.setattr(components, "import_vllm", lambda settings: None)
    monkeypatch.setattr(components, "vllm_engine", engine)
    monkeypatch.setattr(components, "Metrics", lambda: Metrics(CollectorRegistry()))
    return engine


@pytest.fixture(scope="module")
def served() -> Iterator[Hub]:
    """Hub with one base model."""
    with Hub({"org/model": FILES}).served() as hub:
        yield hub


@pytest.fixture
def hub(served: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The hub, which has sent no weights yet."""
    monkeypatch.setattr(constants, "ENDPOINT", served.url)
    template = served.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    served.fetched.clear()
    return served


def on_hub(tmp_path: Path, **changes: Any) -> Settings:
    """Settings with the model of the hub and its own cache."""
    return Settings(model="org/model", engine_options={"download_dir": str(tmp_path / "hub")}, **changes)


@pytest.fixture(autouse=True)
def _options_need_no_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.engine.build.import_vllm", lambda settings: Mock())


def adapter(path: Path, columns: int = 4) -> Path:
    """Directory of a LoRA adapter."""
    path.mkdir()
    (path / "adapter_config.json").write_text('{"r": 2}')
    weights = tensors(
        model__layers__0__q_proj__lora_A__weight=(2, columns), model__layers__0__q_proj__lora_B__weight=(4, 2)
    )
    (path / "adapter_model.safetensors").write_bytes(weights)
    return path


def calibration(path: Path, made: MadeFor, **changes: object) -> Path:
    path.mkdir()
    content = ModelCalibration(made_for=made.model_copy(update=changes), calibration=Calibration(threshold=0.8))
    (path / CALIBRATION_FILE).write_text(content.model_dump_json())
    return path


def checked(settings: Settings) -> None:
    """Check the settings as `twinpath doctor` does on a machine without the model."""
    check_files(settings, lambda: None)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"model": "org/model"}, ["org/model"]),
        ({"model": "org/here"}, []),
        ({"model": "org/model"} | REMOTE, []),
        ({"model": "org/model", "engine": EngineKind.FAKE}, []),
    ],
)
def test_only_a_missing_model_is_downloaded(
    settings: dict[str, Any], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    def download(name: str, parameters: Download, report: Callable[[int, int], None], **options: Any) -> Path:
        assert parameters == Download(revision="v2")
        if options["weights"]:
            names.append(name)
            report(1, 4)
            report(0, 0)
        return tmp_path

    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(tensors())
    monkeypatch.setattr(checkpoint, "download_model", download)
    monkeypatch.setattr(checkpoint, "cached_snapshot", lambda model, *_, **__: tmp_path if "here" in model else None)
    steps: list[tuple[str, float]] = []
    begun: list[str] = []
    given = Settings(revision="v2", **settings)
    built = build(given, lambda *step: steps.append(step), begun.append)
    assert names == expected
    assert steps == [("download", 0.25), ("download", 1.0)] * len(expected)
    assert built.settings == given
    assert begun == (["engine", "model", "engine"] if given.engine is EngineKind.VLLM else ["engine"])


def test_wrong_options_are_refused_before_a_download(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(settings: Settings) -> None:
        raise ConfigurationError("unknown option")

    monkeypatch.setattr(model_checks, "check_engine", refuse)
    with pytest.raises(ConfigurationError, match="unknown option"):
        build(on_hub(tmp_path))
    assert not (tmp_path / "hub").exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"calibration": "/nonexistent"}, "/nonexistent has no calibration.json"),
        ({"prompt": "qwn"}, "`prompt` 'qwn' is unknown; did you mean `qwen`?"),
        ({"prompt": "/nonexistent.toml"}, "The prompt file /nonexistent.toml"),
        ({"adapters": ["/nonexistent"]}, "--adapter /nonexistent: no such directory"),
        ({"model": None, "revision": "v2"}, "`revision` needs a Hugging Face name in --model; the bundled model has"),
        (REMOTE | {"worker_urls": ["nonsense"]}, "'nonsense' is not a worker address"),
        ({"calibration": "/nonexistent"} | REMOTE, "/nonexistent has no calibration.json"),
    ],
)
@pytest.mark.parametrize("check", [build, checked])
def test_what_needs_no_model_is_checked_before_a_download(
    check: Callable[[Settings], object], changes: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*arguments: object, **options: object) -> NoReturn:
        pytest.fail("the download began")

    monkeypatch.setattr(components, "find_checkpoint", download)
    with pytest.raises(TwinpathError, match=re.escape(reason)):
        check(Settings(**({"model": "org/model"} | changes)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"prompt": "nonsense"}, "`prompt` 'nonsense' is unknown"),
        ({"prompt": "qwen"}, "`prompt` is only for instruct models; demo has the prompts of a student. Leave it out."),
        ({"thinking": "on"}, "Invalid settings: `thinking` cannot be `on`, because the model does not think"),
        (
            {"thinking_tokens": 50},
            "Invalid settings: `thinking_tokens` has no effect, because the model does not think",
        ),
    ],
)
@pytest.mark.parametrize("check", [build, checked])
def test_the_demo_refuses_what_other_engines_refuse(
    check: Callable[[Settings], object], changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(reason)):
        check(Settings(engine=EngineKind.FAKE, **changes))


def test_a_model_that_does_not_think_keeps_to_no_tokens_of_thoughts() -> None:
    assert build(Settings(engine=EngineKind.FAKE, thinking_tokens=0)).settings.thinking_tokens == 0


def of_hub(tmp_path: Path) -> MadeFor:
    """Facts of a calibration of the hub's model, which is downloaded into another cache for them."""
    settings = on_hub(tmp_path / "measured")
    built = build(settings)
    return made_for(built.models[0], built.checkpoint, settings)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"thinking": "on"}, "`thinking` cannot be `on`, because the model does not think"),
        ({"thinking_tokens": 50}, "`thinking_tokens` has no effect, because the model does not think"),
        ({"prompt": "qwen"}, "`prompt` is only for instruct models; "),
    ],
)
def test_settings_that_the_model_refuses_come_before_its_weights(
    setting: dict[str, Any], reason: str, hub: Hub, tmp_path: Path
) -> None:
    with pytest.raises(TwinpathError, match=re.escape(reason)):
        build(on_hub(tmp_path, **setting))
    assert hub.fetched == []


def test_an_adapter_with_the_name_of_the_model_comes_before_its_weights(hub: Hub, tmp_path: Path) -> None:
    named = f"org/model={adapter(tmp_path / 'a')}"
    with pytest.raises(TwinpathError, match="An adapter cannot have the name org/model, which is that of the base"):
        build(on_hub(tmp_path, adapters=[named]))
    assert hub.fetched == []


CALIBRATIONS: list[tuple[dict[str, object], str]] = [
    ({"model": "other/model", "files": "0" * 64}, "`model` other/model, and it is org/model now"),
    ({"files": "0" * 64}, "other files of the model"),
    ({"prompt": "qwen"}, "`prompt` qwen, and it is fewshot now"),
    ({"wording": "0" * 64}, "another wording of the prompt"),
    ({"dtype": "float32"}, "`dtype` float32, and it is auto now"),
    ({"thinking": True}, "`thinking` on, and it is off now"),
]


def test_a_calibration_of_something_else_comes_before_the_weights(hub: Hub, tmp_path: Path) -> None:
    made = of_hub(tmp_path)
    hub.fetched.clear()
    for number, (changes, reason) in enumerate(CALIBRATIONS):
        directory = calibration(tmp_path / str(number), made, **changes)
        with pytest.raises(ConfigurationError, match=re.escape(f"was made for {reason}")):
            build(on_hub(tmp_path, calibration=directory))
    assert hub.fetched == []


def test_only_the_weights_of_a_calibration_are_compared_after_the_download(hub: Hub, tmp_path: Path) -> None:
    made = of_hub(tmp_path)
    hub.fetched.clear()
    with pytest.raises(ConfigurationError, match="was made for other weights of the model"):
        build(on_hub(tmp_path, calibration=calibration(tmp_path / "other", made, weights="1" * 64)))
    assert hub.fetched == ["model.safetensors"]
    again = tmp_path / "again"
    built = build(on_hub(again, calibration=calibration(tmp_path / "c", made, model="copy")))
    assert (built.models[0].calibration.threshold, hub.fetched) == (0.8, 2 * ["model.safetensors"])


def test_an_adapter_of_another_shape_is_refused_after_the_download(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(TwinpathError, match=r"The adapter a does not fit the model org/model: .* is 4 × 8 in the"):
        build(on_hub(tmp_path, adapters=[str(adapter(tmp_path / "a", columns=8))]))
    assert hub.fetched == ["model.safetensors"]


BUNDLED = MadeFor(model="other", files="0" * 64, weights="1" * 64, prompt="v1", wording="2" * 64,
                  decoding=Decoding(), max_tokens=320, cot=10, pot=10)  # fmt: skip


@pytest.mark.parametrize("check", [build, checked])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"prompt": "qwen"}, f"`prompt` is only for instruct models; {bundled.STUDENT_NAME} has the prompts of a stu"),
        ({"thinking": "on"}, "`thinking` cannot be `on`"),
        ({"thinking_tokens": 50}, "`thinking_tokens` has no effect, because the model does not think"),
        ({"adapters": bundled.STUDENT_NAME}, f"An adapter cannot have the name {bundled.STUDENT_NAME}, which is"),
        ({"calibration": {"prompt": "qwen"}}, "was made for `prompt` qwen, and it is v1 now"),
        ({"calibration": {"weights": "", "model": "org/remote"}}, "was made for `model` org/remote, and it is"),
        ({"calibration": {}}, "the build began"),
    ],
)
def test_settings_are_checked_before_the_bundled_model_is_built(
    check: Callable[[Settings], object],
    changes: dict[str, Any],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bundled, "build", Mock(side_effect=ConfigurationError("the build began")))
    if "adapters" in changes:
        changes = {"adapters": [f"{changes['adapters']}={adapter(tmp_path / 'a')}"]}
    if "calibration" in changes:
        changes = {"calibration": calibration(tmp_path / "c", BUNDLED, **changes["calibration"])}
    settings = Settings(cache_dir=tmp_path / "none", **changes)
    if check is checked and reason == "the build began":
        check(settings)
        return
    with pytest.raises(TwinpathError, match=re.escape(reason)):
        check(settings)


def test_nothing_is_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Mock(side_effect=read_adapters)
    engines = Mock(side_effect=fake_engine)
    monkeypatch.setattr(model_checks, "read_adapters", reads)
    monkeypatch.setattr(components, "fake_engine", engines)
    built = build(Settings(engine=EngineKind.FAKE, adapters=[str(adapter(tmp_path / "a"))]))
    assert ([model.name for model in built.models], reads.call_count, engines.call_count) == (["demo", "a"], 1, 1)


def test_a_value_of_the_model_that_cannot_be_used_is_logged_once(
    hub: Hub, tmp_path: Path, caplog: pytest.LogCaptureFixture, engine: Mock
) -> None:
    for _ in range(2):  # a download, and a start from the cache
        caplog.clear()
        built = build(on_hub(tmp_path))
        assert len([text for text in caplog.messages if "`top_p` must be" in text]) == 1
        assert built.models[0].decoding.temperature == 0.6
    assert hub.fetched == ["model.safetensors"]
    assert built.checkpoint is not None
    assert engine.call_args.args[1:3] == (built.checkpoint.path, "org/model")


def test_the_demo_has_no_checkpoint() -> None:
    assert build(Settings(engine=EngineKind.FAKE)).checkpoint is None
