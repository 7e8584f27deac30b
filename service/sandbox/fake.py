"""A sandbox that runs nothing: it answers from a script. For tests, and for trying the service without programs."""

from collections.abc import Mapping

from service.errors import SandboxError
from service.sandbox.base import UNLOCKED, Execution, LockState, Outcome

_UNKNOWN = Execution(Outcome.ERROR, None, "the script has no such program", 0.0)


class FakeSandbox:
    """Implements `Sandbox` without a process.

    Args:
        script: what comes of each program; an exception in it is raised.
        default: what comes of a program that the script does not have.
    """

    def __init__(
        self, script: Mapping[str, Execution | SandboxError] | None = None, default: Execution = _UNKNOWN
    ) -> None:
        self._script = dict(script or {})
        self._default = default
        self._started = False
        self.programs: list[str] = []

    @property
    def lock(self) -> LockState:
        """Nothing runs, so nothing is locked."""
        return UNLOCKED

    async def start(self) -> None:
        """Nothing to start, but `run` before it fails, as it does for real."""
        self._started = True

    async def run(self, program: str) -> Execution:
        """The scripted execution; `programs` remembers what was asked for."""
        if not self._started:
            raise SandboxError("the sandbox is not running")
        self.programs.append(program)
        result = self._script.get(program, self._default)
        if isinstance(result, SandboxError):
            raise result
        return result

    async def close(self) -> None:
        """Nothing to end, but `run` after it fails."""
        self._started = False
