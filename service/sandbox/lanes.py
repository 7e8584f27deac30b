"""Sandbox lanes: one for numpy and sympy, one for other programs.

Both lanes have the same kernel lock. The processes of the libraries lane contain both libraries, so that they are
larger and slower to fork.
"""

import asyncio
import re
from dataclasses import astuple

from service.errors import SandboxError
from service.fair_queue import Owner
from service.sandbox.base import ANYONE, Execution, LockState
from service.sandbox.pool import SandboxPool

# The service does not parse hostile code. A program that only names a library runs in the larger lane all the same.
_LIBRARY = re.compile(r"\b(?:numpy|sympy)\b")


class Lanes:
    """Pair of pools, an implementation of `Sandbox`.

    Args:
        plain: pool for programs of the standard library.
        libraries: pool whose programs may use numpy and sympy.
    """

    def __init__(self, plain: SandboxPool, libraries: SandboxPool) -> None:
        self.plain = plain
        self.libraries = libraries

    @property
    def lock(self) -> LockState:
        """Layers of the kernel lock that are active in both lanes. All are off before `start`."""
        states = zip(astuple(self.plain.lock), astuple(self.libraries.lock), strict=True)
        return LockState(*map(min, states))

    @property
    def running(self) -> int:
        """Number of programs that run now."""
        return self.plain.running + self.libraries.running

    @property
    def queued(self) -> int:
        """Number of programs that wait for a child."""
        return self.plain.queued + self.libraries.queued

    async def start(self) -> None:
        """Start both lanes at the same time.

        Raises:
            SandboxError: a lane did not start. Neither runs then.
        """
        errors = await asyncio.gather(self.plain.start(), self.libraries.start(), return_exceptions=True)
        failed = next((error for error in errors if error is not None), None)
        if failed is None:
            return
        await self.close()
        if isinstance(failed, SandboxError) and errors[0] is None:
            raise SandboxError(f"the sandbox for numpy and sympy did not start: {failed}") from failed
        raise failed

    async def run(self, program: str, owner: Owner = ANYONE) -> Execution:
        """Run one program in the lane that its text needs. See `Sandbox.run`."""
        lane = self.libraries if _LIBRARY.search(program) else self.plain
        return await lane.run(program, owner)

    async def close(self) -> None:
        """Kill the running programs of both lanes and wait until they have ended. Safe to call twice."""
        await asyncio.gather(self.plain.close(), self.libraries.close())
