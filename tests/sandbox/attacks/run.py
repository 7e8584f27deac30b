"""Runner of the attack corpus. Also a command, for interpreters without pytest:

python -m tests.sandbox.attacks.run [CLASS …]
"""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from service.sandbox.base import Execution, Outcome, Value
from service.sandbox.pool import SandboxPool
from tests.sandbox.attacks.base import Attack
from tests.sandbox.attacks.language import LANGUAGE
from tests.sandbox.attacks.libraries import LIBRARIES
from tests.sandbox.attacks.modules import MODULES
from tests.sandbox.attacks.resources import HANGS, RESOURCES
from tests.sandbox.attacks.results import RESULTS
from tests.sandbox.attacks.system import SYSTEM
from tests.sandbox.processes import zygote_pid

CORPUS: dict[str, list[Attack]] = {"hangs": HANGS} | LANGUAGE | MODULES | RESOURCES | RESULTS | SYSTEM
"""Class → attacks."""

LIBRARY_CORPUS: dict[str, list[Attack]] = LIBRARIES
"""Class → attacks through numpy and sympy, for the libraries lane."""

CANARY_TEXT = "tweet"


async def failures(
    attacks: list[Attack], *, policy: bool, timeout_s: float = 10.0, workers: int = 2, libraries: bool = False
) -> list[str]:
    """Run attacks in a new pool.

    Returns:
        One line for each unexpected result and for each effect outside the sandbox.
    """
    restarts: list[str] = []
    pool = SandboxPool(
        workers=workers,
        timeout_s=timeout_s,
        memory_bytes=64 * 1024 * 1024,
        output_bytes=16 * 1024,
        max_queue=len(attacks),
        policy=policy,
        on_restart=lambda: restarts.append("the zygote was replaced"),
        libraries=libraries,
    )
    await pool.start()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        canary = Path(folder, "canary")
        canary.write_text(CANARY_TEXT)
        for path, mode in ((folder, 0o777), (canary, 0o666)):  # only the lock may protect it from a program
            os.chmod(path, mode)  # noqa: PTH101
        server.setblocking(False)
        targets = {
            "CANARY": str(canary),
            "PORT": str(server.getsockname()[1]),
            "SERVICE": str(os.getpid()),
            "ZYGOTE": str(zygote_pid(pool)),
        }
        executions = await asyncio.gather(*(pool.run(_insert_targets(attack.program, targets)) for attack in attacks))
        lines = [_mismatch(attack, execution, policy) for attack, execution in zip(attacks, executions, strict=True)]
        lines += _outside_effects(canary, server)
    await pool.close()
    return [line for line in lines + restarts if line]


def _insert_targets(program: str, targets: dict[str, str]) -> str:
    for name, value in targets.items():
        program = program.replace(name, value)
    return program


def _mismatch(attack: Attack, execution: Execution, policy: bool) -> str:
    expected = attack.policy if policy else attack.lock
    actual: Outcome | Value | None = execution.value if execution.outcome is Outcome.OK else execution.outcome
    in_time = expected is not Outcome.TIMEOUT or execution.detail == "CPU time limit exceeded"
    if actual == expected and type(actual) is type(expected) and in_time:
        return ""
    return f"{attack.name}: expected {expected!r}, got {actual!r} ({execution.detail})"


def _outside_effects(canary: Path, server: socket.socket) -> list[str]:
    lines = []
    if [path.name for path in canary.parent.iterdir()] != [canary.name] or canary.read_text() != CANARY_TEXT:
        lines.append("a file was reached")
    try:
        server.accept()
    except BlockingIOError:
        return lines
    return [*lines, "a socket was reached"]


async def run_groups(groups: Collection[str]) -> list[str]:
    """Run the attacks of these classes with and without the policy. Returns one line for each failure."""
    others = [attack for group in groups if group != "hangs" for attack in CORPUS[group]]
    lines = []
    for policy in (True, False):
        lines += await failures(others, policy=policy)
        if "hangs" in groups:
            lines += await failures(HANGS, policy=policy, timeout_s=0.3)
    return lines


def main(groups: list[str]) -> int:
    """Run the corpus and print the failures. The exit code is 0 if there are none."""
    groups = groups or list(CORPUS)
    lines = asyncio.run(run_groups(groups))
    count = sum(len(CORPUS[group]) for group in groups)
    print("\n".join(lines) or f"{count} attacks, twice: all held")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
