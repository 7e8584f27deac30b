"""Twinpath and its peers on the same checkpoint, problems, budgets, temperature and machine, in one run.

    python -m benchmarks.peers --data ../shared/data/svamp/train.jsonl --test 150 --json benchmarks/results/peers.json

All servers are up during the whole run: one `twinpath serve` with its own engine, and one `vllm serve` that Twinpath's
remote engine, its-hub, optillm and the script share. Only one system is asked at a time; the systems take turns, in
another order each time, so that what else the machine does strikes all. Every round takes new problems for each
concurrency, the same for all systems. `--test` asks only problems that the student's training held out. How each peer
is set up, and why so: `systems.py`. The file is written anew after each turn.
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
from service.components import path_format_of
from service.evaluation.evaluate import Question
from service.model.checkpoint import find
from service.settings import load_settings
from service.types import PathKind
from tests.support.servers import Server, embedded_service, free_port, service, vllm_worker

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
    """Start everything, measure in turns, write the results."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the servers, too
    arguments = _arguments()
    began = time.monotonic()
    settings = load_settings()
    checkpoint = find(arguments.model, settings.cache_dir)
    questions = problems(arguments)
    prompts = [path_format_of(checkpoint).prompt(kind, "{question}") for kind in PathKind]
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
    """The systems of these names, once their servers serve; `stack` ends those."""
    cache = load_settings().cache_dir / "peers"
    python = environments.environment("its-hub", cache) / "bin/python"
    options = ["--chat-template", _TEMPLATE, "--chat-template-content-format", "string", "--disable-uvicorn-access-log"]
    engine = stack.enter_context(vllm_worker(model, folder, cpu_kv_cache_gib=2, options=options))
    own = stack.enter_context(embedded_service(model, folder, log_level="warning"))
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
    """The proxy before `vllm serve`, as its own command starts it; what it logs of each request is off."""
    port = free_port()
    command = [environment / "bin/optillm", "--base-url", f"{engine.url}/v1", "--port", port, "--log", "warning"]
    return Server(command, port, folder / "optillm.log", environment={"OPENAI_API_KEY": "none"})


def _points(arguments: argparse.Namespace, questions: list[Question]) -> Iterator[tuple[int, int, list[Question]]]:
    """Round, concurrency and problems of each turn."""
    asked = cycle(questions)
    for number in range(1, arguments.rounds + 1):
        for concurrency, number_of_problems in zip(arguments.concurrency, arguments.problems, strict=True):
            yield number, concurrency, list(islice(asked, number_of_problems))


def _ceiling(arguments: argparse.Namespace, model: Path) -> float | None:
    """Tokens per second of vLLM's offline `generate` on the same machine, nothing else running: the engine's own."""
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
    parser.add_argument("--model", help="a distilled student's directory; none takes the embedded default")
    parser.add_argument("--json", type=Path, default=results.FOLDER / "peers.json")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--problems", type=int, nargs="+", default=[4, 12, 32], help="for each concurrency, a round")
    parser.add_argument("--systems", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--ceiling", type=int, default=20, help="problems for vLLM's offline speed; 0 leaves it out")
    return parser.parse_args()


if __name__ == "__main__":
    main()
