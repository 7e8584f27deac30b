"""Every benchmark of the documents in turn, then the tables.

    python -m benchmarks.all --data problems.jsonl --test 150 [--only NAME …]

Each benchmark is a command of its own. Results go to `benchmarks/results/`, and `benchmarks/tables.py` writes the
tables and plots from them.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import results
from benchmarks.load import add_problems

_POLICY = ["benchmarks.policy", "--limit", "240", "--data", "{data}", "--test", "{test}"]
_PATHS = "runs/policy-paths.jsonl"

COMMANDS = {
    "newcomer": ["benchmarks.newcomer"],
    "start": ["benchmarks.start", "--repeat", "2"],
    "sandbox": ["benchmarks.sandbox"],
    "libraries": ["benchmarks.libraries"],
    "http-parsers": ["benchmarks.http_parsers"],
    "engine": ["benchmarks.engine", "--data", "{data}"],
    "openmp": ["benchmarks.openmp"],
    "student": ["benchmarks.student", "--data", "{data}", "--test", "{test}", "--repeat", "1"],
    "student-turns": ["benchmarks.student", "--data", "{data}", "--test", "{test}", "--limit", "30"],
    "policy": [*_POLICY, "--paths", _PATHS],
    "policy-easier": [*_POLICY, "--easier", _PATHS, "--seed", "9"],
    "latency": ["benchmarks.latency", "--data", "{data}", "--test", "{test}"],
    "peers": ["benchmarks.peers", "--data", "{data}", "--test", "{test}"],
    "overload": ["benchmarks.overload"],
    "overload-scripted": ["benchmarks.overload", "--scripted"],
    "chaos": ["benchmarks.chaos", "--minutes", "5", "--rate", "1", "--every", "40"],
    "chaos-scripted": ["benchmarks.chaos", "--minutes", "3", "--scripted"],
    "soak": ["benchmarks.soak", "--minutes", "10"],
    "failover": ["benchmarks.failover"],
    "failover-scripted": ["benchmarks.failover", "--scripted"],
    "remote": ["benchmarks.remote"],
    "scale": ["benchmarks.scale"],
    "scale-router": ["benchmarks.scale", "--router"],
    "training": ["benchmarks.training", "--dataset", "{dataset}"],
    "reading": ["benchmarks.reading", "{recorded}", "--libraries"],
    "prompts": ["benchmarks.prompts", "--data", "{data}", "--test", "{test}", "--model", "{instruct}"],
}
"""Command of each result, by the result's name."""
_NEEDED = {"training": "dataset", "reading": "recorded", "prompts": "instruct"}
"""Flag of a path that a result needs."""


def main() -> None:
    """Run the benchmarks and write the documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_problems(parser)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--dataset", type=Path, help="train.jsonl of a dataset stage; `training` is skipped without it")
    parser.add_argument("--recorded", type=Path, help="folder of recorded paths; `reading` is skipped without it")
    parser.add_argument("--instruct", type=Path, help="directory of an instruct model; `prompts` is skipped without it")
    arguments = parser.parse_args()
    root = results.FOLDER.parents[1]
    for name in arguments.only:
        needed = _NEEDED.get(name)
        if needed and getattr(arguments, needed) is None:
            print(f"{name}: skipped, it needs --{needed}", flush=True)
            continue
        given = {"data": arguments.data.resolve(), "test": arguments.test}
        if needed:
            given[needed] = getattr(arguments, needed).resolve()
        command = [word.format(**given) for word in COMMANDS[name]]
        if "--test" in command:
            command += ["--split-seed", str(arguments.split_seed)]
        command += ["--json", str((results.FOLDER / f"{name}.json").relative_to(root))]
        print(f"{name}: python -m {' '.join(command)}", flush=True)
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", *command], check=True, cwd=root)
        print(f"{name}: {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
    subprocess.run([sys.executable, "-m", "benchmarks.tables"], check=True)


if __name__ == "__main__":
    main()
