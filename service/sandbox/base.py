"""Sandbox protocol: run one program, return its outcome.

Implementations: `pool.py` (locked processes) and `fake.py` (scripted). Every program counts as hostile. Nothing that a
program does raises an exception in the service: each run ends as an `Outcome`.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

from service.fair_queue import Owner

Value = int | float | Fraction | Decimal | bool | str | list["Value"]
"""Type of a program's answer. NaN, infinities, complex numbers and other objects are not values."""


class Outcome(StrEnum):
    """Result category of one program's run."""

    OK = "ok"
    ERROR = "error"  # it raised, did not compile, or left no answer
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"  # its answer is not a `Value`, or its output or answer is too long
    DENIED = "denied"  # the language policy or the kernel lock refused it
    CRASHED = "crashed"  # its process ended without a reply


@dataclass(frozen=True, slots=True)
class Execution:
    """Result of one program's run.

    Args:
        outcome: category of the result.
        value: the answer, or None unless `outcome` is OK.
        detail: one line of at most 200 characters, such as the exception's name and message or the refused name.
        seconds: wall-clock time from submission to result, without the wait for a free child.
    """

    outcome: Outcome
    value: Value | None
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LockState:
    """Active layers of the kernel lock, as the zygote measured them.

    `landlock` is the ABI of the kernel's Landlock, or 0 if it is off. It covers TCP from ABI 4 on and signals from ABI
    6 on. `unprivileged` means that children run neither as root nor with any capability.
    """

    seccomp: bool
    landlock: int
    network_namespace: bool
    unprivileged: bool
    rlimits: bool


ANYONE = Owner()
"""Owner of programs that belong to no problem."""

UNLOCKED = LockState(seccomp=False, landlock=0, network_namespace=False, unprivileged=False, rlimits=False)
"""Lock state before the sandbox has started."""


class Sandbox(Protocol):
    """Runs programs in isolation from the service and from each other."""

    @property
    def lock(self) -> LockState:
        """Active layers of the kernel lock. All are off before `start`."""
        ...

    async def start(self) -> None:
        """Start the processes.

        Raises:
            SandboxError: programs cannot be contained on this machine.
        """
        ...

    async def run(self, program: str, owner: Owner = ANYONE) -> Execution:
        """Run one program.

        Processes are shared fairly among owners. After two timeouts, the other programs of a problem have only a part
        of the time.

        Its answer is the first of these that is set:

        1. `ans`,
        2. a top-level `return`, or the last expression,
        3. `final_answer` or `answer`,
        4. the variable that the last statement assigns, if its name contains a word such as `total` or `result`,
        5. the return value of an uncalled `solution()`, `solver()` or `solve()`,
        6. the number that it printed last,
        7. `result` or a similar name,
        8. the return value of `main()` or of its only function,
        9. its last printed line.

        A collection of one value, or of one number and its unit, is that value. An error after the last assignment of
        `ans` or `answer` does not change the answer, if the rest of the program only prints that variable.

        Args:
            program: text of the program.
            owner: owner of the program.

        Raises:
            SandboxError: no program can be run at present.
        """
        ...

    async def close(self) -> None:
        """Kill the running programs and wait until they have ended. Safe to call twice."""
        ...
