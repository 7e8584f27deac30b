"""Every benchmark whose figures the documents show, one after the other, and then the documents.

    python -m benchmarks.all --data ../shared/data/svamp/train.jsonl --test 150 [--only NAME …]

Each is a command of its own that can be run alone; the results go to `benchmarks/results/`, from which
`benchmarks/tables.py` writes the tables and plots.
"""

import argparse
import subprocess
import sys
import time

from benchmarks import results
from benchmarks.load import add_problems

_POLICY = ["benchmarks.policy", "--limit", "240", "--data", "{data}", "--test", "{test}"]
_PATHS = "runs/policy-paths.jsonl"

COMMANDS = {
    "newcomer": ["benchmarks.newcomer"],
    "start": ["benchmarks.start", "--repeat", "2"],
    "sandbox": ["benchmarks.sandbox"],
    "engine": ["benchmarks.engine", "--data", "{data}"],
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
}
"""By the name of the results."""


def main() -> None:
    """Run them and write the documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_problems(parser)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    arguments = parser.parse_args()
    for name in arguments.only:
        command = [word.format(data=arguments.data.resolve(), test=arguments.test) for word in COMMANDS[name]]
        if "--test" in command:
            command += ["--split-seed", str(arguments.split_seed)]
        command += ["--json", str(results.FOLDER.relative_to(results.FOLDER.parents[1]) / f"{name}.json")]
        print(f"{name}: python -m {' '.join(command)}", flush=True)
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", *command], check=True, cwd=results.FOLDER.parents[1])
        print(f"{name}: {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
    subprocess.run([sys.executable, "-m", "benchmarks.tables"], check=True)


if __name__ == "__main__":
    main()
