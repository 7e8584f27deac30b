"""Start of a training in one or several processes on this machine.

torch's own agent is not used, so that all processes end with the command that started them. `learn/train.py` finds its
rank in the environment variables of torchrun.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from service.errors import EngineError, TwinpathError
from service.process import die_with_parent
from training import progress
from training.artifact import LOG
from training.data.problem import Example, read_examples, read_problems, write_examples
from training.learn.trackers import StepBar, Trackers, trackers_of
from training.recipe import Train, Watch

_JOB, _EXAMPLES = "job.json", "examples.jsonl"
_INTERRUPTED = 130

# glibc: huge pages for the heap make steps faster. Blocks of 8 MiB and more are mapped on their own, because glibc
# would raise that limit to 32 MiB. oneDNN and PyTorch cache 1,024 shapes of a bfloat16 product, which takes gigabytes,
# since hardly two batches have the same shape. 64 cover all layers of a batch.
_ENVIRONMENT = {
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=8388608:glibc.malloc.hugetlb=1",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
    "LRU_CACHE_CAPACITY": "64",
    "TRANSFORMERS_VERBOSITY": "error",  # its warnings are about checkpoints that this package handles
}


@dataclass(frozen=True, slots=True)
class Job:
    """Parameters of a training, without its examples.

    Args:
        base: directory or name of the base model.
        settings: training settings.
        seed: seed of every draw.
        repeats: visits of each question per epoch, by source.
        watch: settings of the evaluation during training.
        dev: file of dev problems for that evaluation.
        run: name of the run, for trackers.
        stage: name of the training in its run.
        is_quiet: whether the progress bar is off.
    """

    base: str
    settings: Train
    seed: int
    repeats: dict[str, int]
    watch: Watch
    dev: Path
    run: str = ""
    stage: str = "train"
    is_quiet: bool = False


def launch(job: Job, examples: Sequence[Example], processes: int, out: Path) -> None:
    """Train in the directory `out`.

    Args:
        job: parameters of the training.
        examples: training examples.
        processes: number of processes.
        out: output directory.

    Raises:
        EngineError: a process failed. Its messages are on standard error.
    """
    from training.sample.served import free_port

    log = out / LOG
    write_examples(log / _EXAMPLES, examples)
    (log / _JOB).write_bytes(TypeAdapter(Job).dump_json(job))
    workers = [_start(rank, processes, port, out) for port in [free_port()] for rank in range(processes)]
    try:
        failed = [worker.wait() for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
        progress.show_cursor()
    if any(failed):
        raise EngineError(f"training failed, see above; exit codes of its processes: {failed}")


def run_job(job: Job, examples: Sequence[Example], out: Path) -> None:
    """Train in this process, which is one of the run's processes."""
    with ExitStack() as loading:
        loading.enter_context(progress.bar(f"{job.stage}: load", is_shown=os.environ.get("RANK", "0") == "0"))
        from training.learn.callbacks import Watcher
        from training.learn.student import load_tokenizer
        from training.learn.train import train

        settings = job.settings.model_dump(mode="json") | {"seed": job.seed}
        services = trackers_of(job.watch.report_to, f"{job.run}-{job.stage}", settings, out / LOG)
        trackers = Trackers([StepBar(job.stage, loading.close), *services])
        watchers = []
        if job.watch.every:
            tokenizer = load_tokenizer(job.base)
            paths = job.settings.paths(job.watch.paths)
            watchers = [Watcher(job.watch, paths, tokenizer, read_problems(job.dev), out, job.seed, trackers)]
        train(
            job.base,
            examples,
            job.settings,
            out,
            seed=job.seed,
            repeats=job.repeats,
            callbacks=watchers,
            trackers=trackers,
        )


def _start(rank: int, processes: int, port: int, out: Path) -> subprocess.Popen[bytes]:
    place: dict[str, str] = {}
    if processes > 1:
        place = {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(processes),
            "LOCAL_WORLD_SIZE": str(processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
    # -P: no module of the working directory is imported in place of another one.
    command = [sys.executable, "-P", "-m", "training.learn.launch", str(out), str(os.getpid())]
    return subprocess.Popen(command, env=_ENVIRONMENT | os.environ | place)  # noqa: S603 — this module


def main() -> None:
    """Run one process: `python -m training.learn.launch OUT PARENT_PID`, with its rank in the environment."""
    out = Path(sys.argv[1])
    die_with_parent(int(sys.argv[2]))
    job = TypeAdapter(Job).validate_json((out / LOG / _JOB).read_bytes())
    try:
        with progress.quiet() if job.is_quiet else nullcontext():
            run_job(job, read_examples(out / LOG / _EXAMPLES), out)
    except TwinpathError as error:
        sys.exit(f"twinpath: {error}")
    except KeyboardInterrupt:  # the command that started this process reports it
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
