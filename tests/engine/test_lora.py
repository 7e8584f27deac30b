"""LoRA adapters on the real engine, with a tiny random model and random adapters."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY, CollectorRegistry

from service import components
from service.api.app import create_app
from service.components import Components, build
from service.engine.base import Finish, Sampling
from service.errors import CheckpointError, ConfigurationError, EngineError
from service.metrics import Metrics
from service.settings import load_settings
from tests.support import forks
from tests.support.adapters import adapter_directory

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session")]

PENS = "A pen costs 3 dollars. How much do 7 pens cost?"
NAMES = ("base", "algebra", "units")


@pytest.fixture(scope="session")
def tiny_adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("adapters")
    # In another process: the engine forks only if this process has not imported torch.
    forks.call("tests.support.tiny_adapters", "write", path)
    return path


def built(root: Path, base: str, *adapters: str, **settings: Any) -> Components:
    options: dict[str, Any] = {"dtype": "float32", "max_model_len": 2048, "cpu_kv_cache_gib": 1} | settings
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "Metrics", lambda: Metrics(CollectorRegistry()))
        return build(load_settings(model=str(root / base), adapters=[str(root / name) for name in adapters], **options))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(tiny_adapters: Path) -> AsyncIterator[Components]:
    async with built(tiny_adapters, "base", "algebra", "units") as started:
        yield started


class Recorded:
    """Engine whose requests are recorded: token ids, and prompt tokens found in the cache."""

    def __init__(self, engine: Any, patch: pytest.MonkeyPatch) -> None:
        self._engine = engine
        self._number = 0
        self._last: dict[str, Any] = {}
        generate = engine._require_running().generate

        async def recorded(inputs: Any, params: Any, request_id: str, **more: Any) -> AsyncIterator[Any]:
            async for output in generate(inputs, params, request_id, **more):
                self._last[request_id] = output
                yield output

        patch.setattr(engine._require_running(), "generate", recorded)

    async def greedy(self, prompt: str, adapter: str | None, salt: str | None = None) -> tuple[list[int], int]:
        """Token ids of a completion, and the number of cached prompt tokens."""
        self._number += 1
        request_id = f"recorded-{self._number}"
        sampling = Sampling(temperature=0.0, max_tokens=24, adapter=adapter, cache_salt=salt)
        await self._engine.sample(request_id, prompt, sampling)
        return list(self._last[request_id].outputs[0].token_ids), self._last[request_id].num_cached_tokens


def reference(root: Path) -> tuple[list[str], dict[str, list[list[int]]]]:
    """Prompts, and the greedy token ids of transformers after each, by model."""
    read = json.loads((root / "reference.json").read_text())
    return read["prompts"], read["tokens"]


def adapter(name: str) -> str | None:
    return None if name == "base" else name


async def test_each_adapter_is_its_merged_weights(
    service: Components, tiny_adapters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts, expected = reference(tiny_adapters)
    engine = Recorded(service.engine, monkeypatch)
    found = {name: [(await engine.greedy(prompt, adapter(name)))[0] for prompt in prompts] for name in NAMES}
    assert found == expected
    assert expected["base"] != expected["algebra"] != expected["units"] != expected["base"]


async def test_a_batch_mixes_the_adapters(
    service: Components, tiny_adapters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts, expected = reference(tiny_adapters)
    engine = Recorded(service.engine, monkeypatch)
    places = [(name, number) for _ in range(4) for name in NAMES for number in range(len(prompts))]
    found = await asyncio.gather(*(engine.greedy(prompts[number], adapter(name)) for name, number in places))
    assert [tokens for tokens, _ in found] == [expected[name][number] for name, number in places]


async def test_no_adapter_finds_the_cached_prompts_of_another(
    service: Components, tiny_adapters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts, expected = reference(tiny_adapters)
    engine = Recorded(service.engine, monkeypatch)
    turns = [
        {name: await engine.greedy(prompts[0], adapter(name), salt) for name in NAMES} for salt in ("ann", "ann", "bob")
    ]
    assert [cached for _, cached in turns[0].values()] == [0, 0, 0]
    again = [cached for _, cached in turns[1].values()]
    assert min(again) >= 32  # at least one block of the prompt
    assert len(set(again)) == 1
    assert [cached for _, cached in turns[2].values()] == [0, 0, 0]
    assert [{name: tokens for name, (tokens, _) in turn.items()} for turn in turns] == [
        {name: expected[name][0] for name in NAMES}
    ] * 3


async def test_a_path_of_an_adapter_is_aborted(service: Components, tiny_adapters: Path) -> None:
    prompts, _ = reference(tiny_adapters)
    sampling = Sampling(temperature=1.0, seed=1, max_tokens=400, adapter="units")
    paths = {
        name: asyncio.create_task(service.engine.sample(name, prompts[1], replace(sampling, adapter=adapter(name))))
        for name in NAMES
    }
    await asyncio.sleep(0.05)
    await service.engine.abort(["units"])
    assert (await paths["units"]).finish is Finish.ABORT
    assert (await paths["units"]).completion_tokens < 400
    assert {(await paths[name]).finish for name in ("base", "algebra")} <= {Finish.LENGTH, Finish.STOP}
    with pytest.raises(EngineError, match=r"^The engine has no adapter 'physics'\.$"):
        await service.engine.sample("other", prompts[1], replace(sampling, adapter="physics"))


async def test_vllm_has_the_ranks_and_the_layers_of_the_files(service: Components) -> None:
    held = service.engine.configuration()  # type: ignore[attr-defined]
    names = ("max_lora_rank", "max_loras", "max_cpu_loras", "target_modules")
    assert [held[f"lora_config.{name}"] for name in names] == [
        16, 3, 3, ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"],
    ]  # fmt: skip


async def test_a_service_answers_by_each_model(service: Components, tiny_adapters: Path) -> None:
    app = create_app(service)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://twinpath") as client:
        cards = (await client.get("/v1/models")).json()["data"]
        assert [(card["id"], card["calibrated"], card["parent"]) for card in cards] == [
            ("base", False, None), ("twinpath", False, None), ("algebra", True, "base"), ("units", False, "base"),
        ]  # fmt: skip
        ask = {"problem": PENS, "paths": {"cot": 2, "pot": 2}, "policy": "fixed", "max_tokens": 8, "seed": 7}
        solved = {
            name: (await client.post("/solve", json=ask | {"model": name, "trace": True})).json() for name in NAMES
        }
        assert [(answer["model"], answer["calibrated"]) for answer in solved.values()] == [
            ("base", False), ("algebra", True), ("units", False),
        ]  # fmt: skip
        texts = {name: [path["text"] for path in answer["trace"]] for name, answer in solved.items()}
        assert len({json.dumps(written) for written in texts.values()}) == 3
        # The student has the short prompts of format v1, and the others have the worked examples of a base model.
        sent = {name: answer["usage"]["prompt_tokens"] for name, answer in solved.items()}
        assert sent["algebra"] < sent["base"] == sent["units"]
        metrics = (await client.get("/metrics")).text
        assert 'twinpath_paths_total{kind="cot"' in metrics
        counted = sum(sample.value for family in service.metrics.registry.collect() for sample in family.samples
                      if sample.name == "twinpath_paths_total")  # fmt: skip
        assert counted == 12
    lora = [
        sample for family in REGISTRY.collect() for sample in family.samples if sample.name == "vllm:lora_requests_info"
    ]
    assert {sample.labels["max_lora"] for sample in lora} == {"3"}


async def test_the_export_of_a_trimmed_student_is_served_without_merging(
    tiny_adapters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = json.loads((tiny_adapters / "exported.json").read_text())
    prompts, _ = reference(tiny_adapters)
    async with built(tiny_adapters, "trimmed", "exported") as started:
        engine = Recorded(started.engine, monkeypatch)
        assert [(await engine.greedy(prompt, "exported"))[0] for prompt in prompts] == expected
        assert [(await engine.greedy(prompt, None))[0] for prompt in prompts] != expected
    with pytest.raises(CheckpointError) as raised:
        built(tiny_adapters, "base", "exported")
    kept = len(json.loads((tiny_adapters / "exported/vocabulary.json").read_text()))
    assert str(raised.value) == (
        "The adapter exported does not fit the model base: its vocabulary is cut to "
        f"{kept} tokens; --model must be the trimmed base of its training."
    )


async def test_an_adapter_that_vllm_does_not_support_is_refused_in_one_line(tiny_adapters: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    unsupported = built(tiny_adapters, "base", "dora")
    with pytest.raises(ConfigurationError) as raised:
        await unsupported.__aenter__()
    assert str(raised.value) == "vLLM refuses the adapter dora: vLLM does not yet support DoRA."
    assert set(psutil.Process().children(recursive=True)) == before


async def test_an_adapter_of_another_size_is_refused_before_the_engine_starts(
    tiny_adapters: Path, tmp_path: Path
) -> None:
    layer = "model.layers.0.self_attn.q_proj"
    wide = adapter_directory(tmp_path / "wide", {layer: (256, 256)})
    with pytest.raises(CheckpointError) as raised:
        built(tiny_adapters, "base", str(wide))
    assert str(raised.value) == (
        f"The adapter wide does not fit the model base: {layer} is 256 × 256 in the adapter and 128 × 128 in the model."
    )
