"""What the solver asks of a sandbox: run one program, say what came out.

Implementations: `pool.py` (locked processes) and `fake.py` (scripted). A program is hostile until shown otherwise:
whatever it does ends as an `Outcome`, never as an exception.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

Value = int | float | Fraction | Decimal | bool | str | list["Value"]
"""What a program may answer with. NaN, infinities, complex numbers and objects are no values."""


class Outcome(StrEnum):
    """How a program ended."""

    OK = "ok"
    ERROR = "error"  # it raised, did not compile, or left no result
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"  # its result is no `Value`, or it printed or answered too much
    DENIED = "denied"  # the language policy or the kernel lock refused it
    CRASHED = "crashed"  # its process died without a reply


@dataclass(frozen=True, slots=True)
class Execution:
    """One program's run.

    `value` is set exactly when `outcome` is OK. `detail` is one line for people: the exception's name and message,
    the refused name; never more than 200 characters. `seconds` is wall-clock time from submission to result, without
    the wait for a free child.
    """

    outcome: Outcome
    value: Value | None
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LockState:
    """Which layers of the lock are on, as the zygote found them.

    `landlock` is the kernel's Landlock ABI (0: off; from 4 on it covers TCP, from 6 on signals), `unprivileged` says
    that children run neither as root nor with any capability.
    """

    seccomp: bool
    landlock: int
    network_namespace: bool
    unprivileged: bool
    rlimits: bool


UNLOCKED = LockState(seccomp=False, landlock=0, network_namespace=False, unprivileged=False, rlimits=False)
"""The state before the pool has started."""


class Sandbox(Protocol):
    """Runs programs, each apart from every other."""

    @property
    def lock(self) -> LockState:
        """Which layers of the kernel lock are on; all off before `start`."""
        ...

    async def start(self) -> None:
        """Start the processes; raises `SandboxError` if programs could not be contained here."""
        ...

    async def run(self, program: str) -> Execution:
        """Run one program: its answer is the value of `ans`, else what `solution()` or `solver()` returns, else the
        last line it printed. Raises `SandboxError` only when no program could be run at all.
        """
        ...

    async def close(self) -> None:
        """Kill what runs and wait for it; safe to call twice."""
        ...
