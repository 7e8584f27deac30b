"""Scripted sandbox for tests and trials, without processes."""

from collections.abc import Mapping

from service.errors import SandboxError
from service.fair_queue import Owner
from service.sandbox.base import ANYONE, UNLOCKED, Execution, LockState, Outcome

_UNKNOWN = Execution(Outcome.ERROR, None, "the script does not contain this program", 0.0)


class FakeSandbox:
    """Implements `Sandbox` without a process.

    Args:
        script: result of each program. An exception is raised.
        default: result of every other program.
    """

    def __init__(
        self, script: Mapping[str, Execution | SandboxError] | None = None, default: Execution = _UNKNOWN
    ) -> None:
        self._script = dict(script or {})
        self._default = default
        self._started = False
        self.programs: list[str] = []
        self.owners: list[Owner] = []

    @property
    def lock(self) -> LockState:
        """Lock state: always unlocked."""
        return UNLOCKED

    async def start(self) -> None:
        """Allow `run`, which raises `SandboxError` before this call."""
        self._started = True

    async def run(self, program: str, owner: Owner = ANYONE) -> Execution:
        """Return the scripted result, and record the program in `programs` and its owner in `owners`."""
        if not self._started:
            raise SandboxError("the sandbox is not running")
        self.programs.append(program)
        self.owners.append(owner)
        result = self._script.get(program, self._default)
        if isinstance(result, SandboxError):
            raise result
        return result

    async def close(self) -> None:
        """Make every later `run` raise `SandboxError`."""
        self._started = False
