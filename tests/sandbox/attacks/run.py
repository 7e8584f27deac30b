"""Runs the whole corpus and says what did not come out as it must. Also a command, for interpreters without pytest:

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
from tests.sandbox.attacks.modules import MODULES
from tests.sandbox.attacks.resources import HANGS, RESOURCES
from tests.sandbox.attacks.results import RESULTS
from tests.sandbox.attacks.system import SYSTEM
from tests.sandbox.processes import zygote_pid

CORPUS: dict[str, list[Attack]] = {"hangs": HANGS} | LANGUAGE | MODULES | RESOURCES | RESULTS | SYSTEM
"""Class → attacks."""

CANARY_TEXT = "tweet"


async def failures(attacks: list[Attack], *, policy: bool, timeout_s: float = 10.0, workers: int = 2) -> list[str]:
    """Run the attacks against a pool of their own. Returns a line for each that came out otherwise than it must, and
    one for each trace that any of them left outside.
    """
    pool = SandboxPool(
        workers=workers,
        timeout_s=timeout_s,
        memory_bytes=64 * 1024 * 1024,
        output_bytes=16 * 1024,
        max_queue=len(attacks),
        policy=policy,
    )
    await pool.start()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        canary = Path(folder, "canary")
        canary.write_text(CANARY_TEXT)
        for path, mode in ((folder, 0o777), (canary, 0o666)):  # only the lock may stand between it and a program
            os.chmod(path, mode)  # noqa: PTH101
        server.setblocking(False)
        targets = {
            "CANARY": str(canary),
            "PORT": str(server.getsockname()[1]),
            "SERVICE": str(os.getpid()),
            "ZYGOTE": str(zygote_pid(pool)),
        }
        executions = await asyncio.gather(*(pool.run(_aim(attack.program, targets)) for attack in attacks))
        lines = [_verdict(attack, execution, policy) for attack, execution in zip(attacks, executions, strict=True)]
        lines += _traces(canary, server)
    if pool.restarts:
        lines.append(f"the zygote died {pool.restarts} times")
    await pool.close()
    return [line for line in lines if line]


def _aim(program: str, targets: dict[str, str]) -> str:
    for name, value in targets.items():
        program = program.replace(name, value)
    return program


def _verdict(attack: Attack, execution: Execution, policy: bool) -> str:
    expected = attack.policy if policy else attack.lock
    came: Outcome | Value | None = execution.value if execution.outcome is Outcome.OK else execution.outcome
    in_time = expected is not Outcome.TIMEOUT or execution.detail == "it used up its CPU time"
    if came == expected and type(came) is type(expected) and in_time:
        return ""
    return f"{attack.name}: expected {expected!r}, came {came!r} ({execution.detail})"


def _traces(canary: Path, server: socket.socket) -> list[str]:
    lines = []
    if [path.name for path in canary.parent.iterdir()] != [canary.name] or canary.read_text() != CANARY_TEXT:
        lines.append("a file was reached")
    try:
        server.accept()
    except BlockingIOError:
        return lines
    return [*lines, "a socket was reached"]


async def run_groups(groups: Collection[str]) -> list[str]:
    """Run the attacks of these classes both ways; a line for each that came out otherwise than it must."""
    others = [attack for group in groups if group != "hangs" for attack in CORPUS[group]]
    lines = []
    for policy in (True, False):
        lines += await failures(others, policy=policy)
        if "hangs" in groups:
            lines += await failures(HANGS, policy=policy, timeout_s=0.3)
    return lines


def main(groups: list[str]) -> int:
    """Run and print; the exit code is 0 if all held."""
    groups = groups or list(CORPUS)
    lines = asyncio.run(run_groups(groups))
    count = sum(len(CORPUS[group]) for group in groups)
    print("\n".join(lines) or f"{count} attacks, twice: all held")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
