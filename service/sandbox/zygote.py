"""The zygote: a small process that forks locked children ahead of need.

It stands between the service and the children, in a process of its own that was exec'd, never forked from the service:
no threads, no secrets, no environment, none of the service's descriptors. It promises that every child it hands out is
locked, warm, single-use and dead once the service says it is done, and that all of them die with it, and it with the
service. It never sees a program or a reply: those pass between the service and the child alone.

Messages are datagrams. To the service: the lock state, then `CHILD_STARTED` with a pipe for each new child. From the
service: `CHILD_DONE` for each finished child. The end of the channel ends the zygote.
"""

import gc
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import NoReturn

from service.sandbox.base import Outcome
from service.sandbox.lock import lock_child, lock_zygote
from service.sandbox.runner import Runner
from service.sandbox.seccomp import PIPE_FD, Seccomp
from service.sandbox.wire import HEADER, frame

CHILD_STARTED = struct.Struct("=IIi")
"""The new child's number, the number of the one that it replaces (0: none), and what that one's wait status was."""

CHILD_DONE = struct.Struct("=I?")
"""The number of the child that is done, and whether its successor is awaited already."""

_WARMING_PROGRAMS = (
    b"""
pens = 7
price = 2.5
paid = (pens - 3) * price + 12 / pens
def solution(n: int = 3):
    total = 0
    for i in range(n):
        if i > 0:
            total += i * price
    print(total)
    return total
ans = round(paid - solution(), 2)
""",
    b"""
clips_april = 48
clips_may = clips_april / 2
total = clips_april + clips_may
ans = total
""",
)
"""They touch what most programs touch, so that their pages are copied ahead of time."""


@dataclass(frozen=True, slots=True)
class ZygoteConfig:
    """What the service tells its zygote, as JSON in the one command-line argument.

    `children` is how many live at most, waiting, running and dying; `cpu_s` is each one's CPU time. `unlocked` allows
    children without seccomp.
    """

    channel_fd: int
    parent_pid: int
    children: int
    memory_bytes: int
    output_bytes: int
    cpu_s: float
    policy: bool
    unlocked: bool

    def to_json(self) -> str:
        """The command-line argument."""
        return json.dumps(asdict(self))


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the zygote until its channel ends."""
    config = ZygoteConfig(**json.loads(arguments[1]))
    os.environ.clear()
    runner = Runner(policy=config.policy, output_bytes=config.output_bytes)
    _warm(runner)
    state = lock_zygote(memory_bytes=config.memory_bytes, parent_pid=config.parent_pid)
    channel = socket.socket(fileno=config.channel_fd)
    channel.send(json.dumps(asdict(state)).encode())
    _Zygote(config, channel, runner).serve()


class _Zygote:
    def __init__(self, config: ZygoteConfig, channel: socket.socket, runner: Runner) -> None:
        self._config = config
        self._channel = channel
        self._runner = runner
        self._seccomp = Seccomp()
        self._children: dict[int, int] = {}  # number → process id; only this process reaps, so no id is ever stale
        self._last_number = 0

    def serve(self) -> NoReturn:
        gc.collect()
        gc.freeze()  # a collection in a child would otherwise copy every page
        with suppress(ConnectionError):  # the parent has gone
            for _ in range(self._config.children):
                self._bear()
            while message := self._channel.recv(CHILD_DONE.size):
                number, hurry = CHILD_DONE.unpack(message)
                self._bear(number, self._bury(number), warm=not hurry)
        sys.exit(0)  # the children follow: the kernel kills them with their parent

    def _bear(self, replaced: int = 0, status: int = 0, *, warm: bool = True) -> None:
        ours, theirs = socket.socketpair()
        self._last_number += 1
        me = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._live(theirs.detach(), me, warm)
        self._children[self._last_number] = pid
        theirs.close()
        socket.send_fds(self._channel, [CHILD_STARTED.pack(self._last_number, replaced, status)], [ours.fileno()])
        ours.close()

    def _bury(self, number: int) -> int:
        pid = self._children.pop(number)
        os.kill(pid, signal.SIGKILL)
        return os.waitpid(pid, 0)[1]

    def _live(self, pipe_fd: int, zygote_pid: int, warm: bool) -> NoReturn:
        """A child's whole life. It never returns: what follows a fork in the zygote is not its business."""
        try:
            config = self._config
            lock_child(
                self._seccomp,
                channel_fd=pipe_fd,
                cpu_s=config.cpu_s,
                parent_pid=zygote_pid,
                unlocked=config.unlocked,
            )
            if warm:
                for program in _WARMING_PROGRAMS:
                    self._runner.run(program)
            program = _read_program()
            _write_all(frame(self._runner.run(program)))
        finally:
            os._exit(0)


def _warm(runner: Runner) -> None:
    for program in _WARMING_PROGRAMS * 20:  # enough for CPython to specialize the bytecode that all run through
        reply = json.loads(runner.run(program))
        if reply[0] != Outcome.OK:
            sys.exit(f"the sandbox cannot run its own program: {reply[1]}")


def _read_program() -> bytes:
    (length,) = HEADER.unpack(_read_exactly(HEADER.size))
    return _read_exactly(length)


def _read_exactly(length: int) -> bytes:
    data = b""
    while len(data) < length:
        chunk = os.read(PIPE_FD, length - len(data))
        if not chunk:
            os._exit(0)  # the service let this child go unused
        data += chunk
    return data


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(PIPE_FD, data) :]
