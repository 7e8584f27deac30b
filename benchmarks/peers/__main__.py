"""Twinpath and its peers in one run.

    python -m benchmarks.peers --data problems.jsonl --test 150 --json benchmarks/results/peers.json

Two servers are up during the whole run: `twinpath serve` with its own engine, and one `vllm serve` that the other
systems share. The systems take turns in changing order. Every round takes new problems for each concurrency, the same
for all systems. The results are written after each turn.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.engine import run_alone
from benchmarks.load import add_problems, problems
from benchmarks.peers import environments
from benchmarks.peers.measure import measure
from benchmarks.peers.systems import COT, FEW, MAX_TOKENS, POT, TEMPERATURE, System, its_hub, optillm, script, twinpath
from service.evaluation.problems import LabeledProblem
from service.model.checkpoint import find_checkpoint
from service.model.prompt_format import prompt_format
from service.settings import load_settings
from service.types import PathKind
from tests.support.servers import Server, bundled_service, free_port, service, vllm_worker

NAMES = (
    "twinpath",
    "twinpath-few",
    "twinpath-remote",
    "its-hub",
    "its-hub-beta",
    "optillm-majority",
    "optillm-consistency",
    "script",
)
_TEMPLATE = Path(__file__).parent / "chat_template.jinja"


def main() -> None:
    """Start the systems, measure them by turns and write the results."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers end
    arguments = _arguments()
    began = time.monotonic()
    settings = load_settings()
    checkpoint = find_checkpoint(arguments.model, settings.cache_dir)
    questions = problems(arguments)
    prompts = [prompt_format(checkpoint).prompt(kind, "{question}") for kind in PathKind]
    figures: dict[str, Any] = {
        "model": checkpoint.name,
        "settings": {"cot": COT, "pot": POT, "temperature": TEMPERATURE, "max_tokens": MAX_TOKENS},
        "rounds": arguments.rounds,
        "ceiling_tokens_per_s": _ceiling(arguments, checkpoint.path),
        "runs": [],
    }
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        systems = start(checkpoint.path, prompts, Path(folder), arguments.systems, stack)
        for system in systems:
            measure(system, questions[-1:], 1, 0)  # warm
        print(f"All have started and are warm after {time.monotonic() - began:.0f} s.", flush=True)
        for place, (number, concurrency, some) in enumerate(_points(arguments, questions)):
            for system in (*systems[place % len(systems) :], *systems[: place % len(systems)]):
                row = {"round": number} | measure(system, some, concurrency, place)
                figures["runs"].append(row)
                print(_line(row), flush=True)
            figures["minutes"] = round((time.monotonic() - began) / 60, 1)
            results.write(arguments.json, figures, **environments.versions())


def start(model: Path, prompts: Sequence[str], folder: Path, names: Sequence[str], stack: ExitStack) -> list[System]:
    """Start the systems of these names. `stack` ends their servers."""
    cache = load_settings().cache_dir / "peers"
    python = environments.environment("its-hub", cache) / "bin/python"
    options = ["--chat-template", _TEMPLATE, "--chat-template-content-format", "string", "--disable-uvicorn-access-log"]
    engine = stack.enter_context(vllm_worker(model, folder, cpu_kv_cache_gib=2, options=options))
    own = stack.enter_context(bundled_service(model, folder, log_level="warning"))
    remote = stack.enter_context(service([engine.url], folder, model, log_level="warning"))
    proxy = stack.enter_context(_proxy(environments.environment("optillm", cache), engine, folder))
    for server in (engine, own, remote, proxy):
        server.await_health(600)  # all start together, each with its imports
    systems: list[System] = [
        twinpath("twinpath", [own], own),
        twinpath("twinpath-few", [own], own, FEW, FEW),
        twinpath("twinpath-remote", [remote, engine], engine),
        its_hub("its-hub", "plain", python, engine),
        its_hub("its-hub-beta", "beta", python, engine),
        optillm("optillm-majority", "majority_voting", [proxy, engine], engine),
        optillm("optillm-consistency", "self_consistency", [proxy, engine], engine),
        script(Path(sys.executable), prompts, engine),
    ]
    return [system for system in systems if system.name in names]


def _proxy(environment: Path, engine: Server, folder: Path) -> Server:
    """The proxy of optillm in front of `vllm serve`, without its request log."""
    port = free_port()
    command = [environment / "bin/optillm", "--base-url", f"{engine.url}/v1", "--port", port, "--log", "warning"]
    return Server(command, port, folder / "optillm.log", environment={"OPENAI_API_KEY": "none"})


def _points(
    arguments: argparse.Namespace, questions: list[LabeledProblem]
) -> Iterator[tuple[int, int, list[LabeledProblem]]]:
    """Round, concurrency and problems of each turn."""
    asked = cycle(questions)
    for number in range(1, arguments.rounds + 1):
        for concurrency, number_of_problems in zip(arguments.concurrency, arguments.problems, strict=True):
            yield number, concurrency, list(islice(asked, number_of_problems))


def _ceiling(arguments: argparse.Namespace, model: Path) -> float | None:
    """Tokens per second of vLLM's offline `generate` on the idle machine."""
    if not arguments.ceiling:
        return None
    return run_alone("offline", arguments.data, arguments.ceiling, str(model))["tokens_per_s"]


def _line(row: dict[str, Any]) -> str:
    n = row["problems"]
    return (
        f"round {row['round']}, {row['concurrency']:2} at a time, {row['system']:20} {sum(row['right'])} of {n} right, "
        f"{row['tokens'] / n:4.0f} tokens, {row['problems_per_s']:.3f} problems/s, p50 {row['p50_s']:.2f} s, "
        f"{row['cpu_s'] / n:.2f} CPU s, {row['peak_bytes'] / 2**30:.2f} GiB, {len(row['failures'])} failed"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_problems(parser)
    parser.add_argument("--model", help="directory of a distilled student (default: the bundled model)")
    parser.add_argument("--json", type=Path, default=results.FOLDER / "peers.json")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument(
        "--problems", type=int, nargs="+", default=[4, 12, 32], help="number of problems of each concurrency in a round"
    )
    parser.add_argument("--systems", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument(
        "--ceiling", type=int, default=20, help="number of problems for vLLM's offline speed; 0 skips it"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
