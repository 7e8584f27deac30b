"""Handle of the zygote process: start, receive children, report.

It runs on the service's event loop. The zygote is exec'd with an empty environment and no descriptor but its channel.
Its exit is reported once. `process_pool.py` hands out the children and starts the next zygote.
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

_START_TIMEOUT_S = {False: 20.0, True: 90.0}  # with libraries: without cached bytecode, their import takes long
_EXIT_TIMEOUT_S = 5.0
_LOST_PIPE_PAUSE_S = 0.2
_MAX_MESSAGE_BYTES = 4096
_BOOT = "import sys; sys.path += sys.argv[2:]; from service.sandbox.zygote import main; main(sys.argv)"
_OPTIONS = ("-s", "-S", "-P", "-B", "-Wignore", "-Xutf8")
_LIBRARIES = ("numpy", "sympy", "mpmath")  # sympy needs mpmath
_ENVIRONMENT = {"PYTHONHASHSEED": "0"}  # the same order of sets in every run of the same program


@dataclass(eq=False, slots=True)
class Child:
    """Locked process that waits for its one program.

    Args:
        number: number that the zygote gave it.
        pipe: the service's end of its pipe.
        zygote: the zygote that forked it.
        status: its wait status, once reaped. None if the zygote ended first.
    """

    number: int
    pipe: socket.socket
    zygote: "Zygote"
    status: asyncio.Future[int | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Zygote:
    """One zygote process and the children that it has forked.

    Args:
        config: configuration of the zygote. `channel_fd` and `parent_pid` are set by `start`.
        on_child: called with each ready child.
        on_exit: called once if the zygote ends before `kill`.
    """

    def __init__(
        self, config: ZygoteConfig, on_child: Callable[[Child], None], on_exit: Callable[["Zygote"], None]
    ) -> None:
        self._config = config
        self._on_child = on_child
        self._on_exit = on_exit
        self._children: dict[int, Child] = {}
        self._requested = config.max_children
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._lock_report: asyncio.Future[LockState] | None = None
        self.lock = UNLOCKED
        self.arrived = 0
        """Number of children that the zygote has reported."""

    @property
    def owed(self) -> int:
        """Number of children that the zygote has not reported yet."""
        return self._requested - self.arrived

    @property
    def alive(self) -> bool:
        """Whether the channel to the zygote is open."""
        return self._channel is not None

    @property
    def pid(self) -> int | None:
        """Process id of the zygote."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the zygote and wait for its lock state.

        Raises:
            SandboxError: the zygote did not start, or did not report in time.
        """
        loop = asyncio.get_running_loop()
        self._lock_report = loop.create_future()
        self._channel, zygote_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setblocking(False)
        try:
            with zygote_end:
                self._process = self._launch(zygote_end)
            loop.add_reader(self._channel, self._receive)
            self.lock = await asyncio.wait_for(self._lock_report, _START_TIMEOUT_S[self._config.libraries])
        except (OSError, TimeoutError) as error:
            self.kill()
            raise SandboxError(f"the sandbox's zygote did not start: {error or 'no answer'}") from error
        except BaseException:
            self.kill()
            raise

    def done(self, child: Child, *, skip_warmup: bool = False) -> None:
        """Make the zygote kill, reap and replace a child.

        Args:
            child: child of this zygote.
            skip_warmup: whether the next child takes a program without a warm-up.
        """
        child.pipe.close()
        self._replace(child.number, skip_warmup)

    def kill(self) -> None:
        """Kill the zygote and all its children at once. Safe to call twice."""
        self._close()
        if self._process is not None:
            with contextlib.suppress(OSError):  # without CAP_KILL, the end of its channel ends it
                self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_TIMEOUT_S)

    def _replace(self, number: int, skip_warmup: bool) -> None:
        if self._channel is not None:
            self._requested += 1
            try:
                self._channel.send(CHILD_DONE.pack(number, skip_warmup))
            except OSError:
                self._handle_exit()

    def _launch(self, zygote_end: socket.socket) -> "subprocess.Popen[bytes]":
        config = replace(self._config, channel_fd=zygote_end.fileno(), parent_pid=os.getpid())
        return subprocess.Popen(  # noqa: S603 (this interpreter, a module of this package)
            [sys.executable, *_OPTIONS, "-c", _BOOT, config.to_json(), *_import_roots(config.libraries)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal must reach the service only
            pass_fds=[zygote_end.fileno()],
            env=_ENVIRONMENT,
            cwd="/",
        )

    def _receive(self) -> None:
        """Read all messages that the zygote has sent."""
        while self._channel is not None:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._channel, _MAX_MESSAGE_BYTES, 1)
            except BlockingIOError:
                return
            except OSError:
                data, descriptors = b"", []
            if not data:
                self._handle_exit()
            elif len(data) != CHILD_STARTED.size:
                self._receive_lock_report(data)
            else:
                self._receive_child(data, descriptors)

    def _receive_lock_report(self, report: bytes) -> None:
        if self._lock_report is not None and not self._lock_report.done():
            self._lock_report.set_result(LockState(**json.loads(report)))

    def _receive_child(self, data: bytes, descriptors: list[int]) -> None:
        self.arrived += 1
        number, replaced_number, status = CHILD_STARTED.unpack(data)
        replaced = self._children.pop(replaced_number, None)
        if replaced is not None and not replaced.status.done():
            replaced.status.set_result(status)
        if not descriptors:  # this process has no free descriptor, so that the kernel dropped the pipe
            asyncio.get_running_loop().call_later(_LOST_PIPE_PAUSE_S, self._replace, number, False)
            return
        pipe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptors[0])
        pipe.setblocking(False)
        child = Child(number, pipe, self)
        self._children[number] = child
        self._on_child(child)

    def _handle_exit(self) -> None:
        """Report the exit of a zygote that was not killed here."""
        if self._channel is None:
            return
        self._close()
        if self._lock_report is not None and not self._lock_report.done():
            self._lock_report.set_exception(SandboxError("the sandbox's zygote exited during its start"))
            return
        self._on_exit(self)

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


def _import_roots(libraries: bool = False) -> list[str]:
    """Import paths of this package and of RestrictedPython."""
    roots = []  # without `site`, the zygote has only the standard library
    for package in ("service", "RestrictedPython", *(_LIBRARIES if libraries else ())):
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            hint = '; for sandbox_libraries, install "twinpath[libraries]"' if package in _LIBRARIES else ""
            raise SandboxError(f"the package {package} is not installed{hint}")
        roots.append(str(Path(next(iter(spec.submodule_search_locations))).parent))
    return list(dict.fromkeys(roots))
