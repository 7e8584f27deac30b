"""Estimate of a run: cost, tokens, hours and disk."""

import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from service.errors import ConfigurationError
from service.types import PathKind
from tests.support.training_recipes import recipe_text, write_recipe
from training.cli import app
from training.data.public.sets import PUBLIC_SETS
from training.data.teacher_client import CostMeter
from training.estimate import Estimate, hardware, parameters, workload
from training.estimate.counts import RATIONALE_CHARS, sizes
from training.estimate.text import hours_text, text
from training.recipe import Recipe, Teacher, Train, load
from training.recipe.shipped import RECIPES
from training.stages.teacher import requests_for

ROOT = Path(__file__).parents[2]
RESULTS = json.loads((ROOT / "benchmarks/results/gpu_training.json").read_text())["figures"]
TEACHER = """
[teacher]
base_url = "http://127.0.0.1:1"
model = "t"
cot = 1
pot = 2
price_prompt = 1.0
price_completion = 2.0
cap_dollars = 0.5
"""


def recipe(directory: Path, more: str = "", **changes: Any) -> Recipe:
    """Recipe whose only source has 40 problems, 4 of them dev and 4 test, with files in `directory`."""
    return load(write_recipe(directory, recipe_text("models/student-7b", directory) + more)).model_copy(update=changes)


def of_set(name: str, directory: Path, **changes: Any) -> Recipe:
    """Recipe whose only source is a file of a public set."""
    found = recipe(directory)
    source = found.sources[0].model_copy(update={"problems": name, "rationales": (), **changes})
    return found.model_copy(update={"sources": (source,)})


def test_the_measured_figures_are_those_of_the_benchmark() -> None:
    assert RESULTS["gpu"] == "NVIDIA H200"
    assert hardware.MEASURED_GPU.memory_gib == RESULTS["gpu_memory_gib"]
    assert len(hardware.MEASURED) == len(RESULTS["trainings"])
    for row, measured in zip(hardware.MEASURED, RESULTS["trainings"], strict=True):
        kernels = measured["kernel_s"]
        assert row == hardware.MeasuredTraining(
            measured["student"],
            measured["parameters"],
            measured["trained_parameters"],
            measured["gradient_checkpointing"],
            measured["batch_tokens"],
            round(measured["tokens_per_s"]),
            round((kernels["matrix products"] + kernels["attention"]) / sum(kernels.values()), 3),
            round(measured["peak_memory_gib"], 1),
        )
    assert round(RESULTS["sampling"][0]["second_tokens_per_s"]) == hardware.SAMPLED_TOKENS_PER_S
    turns = json.loads((ROOT / "benchmarks/results/student-turns.json").read_text())["figures"]["trimmed"]
    assert round(statistics.median(turns["tokens_per_s"])) == hardware.CPUS["with AMX"][1]


@pytest.mark.parametrize("row", hardware.MEASURED, ids=lambda row: f"{row.student}-{row.checkpointing}")
def test_a_measured_training_is_estimated_as_measured(row: hardware.MeasuredTraining) -> None:
    settings = Train(batch_tokens=row.batch_tokens, gradient_checkpointing=row.checkpointing)
    seconds = hardware.training_s(hardware.MEASURED_GPU, row.parameters, settings, 1000 * row.tokens_per_s)
    assert seconds == pytest.approx(1000)
    assert hardware.memory_gib(row.parameters, settings) == pytest.approx(row.memory_gib)
    assert hardware.trained_parameters(row.parameters, settings) == pytest.approx(row.trained)


def test_time_and_memory_grow_with_student_weights_and_batch() -> None:
    row = hardware.MEASURED[0]
    settings = Train(batch_tokens=row.batch_tokens, gradient_checkpointing=True)
    full = settings.model_copy(update={"adapter": "full"})
    gpu = hardware.MEASURED_GPU

    def seconds(parameters: float, how: Train) -> float:
        return hardware.training_s(gpu, parameters, how, row.tokens_per_s)

    assert seconds(row.parameters / 2, settings) == pytest.approx(0.5)
    assert seconds(row.parameters, full) == pytest.approx(1.5)
    assert hardware.trained_parameters(row.parameters, full) == row.parameters
    half = settings.model_copy(update={"batch_tokens": row.batch_tokens // 2})
    assert hardware.memory_gib(row.parameters, half) < row.memory_gib
    assert hardware.memory_gib(row.parameters, full) > hardware.memory_gib(row.parameters, settings) + 80
    rank = settings.model_copy(update={"rank": 32})
    assert hardware.trained_parameters(row.parameters, rank) == pytest.approx(row.trained / 2)


@pytest.mark.parametrize(
    ("parameters_", "checkpointing", "measured"),
    [
        (7e9, True, ("LLaMA-2-7B", True)), (7.4e9, True, ("Mistral-7B", True)), (7.4e9, False, ("LLaMA-2-7B", False)),
        (13e9, False, ("LLaMA-2-7B", False)), (70e9, True, ("Mistral-7B", True)), (270e6, True, ("Gemma-3-270M", False)),
        (1.5e9, True, ("LLaMA-2-7B", True)), (0.5e9, True, ("Gemma-3-270M", False)),
    ],
)  # fmt: skip
def test_the_measured_training_is_that_of_a_similar_student(
    parameters_: float, checkpointing: bool, measured: tuple[str, bool]
) -> None:
    row = hardware.nearest(parameters_, checkpointing)
    assert (row.student, row.checkpointing) == measured


def test_other_gpus_are_slower_by_rate_and_bandwidth() -> None:
    half_rate = replace(hardware.MEASURED_GPU, tflops=hardware.MEASURED_GPU.tflops / 2)
    half_bandwidth = replace(hardware.MEASURED_GPU, bandwidth=hardware.MEASURED_GPU.bandwidth / 2)
    row = hardware.MEASURED[0]
    settings = Train(gradient_checkpointing=True)

    def factor(gpu: hardware.Gpu) -> float:
        return hardware.training_s(gpu, row.parameters, settings, row.tokens_per_s)

    assert factor(half_rate) == pytest.approx(1 + row.products)
    assert factor(half_bandwidth) == pytest.approx(2 - row.products)
    assert hardware.sampling_s(half_bandwidth, row.parameters, hardware.SAMPLED_TOKENS_PER_S) == pytest.approx(2)
    assert hardware.sampling_s(half_rate, row.parameters, hardware.SAMPLED_TOKENS_PER_S) == pytest.approx(1)


def test_two_cores_take_time_by_the_parameters() -> None:
    gemma = hardware.MEASURED[-1].parameters
    assert hardware.cpu_s("with AMX", gemma, 400, 575) == (1, 1)
    assert hardware.cpu_s("without AMX", 3 * gemma, 226, 290) == (6, 3)


def test_a_teacher_costs_at_most_the_sum_of_its_requests(data: Path) -> None:
    found = recipe(data, TEACHER)
    asked = found.model_copy(update={"sources": (found.sources[0].model_copy(update={"teacher": True}),)})
    teacher, (size,) = asked.teacher, sizes(asked)
    assert teacher is not None
    cost = workload.teacher_cost(asked, [size])
    requests = [request for problem in size.problems for request in requests_for(teacher, problem, asked.seed)]
    assert cost.requests == len(requests) == 40 * 3
    assert cost.max_dollars == pytest.approx(sum(map(CostMeter(teacher).max_cost, requests)))
    assert 0 < cost.typical_dollars < cost.max_dollars
    assert workload.teacher_cost(found, sizes(found)).requests == 0  # no source has teacher = true
    assert (
        f"120 requests to t: at most ${cost.max_dollars:.2f}, typically ${cost.typical_dollars:.2f} (cap: $0.50)"
        in text(Estimate.of(asked))
    )


def test_a_public_set_that_is_not_there_is_counted_by_the_registry(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    for name in ("data/public/gsm8k/train.jsonl", "hf:gsm8k"):
        (size,) = sizes(of_set(name, data, teacher=True, dev=100, test=20))
        assert (size.count, size.at_hand, size.train) == (PUBLIC_SETS["gsm8k"].rows["train"], False, 7473 - 120)
        assert size.question_chars == 235
    (size,) = sizes(of_set("data/public/gsm8k/train.jsonl", data, skip=7000, limit=500, dev=3, test=0))
    assert (size.count, size.train) == (473, 0)  # no rationales
    (size,) = sizes(of_set("data/public/gsm8k/train.jsonl", data, skip=7000, limit=400))
    assert size.count == 400
    with pytest.raises(ConfigurationError, match=r"data/public/gsm8k/dev\.jsonl does not exist; `twinpath train data"):
        sizes(of_set("data/public/gsm8k/dev.jsonl", data))
    with pytest.raises(ConfigurationError, match="gone"):
        sizes(of_set("gone.jsonl", data))


def test_a_file_that_is_there_counts_before_the_registry(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    file = data / "data/public/svamp/train.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text('{"id": "svamp/1", "question": "How many?", "answer": "1"}\n' * 9)
    found = of_set("data/public/svamp/train.jsonl", data)
    assert [(size.count, size.at_hand) for size in sizes(found)] == [(9, True)]
    assert [(size.count, size.at_hand) for size in sizes(found, registry_only=True)] == [(700, False)]


def test_the_lengths_of_rationales_are_those_of_the_files(data: Path) -> None:
    (size,) = sizes(recipe(data))
    rows = [json.loads(line) for line in (data / "rationales.jsonl").read_text().splitlines()]
    for kind in PathKind:
        lengths = [len(row["text"]) for row in rows if row["kind"] == kind]
        assert size.rationale_chars[kind] == pytest.approx(sum(lengths) / len(lengths))
    (without,) = sizes(of_set(str(data / "problems.jsonl"), data))
    assert without.rationale_chars == RATIONALE_CHARS


def test_trained_tokens_are_those_of_all_visits_up_to_the_limit_of_steps(data: Path) -> None:
    found = recipe(data)
    (size,) = sizes(found)
    size = replace(size, rationale_chars={PathKind.COT: 28.0, PathKind.POT: 56.0})
    visit = size.question_chars / 2.8 + 20 + 2 * (10 + 20)
    assert workload.trainings(found, [size]) == {"train": pytest.approx(3 * 32 * visit)}
    assert visit < 512 < 32 * visit
    long = replace(size, rationale_chars={PathKind.COT: 9999.0, PathKind.POT: 9999.0})
    assert workload.trainings(found, [long]) == {"train": 3 * 32 * 512}
    copies = found.model_copy(update={"dataset": found.dataset.model_copy(update={"augment": 2})})
    copy = size.question_chars / 2.8 + 20 + 10 + 20
    assert workload.trainings(copies, [size]) == {"train": pytest.approx(3 * 32 * (visit + 2 * copy))}
    few = recipe(data, "[train]\nmax_steps = 2\n[self_training]\nenabled = true\n[compare]\nenabled = true\nsteps = 1")
    step = 2048 * 2
    assert workload.trainings(few, [long]) == {
        "train": 2 * step, "self_training": 2 * step, "train-cot": step, "train-pot": step,
    }  # fmt: skip


def test_sampled_tokens_are_those_of_every_stage(data: Path) -> None:
    found = recipe(
        data,
        "[self_training]\nenabled = true\nproblems = 5\npaths = 4\n[compare]\nenabled = true\npaths = 3\n"
        "[calibrate]\npaths = 2\ntemperatures = [0.5, 0.7]\nmax_tokens = 7",
    )
    (size,) = sizes(found)
    size = replace(size, rationale_chars={PathKind.COT: 14.0, PathKind.POT: 42.0})  # 10 tokens on average
    own, compared, calibrated, measured = 5 * 8 * 10, 3 * 4 * 8 * 10, 2 * 4 * 6 * 7, 4 * 6 * 7
    assert workload.sampled_tokens(found, [size]) == pytest.approx(own + compared + calibrated + measured)


def test_disk_holds_download_students_checkpoint_and_adapters(data: Path) -> None:
    plain = recipe(data)
    trained = hardware.trained_parameters(7e9, plain.train)
    assert workload.disk_bytes(plain, 7e9) == pytest.approx(2 * 7e9 * 3 + trained * (2 * 4 + 3 * 12))
    more = recipe(data, "[compare]\nenabled = true\n[export]\nint8 = true")
    assert workload.disk_bytes(more, 7e9) == pytest.approx(2 * 7e9 * 5.5 + trained * (4 * 4 + 3 * 12))


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("meta-llama/Llama-2-7b-hf", 7e9), ("codellama/CodeLlama-7b-hf", 7e9), ("mistralai/Mistral-7B-v0.1", 7e9),
        ("google/gemma-3-270m", 270e6), ("Qwen/Qwen2.5-0.5B", 0.5e9), ("Qwen/Qwen2.5-Coder-1.5B-Instruct", 1.5e9),
        ("models/student", None), ("gemma-3-27bit", None),
    ],
)  # fmt: skip
def test_the_size_of_a_student_is_in_its_name(model: str, size: float | None) -> None:
    assert parameters(model) == size


@pytest.mark.parametrize(
    ("base_url", "is_known"),
    [
        ("https://api.example.com/v1", False),
        ("http://[", False),
        ("http://localhost:8000/v1", True),
        ("scripted", True),
    ],
)
def test_a_teacher_without_prices_costs_nothing_only_on_this_machine(base_url: str, is_known: bool, data: Path) -> None:
    teacher = Teacher(base_url=base_url, model="t")
    found = recipe(data, teacher=teacher)
    asked = found.model_copy(update={"sources": (found.sources[0].model_copy(update={"teacher": True}),)})
    shown = text(Estimate.of(asked))
    assert ("320 requests to t: at most $0.00" in shown) == is_known
    unknown = "320 requests to t: cost unknown; set teacher.price_prompt and teacher.price_completion"
    assert (unknown in shown) == (not is_known)


def test_small_amounts_are_no_zeros(data: Path) -> None:
    shown = text(Estimate.of(recipe(data, "[train]\nmax_steps = 3")))
    assert "training  11,000 tokens at most, in train" in shown
    assert "| H200 | under 1 min | under 1 min |" in shown
    assert hours_text(1 / 60) == "1 min"
    assert hours_text(1.55) == "1.6 h"


def test_a_random_student_takes_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = text(Estimate.of(load(RECIPES / "smoke.toml")))
    assert shown.splitlines()[-1] == "student   tiny, with random weights: minutes on two CPU cores"


def test_the_size_of_a_student_on_the_disk_is_that_of_its_weights(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"x" * 3000)
    assert parameters(str(tmp_path)) == 3000


@given(st.text())
def test_any_name_of_a_student_has_a_size_or_none(name: str) -> None:
    assert parameters(f"x/{name}") is None or parameters(f"x/{name}") >= 0  # type: ignore[operator]


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_is_estimated_without_its_data(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = Estimate.of(load(path), registry_only=True)
    assert sum(found.trainings.values()) > 0
    shown = text(found)
    assert shown.startswith(f"Estimate for {found.recipe.name}. ")
    assert ("| H200 |" in shown) == (found.parameters is not None)
    assert ("| 2 CPU cores with AMX |" in shown) == (found.parameters is not None and found.parameters < 1e9)


def test_the_paper_s_recipe_fits_a_gpu_of_24_gb() -> None:
    found = Estimate.of(load(RECIPES / "llama2-7b-paper.toml"), registry_only=True)
    assert {row.gpu.name for row in found.gpus if row.fits} == {gpu.name for gpu in hardware.GPUS}
    assert found.teacher.requests == 8 * (700 + 7473 + 2061)
    assert found.teacher.max_dollars < 60 == found.recipe.teacher.cap_dollars  # type: ignore[union-attr]


def test_the_command_prints_the_estimate_and_makes_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    path = write_recipe(data, recipe_text("models/student-7b", data) + TEACHER)
    before = sorted(data.rglob("*"))
    for command in ("run", "teacher"):
        shown = CliRunner().invoke(app, [command, str(path), "--estimate"])
        assert shown.exit_code == 0
        assert shown.output == text(Estimate.of(load(path))) + "\n"
    assert sorted(data.rglob("*")) == before


def test_a_student_of_unknown_size_has_no_hours(data: Path) -> None:
    path = write_recipe(data, recipe_text("models/student", data))
    shown = text(Estimate.of(load(path)))
    assert "student   the name models/student has no size such as 7B, so hours and disk are unknown" in shown
    assert "GPU" not in shown
