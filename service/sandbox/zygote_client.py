"""The service's hold on one zygote: starts it, takes the children it hands out, tells it which are done.

It stands in the service's process, on the event loop, below `pool.py`. It promises that the zygote is exec'd with an
empty environment and no descriptor but its channel, and that its end is noticed and reported once. It does not decide
who runs what, and it does not start a second zygote; the pool does.
"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from service.errors import SandboxError
from service.sandbox.base import UNLOCKED, LockState
from service.sandbox.zygote import CHILD_DONE, CHILD_STARTED, ZygoteConfig

_START_S, _END_S = 20.0, 5.0
_LARGEST_MESSAGE = 4096
_BOOT = "import sys; sys.path += sys.argv[2:]; from service.sandbox.zygote import main; main(sys.argv)"
_OPTIONS = ("-s", "-S", "-P", "-B", "-Wignore", "-Xutf8")
_ENVIRONMENT = {"PYTHONHASHSEED": "0"}  # the same order of sets for every run of the same program


@dataclass(eq=False, slots=True)
class Child:
    """A locked process that waits for its one program. `status` becomes its wait status, None if nobody could tell."""

    number: int
    pipe: socket.socket
    zygote: "Zygote"
    status: asyncio.Future[int | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Zygote:
    """One zygote and the children it has handed out.

    Args:
        config: what to tell the zygote; `channel_fd` and `parent_pid` are filled in here.
        on_child: called with each child that is ready.
        on_death: called once when the zygote has ended without being asked to.
    """

    def __init__(
        self, config: ZygoteConfig, on_child: Callable[[Child], None], on_death: Callable[["Zygote"], None]
    ) -> None:
        self._config = config
        self._on_child = on_child
        self._on_death = on_death
        self._children: dict[int, Child] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._hello: asyncio.Future[LockState] | None = None
        self.lock = UNLOCKED

    @property
    def alive(self) -> bool:
        """Whether the zygote still answers, as far as is known."""
        return self._channel is not None

    @property
    def pid(self) -> int | None:
        """The zygote's process id."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the zygote and wait for its report; raises `SandboxError` if there is none."""
        loop = asyncio.get_running_loop()
        self._hello = loop.create_future()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setblocking(False)
        try:
            with theirs:
                self._process = self._launch(theirs)
            loop.add_reader(self._channel, self._receive)
            self.lock = await asyncio.wait_for(self._hello, _START_S)
        except (OSError, TimeoutError) as error:
            self.kill()
            raise SandboxError(f"the sandbox's zygote did not start: {error or 'no answer'}") from error
        except BaseException:
            self.kill()
            raise

    def done(self, child: Child, *, hurry: bool = False) -> None:
        """The child has served: it is killed if it still runs, reaped, and replaced.

        Args:
            child: one that this zygote has handed out.
            hurry: do without warming its successor, who is awaited already.
        """
        child.pipe.close()
        if self._channel is not None:
            try:
                self._channel.send(CHILD_DONE.pack(child.number, hurry))
            except OSError:
                self._end()

    def kill(self) -> None:
        """End the zygote and all its children, now; safe to call twice."""
        self._close()
        if self._process is not None:
            with contextlib.suppress(OSError):  # without CAP_KILL, the end of its channel ends it
                self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_S)

    def _launch(self, theirs: socket.socket) -> "subprocess.Popen[bytes]":
        config = replace(self._config, channel_fd=theirs.fileno(), parent_pid=os.getpid())
        return subprocess.Popen(  # noqa: S603 (our own interpreter, our own module)
            [sys.executable, *_OPTIONS, "-c", _BOOT, config.to_json(), *_import_roots()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # a terminal's Ctrl-C is for the service
            pass_fds=[theirs.fileno()],
            env=_ENVIRONMENT,
            cwd="/",
        )

    def _receive(self) -> None:
        """Read what the zygote has sent: as much as there is."""
        while self._channel is not None:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._channel, _LARGEST_MESSAGE, 1)
            except BlockingIOError:
                return
            except OSError:
                data, descriptors = b"", []
            if not data:
                self._end()
            elif not descriptors:
                self._greet(data)
            else:
                self._take(data, descriptors)

    def _greet(self, report: bytes) -> None:
        if self._hello is not None and not self._hello.done():
            self._hello.set_result(LockState(**json.loads(report)))

    def _take(self, data: bytes, descriptors: list[int]) -> None:
        number, replaced, status = CHILD_STARTED.unpack(data)
        dead = self._children.pop(replaced, None)
        if dead is not None and not dead.status.done():
            dead.status.set_result(status)
        pipe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptors[0])
        pipe.setblocking(False)
        child = Child(number, pipe, self)
        self._children[number] = child
        self._on_child(child)

    def _end(self) -> None:
        """The zygote is gone, unasked."""
        if self._channel is None:
            return
        self._close()
        if self._hello is not None and not self._hello.done():
            self._hello.set_exception(SandboxError("the sandbox's zygote ended at its start"))
            return
        self._on_death(self)

    def _close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed
                asyncio.get_running_loop().remove_reader(channel)
            channel.close()
        for child in self._children.values():
            if not child.status.done():
                child.status.set_result(None)
        self._children.clear()


def _import_roots() -> list[str]:
    """Where the zygote finds this package and RestrictedPython; without `site`, it knows the standard library alone."""
    roots = []
    for package in ("service", "RestrictedPython"):
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise SandboxError(f"the package {package} cannot be found")
        roots.append(str(Path(next(iter(spec.submodule_search_locations))).parent))
    return roots
