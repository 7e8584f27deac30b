"""Starts a training: in one process or in several on this machine, each with a part of every step (or of the model).

The processes are started without an agent of torch's between, so that they end with the command that started them and
a killed run leaves nobody behind who still writes into its directory. `train.py` then trains; it finds its place in the
environment, as torchrun would have set it, and settings of its memory, which are read at a start alone.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from service.errors import EngineError, TwinpathError
from service.process import die_with_parent
from training.dataset import example_row, read_examples
from training.manifest import LOG
from training.packs import Example
from training.rationale import read_problems, write_rows
from training.recipe import Train, Watch

_JOB, _EXAMPLES = "job.json", "examples.jsonl"
_ON_CPU = {
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=8388608:glibc.malloc.hugetlb=1",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
    "LRU_CACHE_CAPACITY": "64",
}
"""The allocator: huge pages for the heap where the kernel gives them on request, which makes steps faster; and blocks
from 8 MiB on are always mapped by themselves, instead of from a size on that glibc raises to 32 MiB. oneDNN and PyTorch
keep what they prepared for each shape of a bfloat16 product, 1,024 of them, and hardly two batches have one shape: that
takes gigabytes, and 64 serve all layers of a batch.
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What is trained besides the examples; `dev` is the file of problems that `watch` looks at."""

    base: str
    settings: Train
    seed: int
    repeats: dict[str, int]
    watch: Watch
    dev: Path


def launch(job: Job, examples: Sequence[Example], processes: int, out: Path) -> None:
    """Train in the directory `out`.

    Raises:
        EngineError: a process failed; what it said is on standard error.
    """
    log = out / LOG
    write_rows(log / _EXAMPLES, map(example_row, examples))
    fields = asdict(job) | {
        "settings": job.settings.model_dump(mode="json"),
        "watch": job.watch.model_dump(mode="json"),
        "dev": str(job.dev),
    }
    (log / _JOB).write_text(json.dumps(fields))
    workers = [_start(rank, processes, port, out) for port in [_free_port()] for rank in range(processes)]
    try:
        failed = [worker.wait() for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    if any(failed):
        raise EngineError(f"training failed, see above: its processes ended with {failed}")


def run_job(job: Job, examples: Sequence[Example], out: Path) -> None:
    """Train as this process of the run, which may be its only one."""
    from training.train import train

    watchers = []
    if job.watch.every:
        from training.student import load_tokenizer
        from training.watch import Watcher

        watchers = [Watcher(job.watch, load_tokenizer(job.base), read_problems(job.dev), out, job.seed)]
    train(job.base, examples, job.settings, out, seed=job.seed, repeats=job.repeats, callbacks=watchers)


def _start(rank: int, processes: int, port: int, out: Path) -> subprocess.Popen[bytes]:
    place: dict[str, Any] = {}
    if processes > 1:
        place |= {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
        place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    env = _ON_CPU | os.environ | {name: str(value) for name, value in place.items()}
    command = [sys.executable, "-m", "training.launch", str(out), str(os.getpid())]
    return subprocess.Popen(command, env=env)  # noqa: S603 — our own module


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """One process: `python -m training.launch OUT PARENT_PID`, with its place among several in the environment."""
    out = Path(sys.argv[1])
    die_with_parent(int(sys.argv[2]))
    fields = json.loads((out / LOG / _JOB).read_text())
    job = Job(
        fields["base"],
        Train.model_validate(fields["settings"]),
        fields["seed"],
        fields["repeats"],
        Watch.model_validate(fields["watch"]),
        Path(fields["dev"]),
    )
    try:
        run_job(job, read_examples(out / LOG / _EXAMPLES), out)
    except TwinpathError as error:
        sys.exit(f"twinpath: {error}")


if __name__ == "__main__":
    main()
