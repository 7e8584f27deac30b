"""Training runs: invariance under λ, accumulation, processes and kills."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from service.errors import ConfigurationError, EngineError
from service.types import PathKind
from tests.support import forked_training, training_data
from tests.support.training_runs import SETTINGS, train_tiny
from training import progress
from training.artifact import tree_digest
from training.curves import HISTORY, MEMORY
from training.data.problem import read_rows
from training.learn.callbacks import memory_device
from training.learn.launch import Job, launch, run_job
from training.learn.trackers import TensorBoard, Trackers
from training.learn.train import last_complete
from training.recipe import Watch

ROOT = Path(__file__).parents[3]


def _split(parts: int) -> dict[str, Any]:
    """Settings for one step of `parts` micro-batches over the sixteen packs of 64 positions."""
    return {"batch_tokens": 16 * 64 // parts, "accumulation": parts}


def _close(a: Path, b: Path, tolerance: float = 1e-5) -> None:
    first, second = load_file(a), load_file(b)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        torch.testing.assert_close(tensor, second[name], atol=tolerance, rtol=0)


def _step_tokens(out: Path) -> int:
    return int(json.loads((out / HISTORY).read_text().splitlines()[0])["tokens"])


def test_each_step_logs_both_tasks_losses(base: Path, tmp_path: Path) -> None:
    out = train_tiny(base, tmp_path, trackers=Trackers([TensorBoard(tmp_path / "log/tensorboard")]))
    rows = [json.loads(line) for line in (out / HISTORY).read_text().splitlines()]
    assert [row["step"] for row in rows] == [*range(1, len(rows) + 1)]
    for row in rows:
        assert row["loss"] == pytest.approx((row["cot_loss"] + row["pot_loss"]) / 2, abs=1e-3)
    assert not (out / "checkpoints").exists()
    assert (out / "log/loss.png").is_file()
    assert (out / "log/memory.png").is_file()
    memory = list(read_rows(out / "log" / MEMORY))
    assert [row["device"] for row in memory] == [memory_device()] * len(memory)
    assert memory[-1]["gib"] > 0
    events = EventAccumulator(str(out / "log/tensorboard")).Reload()
    assert [event.step for event in events.Scalars("cot_loss")] == [row["step"] for row in rows]
    peaks = [event.value for event in events.Scalars("peak_memory_gib")]
    assert peaks == sorted(peaks)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    assert peaks[-1] == pytest.approx(int(status["VmHWM"].split()[0]) / 2**20, rel=0.1)


def test_a_training_shows_a_bar_and_no_dictionary(
    base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    monkeypatch.setattr(progress, "_lines", progress.Lines(progress._print))
    job = Job(str(base), SETTINGS, 3, {"tiny": 1}, Watch(), tmp_path, "smoke", "train")
    run_job(job, training_data.examples(16), tmp_path)
    steps = len(list(read_rows(tmp_path / HISTORY)))
    out, err = capfd.readouterr()
    assert out == ""
    load, first, *lines = err.splitlines()
    assert load == "train: load"
    assert first == f"train  0/{steps}"
    number = r"\d\.\d{3}"
    for done, line in enumerate(lines, start=1):
        eta = r"  ETA \d:\d\d" if done < steps else ""
        assert re.fullmatch(rf"train  {done}/{steps}{eta}  loss CoT {number} PoT {number}  [\d,]+ tokens/s", line)
    assert len(lines) == steps
    assert not (tmp_path / "log/tensorboard").exists()


@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_gradient_checkpointing_changes_no_gradient(base: Path, tmp_path: Path, adapter: str) -> None:
    for name, checkpointing in (("kept", False), ("again", True)):
        train_tiny(base, tmp_path / name, adapter=adapter, max_steps=1, gradient_checkpointing=checkpointing)
    kept = load_file(tmp_path / "kept.gradients")
    assert any(gradient.abs().max() > 1e-4 for gradient in kept.values())
    _close(tmp_path / "kept.gradients", tmp_path / "again.gradients")


def test_a_cpu_without_bfloat16_trains_in_float32_and_says_so(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("training.learn.student.computes_bfloat16", lambda: False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    asked = train_tiny(base, tmp_path / "asked", adapter="lora", precision="bf16")
    assert "no bfloat16 instructions" in capsys.readouterr().err
    exact = train_tiny(base, tmp_path / "exact", adapter="lora", precision="fp32")
    assert "bfloat16" not in capsys.readouterr().err
    assert (asked / "adapter_model.safetensors").read_bytes() == (exact / "adapter_model.safetensors").read_bytes()


def test_an_earlier_runs_adapter_is_gone_on_from(base: Path, tmp_path: Path) -> None:
    lora: dict[str, Any] = {"adapter": "lora", "rank": 4, "alpha": 8, "lr": 1e-2}
    first = train_tiny(base, tmp_path / "first", epochs=4, **lora)
    second = train_tiny(base, tmp_path / "second", start=str(first), **lora)
    losses = [[row["loss"] for row in read_rows(out / HISTORY)] for out in (first, second)]
    assert losses[1][0] < 0.98 * losses[0][0]
    with pytest.raises(ConfigurationError, match=r"has rank 4 and alpha 8: set train\.rank"):
        train_tiny(base, tmp_path / "other", start=str(first), **lora | {"rank": 8})
    with pytest.raises(ConfigurationError, match="is not an adapter of this student"):
        train_tiny(base, tmp_path / "missing", start=str(tmp_path / "nowhere"), **lora)


@pytest.mark.engine
@pytest.mark.parametrize(("cot_weight", "kind"), [(1.0, PathKind.COT), (0.0, PathKind.POT)])
def test_the_ends_of_lambda_are_single_task_runs(base: Path, tmp_path: Path, cot_weight: float, kind: PathKind) -> None:
    """The same steps over the same questions. The other kind's rationales have no weight."""
    mixed = train_tiny(base, tmp_path / "mixed", cot_weight=cot_weight, batch_tokens=1 << 14, epochs=3)
    only = [example for example in training_data.examples(16) if example.kind is kind]
    alone = train_tiny(base, tmp_path / "alone", only, cot_weight=cot_weight, batch_tokens=1 << 14, epochs=3)
    _close(mixed / "model.safetensors", alone / "model.safetensors")


@pytest.mark.engine
def test_accumulation_changes_nothing(base: Path, tmp_path: Path) -> None:
    """One step in one, two and four parts has the same gradients."""
    runs = [train_tiny(base, tmp_path / str(parts), **_split(parts)) for parts in (1, 2, 4)]
    assert {_step_tokens(run) for run in runs} == {_step_tokens(runs[0])}
    for run in runs[1:]:
        _close(run.with_suffix(".gradients"), runs[0].with_suffix(".gradients"))


@pytest.mark.engine
def test_a_watched_run_is_the_same_run(base: Path, tmp_path: Path) -> None:
    training_data.write_problems(tmp_path / "dev.jsonl", 3)
    for name, every in (("watched", 2), ("alone", 0)):
        watch = Watch(every=every, problems=2, paths=1, max_tokens=8)
        launch(
            Job(str(base), SETTINGS, 3, {"tiny": 1}, watch, tmp_path / "dev.jsonl"),
            training_data.examples(16),
            1,
            tmp_path / name,
        )
    assert tree_digest(tmp_path / "watched") == tree_digest(tmp_path / "alone")
    steps = len(list(read_rows(tmp_path / "watched" / HISTORY)))
    assert [row["step"] for row in read_rows(tmp_path / "watched/log/watch.jsonl")] == [*range(2, steps + 1, 2)]
    assert (tmp_path / "watched/log/accuracy-training-tokens.png").stat().st_size
    assert not (tmp_path / "alone/log/watch.jsonl").exists()


@pytest.mark.engine
def test_what_a_process_refuses_is_said(base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings = SETTINGS.model_copy(update={"adapter": "lora", "start": str(tmp_path / "nowhere")})
    job = Job(str(base), settings, 3, {"tiny": 1}, Watch(), tmp_path)
    with pytest.raises(EngineError, match=r"training failed, see above; exit codes of its processes: \[1\]"):
        launch(job, training_data.examples(16), 1, tmp_path / "out")
    assert "nowhere' is not an adapter of this student" in capfd.readouterr().err.splitlines()[-1]


@pytest.mark.engine
def test_two_processes_change_nothing(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one, two = tmp_path / "one", tmp_path / "two"
    for out, processes in ((one, 1), (two, 2)):
        settings = SETTINGS.model_copy(update={"batch_tokens": 256, "accumulation": 4 // processes})
        job = Job(str(base), settings, 3, {"tiny": 1}, Watch(), tmp_path)
        launch(job, training_data.examples(16), processes, out)
    for ours, theirs in zip(*(read_rows(out / HISTORY) for out in (one, two)), strict=True):
        assert ours["tokens"] == theirs["tokens"]
        assert ours["grad_norm"] == pytest.approx(theirs["grad_norm"], abs=1e-5)
    _close(one / "model.safetensors", two / "model.safetensors")


@pytest.mark.engine
def test_sharded_over_two_processes_the_student_is_the_same(base: Path, tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    whole, sharded = tmp_path / "whole", tmp_path / "sharded"
    train_tiny(base, whole, batch_tokens=256, accumulation=4)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29518"]
    subprocess.run(
        [*launch, "-m", "tests.support.sharded_training", base, sharded], check=True, env=env, capture_output=True
    )
    for ours, theirs in zip(*(read_rows(out / HISTORY) for out in (whole, sharded)), strict=True):
        assert ours["tokens"] == theirs["tokens"]
        assert ours["cot_loss"] == pytest.approx(theirs["cot_loss"], abs=1e-5)
        assert ours["grad_norm"] == pytest.approx(theirs["grad_norm"], abs=1e-5)
    _close(whole.with_suffix(".gradients"), sharded.with_suffix(".gradients"))
    _close(whole / "model.safetensors", sharded / "model.safetensors", tolerance=1e-4)


@pytest.mark.engine
def test_sharding_is_refused_where_it_would_not_happen(base: Path, tmp_path: Path) -> None:
    script = f"from pathlib import Path; from tests.support.training_runs import train_tiny; train_tiny(Path({str(base)!r}), Path({str(tmp_path)!r}), fsdp=True)"
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--no-python",
        "--nproc-per-node",
        "1",
        "--master-port",
        "29519",
    ]
    run = subprocess.run([*launch, sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert run.returncode != 0
    assert "train.fsdp needs GPUs" in run.stderr


@pytest.mark.engine
@pytest.mark.parametrize("adapter", ["full", "lora"])
def test_a_run_killed_at_random_moments_ends_in_the_same_bytes(base: Path, tmp_path: Path, adapter: str) -> None:
    def start(out: Path) -> ForkServerProcess:
        return forked_training.start(_train_alone, base, out, adapter)

    def finish(out: Path) -> None:
        run = start(out)
        run.join()
        assert run.exitcode == 0

    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    finish(undisturbed)
    rng = random.Random(5)
    for _ in range(3):
        run = start(killed)
        seen = _checkpoints(killed)
        while run.exitcode is None and _checkpoints(killed) == seen:  # kill soon after the next checkpoint
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.05))
        assert run.exitcode is None
        os.kill(run.pid or 0, signal.SIGKILL)
        run.join()
    finish(killed)
    assert tree_digest(killed) == tree_digest(undisturbed)


def _train_alone(base: Path, out: Path, adapter: str) -> None:
    torch.set_num_threads(1)
    train_tiny(base, out, epochs=4, adapter=adapter, rank=4)


def _checkpoints(out: Path) -> set[str]:
    return {path.name for path in (out / "checkpoints").glob("checkpoint-*")}


def test_a_half_written_checkpoint_does_not_count(tmp_path: Path) -> None:
    for step, whole in ((2, True), (10, True), (12, False)):
        path = tmp_path / f"checkpoint-{step}"
        path.mkdir()
        if whole:
            (path / "COMPLETE").touch()
    assert last_complete(tmp_path) == tmp_path / "checkpoint-10"
    assert not (tmp_path / "checkpoint-12").exists()
