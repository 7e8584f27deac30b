"""Engine options against the types of a dataclass, and against those of vLLM."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue
from pydantic.dataclasses import dataclass as pydantic_dataclass

from service.engine.base import Sampling
from service.engine.build import vllm_engine
from service.engine.vllm_options import REFUSED, REFUSED_ON_CPU, checked_options, configuration
from service.errors import ConfigurationError
from service.settings import Dtype, Settings
from tests.engine.conftest import CONTEXT
from tests.support.forked_command import ran


class Backend(Enum):
    FLASH = "package.Flash"
    TORCH = 3


@pydantic_dataclass(config={"extra": "forbid"})
class Compilation:
    mode: int = 0
    cache_dir: str = ""

    def __post_init__(self) -> None:
        if self.mode > 3:
            raise ValueError("the mode has no meaning")
        if self.cache_dir == "/broken":
            raise AttributeError("no such attribute")


@dataclass
class Arguments:
    """Arguments with the kinds of types that vLLM's have."""

    model: str = ""
    seed: int = 0
    enforce_eager: bool = False
    max_loras: int = 1
    memory_gb: float = 0.0
    block_size: int | None = None
    max_lora_rank: Literal[1, 8, 16] = 16
    load_format: str | Literal["auto", "dummy"] = "auto"
    executor: str | type[object] | None = None
    overrides: dict[str, Any] | Callable[[Any], Any] = field(default_factory=dict)
    processors: list[str | type[object]] | None = None
    offload_params: set[str] = field(default_factory=set)
    backend: Backend | None = None
    compilation_config: Compilation = field(default_factory=Compilation)
    quantization_config: "dict[str, Any] | OnlyForTypeCheckers | None" = None  # type: ignore[name-defined] # noqa: F821
    _api_process_count: int = 1


def check(**options: JsonValue) -> dict[str, Any]:
    return checked_options(options, Arguments, on_cpu=False)


def refusal(**options: JsonValue) -> str:
    with pytest.raises(ConfigurationError) as raised:
        check(**options)
    return str(raised.value).removeprefix("Invalid settings: ")


@pytest.mark.parametrize(
    ("name", "value", "typed"),
    [
        ("max_loras", 2, 2),
        ("memory_gb", 2, 2.0),
        ("block_size", None, None),
        ("max_lora_rank", 8, 8),
        ("load_format", "tensorizer", "tensorizer"),
        ("executor", "mp", "mp"),
        ("overrides", {"rope_theta": 1e6}, {"rope_theta": 1e6}),
        ("processors", ["package:Processor"], ["package:Processor"]),
        ("offload_params", ["mlp", "mlp"], {"mlp"}),
        ("backend", "flash", Backend.FLASH),
        ("backend", 3, Backend.TORCH),
        ("compilation_config", {"mode": 3}, Compilation(mode=3)),
        ("quantization_config", {"linear": "fp8"}, {"linear": "fp8"}),
    ],
)
def test_an_option_gets_the_type_of_the_argument(name: str, value: JsonValue, typed: object) -> None:
    assert check(**{name: value}) == {name: typed}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("max_loras", "2", "must be a whole number"),
        ("max_loras", True, "must be a whole number"),
        ("max_loras", 1.5, "must be a whole number"),
        ("memory_gb", "2", "must be a number"),
        ("enforce_eager", 1, "must be true or false"),
        ("block_size", [], "must be a whole number"),
        ("max_lora_rank", 2, "must be 1, 8 or 16"),
        ("load_format", 5, "must be a text, or `auto` or `dummy`"),
        ("executor", 5, "must be a text"),
        ("overrides", "x", "must be an object"),
        ("offload_params", "mlp", "must be a list"),
        ("backend", "flesh", "must be `FLASH` or `TORCH`"),
        ("backend", {}, "must be `FLASH` or `TORCH`"),
        ("compilation_config", 3, "must be an object"),
    ],
)
def test_a_value_of_another_type_names_the_type(name: str, value: JsonValue, said: str) -> None:
    assert refusal(**{name: value}) == f"`engine_options.{name}` {said}"


def test_an_unknown_name_gets_the_nearest_one() -> None:
    assert refusal(max_lora=2) == (
        "`engine_options.max_lora` is an unknown field; did you mean `engine_options.max_loras`?"
    )
    assert refusal(tp=2) == "`engine_options.tp` is an unknown field"
    assert refusal(_api_process_count=2) == "`engine_options._api_process_count` is an unknown field"
    assert refusal(compilation_config={"mod": 3}) == (
        "`engine_options.compilation_config.mod` is an unknown field; did you mean "
        "`engine_options.compilation_config.mode`?"
    )


def test_a_nested_configuration_gives_its_own_reason() -> None:
    assert refusal(compilation_config={"mode": "x"}) == (
        "`engine_options.compilation_config.mode` must be a whole number"
    )
    assert refusal(compilation_config={"mode": 4}) == ("`engine_options.compilation_config`: the mode has no meaning")
    assert refusal(compilation_config={"cache_dir": "/broken"}) == "`engine_options`: AttributeError: no such attribute"


def test_a_refused_option_has_its_reason() -> None:
    assert refusal(seed=1) == (
        "`engine_options.seed` is refused: each path has its own seed, from the `seed` of the request"
    )
    assert refusal(model="m") == "`engine_options.model` is refused: use the setting `model`"
    assert check(enforce_eager=True) == {"enforce_eager": True}
    with pytest.raises(ConfigurationError) as raised:
        checked_options({"enforce_eager": True}, Arguments, on_cpu=True)
    assert str(raised.value) == (
        "Invalid settings: `engine_options.enforce_eager` is refused: use the setting `compile_on_cpu`"
    )


def test_all_faults_are_in_one_line() -> None:
    assert refusal(seed=1, max_loras="2", tp=2) == (
        "`engine_options.seed` is refused: each path has its own seed, from the `seed` of the request; "
        "`engine_options.max_loras` must be a whole number; `engine_options.tp` is an unknown field"
    )


def test_a_setting_in_a_reason_exists() -> None:
    reasons = [*REFUSED.values(), *REFUSED_ON_CPU.values()]
    named = {reason.split("`")[1] for reason in reasons if reason.startswith("use the setting `")}
    assert len(named) > 8
    assert named <= set(Settings.model_fields)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=3
)  # fmt: skip
NAMES = st.sampled_from([one.name for one in fields(Arguments)]) | st.text()


@given(st.dictionaries(NAMES, JSON))
def test_any_table_is_typed_or_refused_in_one_message(options: dict[str, JsonValue]) -> None:
    said = "Invalid settings: `engine_options"
    try:
        checked = checked_options(options, Arguments, on_cpu=True)
    except ConfigurationError as error:
        said = str(error)
    else:
        assert checked.keys() == options.keys()
    assert said.startswith("Invalid settings: `engine_options")


def test_the_configuration_is_flat() -> None:
    @dataclass
    class Config:
        parallel_config: Compilation
        instance_id: str = "x"

    assert configuration(Config(Compilation(mode=2))) == {
        "parallel_config.mode": 2, "parallel_config.cache_dir": "",
    }  # fmt: skip


# Against vLLM.


@pytest.mark.engine
def test_every_refused_name_is_an_argument_of_vllm() -> None:
    from vllm.engine.arg_utils import AsyncEngineArgs

    assert {*REFUSED, *REFUSED_ON_CPU} <= {one.name for one in fields(AsyncEngineArgs)}


@pytest.mark.engine
def test_every_argument_of_vllm_has_a_type_in_words() -> None:
    """A class without a value in JSON would be in no union, and the check of its table would fail."""
    from vllm.engine.arg_utils import AsyncEngineArgs

    from service.engine.vllm_start import check_options

    names = [one.name for one in fields(AsyncEngineArgs) if not one.name.startswith("_")]
    allowed = [name for name in names if name not in {*REFUSED, *REFUSED_ON_CPU}]
    assert len(allowed) > 150
    said = {}
    for name in allowed:
        try:
            check_options({name: [[["no value"]]]})
        except ConfigurationError as error:
            said[name] = str(error).removeprefix("Invalid settings: ").split("`", 2)[2].split(";")[0]
    assert said.keys() == set(allowed) - {"quantization_config"}  # vLLM checks it when it is created
    assert [name for name, words in said.items() if "another value" in words] == []
    assert said["tensor_parallel_size" if "tensor_parallel_size" in said else "pipeline_parallel_size"] == (
        " must be a whole number"
    )


OPTIONS: dict[str, JsonValue] = {
    "block_size": 64,
    "max_num_batched_tokens": 1024,
    "load_format": "safetensors",
    "enable_prefix_caching": False,
    "attention_backend": "cpu_attn",
    "hf_overrides": {"max_position_embeddings": 1024},
    "enable_lora": True,
    "max_loras": 3,
    "max_lora_rank": 8,
    "offload_params": ["mlp"],
    "use_tqdm_on_load": True,
}
HELD = {
    "cache_config.block_size": 64,
    "scheduler_config.max_num_batched_tokens": 1024,
    "load_config.load_format": "safetensors",
    "cache_config.enable_prefix_caching": False,
    "model_config.hf_overrides": {"max_position_embeddings": 1024},
    "lora_config.max_loras": 3,
    "lora_config.max_lora_rank": 8,
    "load_config.use_tqdm_on_load": True,
}
"""The same values in vLLM's own configuration."""
SET = {
    "parallel_config.tensor_parallel_size": 1,
    "model_config.quantization": None,
    "model_config.max_model_len": CONTEXT,
    "scheduler_config.enable_chunked_prefill": False,
    "scheduler_config.policy": "fcfs",
    "model_config.enforce_eager": True,
}
"""Values of settings, and of Twinpath."""


@pytest.mark.engine
@pytest.mark.asyncio(loop_scope="session")
async def test_the_settings_and_the_options_arrive_in_the_configuration_of_vllm(
    tiny_checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from service.engine.vllm_start import engine_dtype

    requested = Dtype.BFLOAT16 if engine_dtype("auto") == "float32" else Dtype.FLOAT32  # not the default
    settings = Settings(dtype=requested, max_model_len=CONTEXT, cpu_kv_cache_gib=1, engine_options=OPTIONS)
    engine: Any = vllm_engine(settings, tiny_checkpoint, "tiny")[0]
    with caplog.at_level("INFO", "service.engine.vllm"):
        await engine.start()
    try:
        held = engine.configuration()
        assert {name: held[name] for name in HELD} == HELD
        assert {name: held[name] for name in SET} == SET
        assert str(held["model_config.dtype"]) == f"torch.{requested}"
        assert str(held["attention_config.backend"]) == "AttentionBackendEnum.CPU_ATTN"
        logged = next(record for record in caplog.records if record.message == "engine started")
        assert logged.configuration["lora_config.max_loras"] == "3"  # type: ignore[attr-defined]
        sampling = Sampling(temperature=1.0, seed=5, max_tokens=12)
        prompt = "<bos>Question: How much do 7 pens cost?\nReasoning:\n"
        texts = {(await engine.sample(name, prompt, sampling)).text for name in ("first", "again")}
        assert len(texts) == 1
    finally:
        await engine.close()


@pytest.mark.engine
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["max_lorass=2", "seed=7", "enable-lora=yes"],
            "Invalid settings: `engine_options.seed` is refused: each path has its own seed, from the `seed` of the "
            "request; `engine_options.enable_lora` must be true or false; `engine_options.max_lorass` is an unknown "
            "field; did you mean `engine_options.max_loras`?",
        ),
        (
            ["max_num_batched_tokens=64"],  # its type is right, and vLLM refuses the value
            "vLLM refuses the model or a setting: max_num_batched_tokens (64) is smaller than max_model_len (2048). "
            "This effectively limits the maximum sequence length to max_num_batched_tokens and makes vLLM reject "
            "longer sequences. Please increase max_num_batched_tokens or decrease max_model_len.",
        ),
    ],
)
def test_a_wrong_option_ends_the_command_with_one_line(
    options: list[str], said: str, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    flags = [part for option in options for part in ("--engine-option", option)]
    code, output, errors = ran(tmp_path, "solve", "How much?", "--model", tiny_checkpoint, *flags)
    assert (code, output) == (2, "")
    assert [line for line in errors.splitlines() if line != "Starting the engine."] == [f"twinpath: {said}"]


@pytest.mark.engine
@pytest.mark.asyncio(loop_scope="session")
async def test_an_unknown_quantization_is_refused_with_the_known_ones(tiny_checkpoint: Path) -> None:
    from service.engine.vllm import VllmEngine

    engine = VllmEngine(str(tiny_checkpoint), max_model_len=CONTEXT, quantization="fp9")
    with pytest.raises(ConfigurationError) as raised:
        await engine.start()
    assert str(raised.value).startswith(
        "vLLM refuses the model or a setting: Unknown quantization method: fp9. Must be one of ['awq', "
    )
    assert "\n" not in str(raised.value)
