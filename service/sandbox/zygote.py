"""The zygote: a small process that forks locked children ahead of need.

It stands between the service and the children, in a process of its own that was exec'd, never forked from the service:
no threads, no secrets, no environment, none of the service's descriptors. It promises that every child it hands out is
locked, warm, single-use and dead once the service says it is done, and that all of them die with it, and it with the
service. It never sees a program or a reply: those pass between the service and the child alone.

Messages, one datagram each. To the service: `HELLO` with the lock's state; `CHILD` with the child's number and, beside
it, the service's end of the child's pipe; `REAPED` with a child's number and wait status. From the service: the number
of a child that is done. The end of the channel ends the zygote.
"""

import gc
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NoReturn

from service.sandbox.base import Outcome
from service.sandbox.lock import lock_child, lock_zygote
from service.sandbox.reply import HEADER, frame
from service.sandbox.runner import Runner
from service.sandbox.seccomp import PIPE_FD, Seccomp

MESSAGE = struct.Struct("=cIi")
"""Kind, child number, wait status."""
HELLO, CHILD, REAPED = b"H", b"C", b"R"

_WARMING_PROGRAM = b"""
def solution(n: int = 3):
    total = 0
    for i in range(n):
        total += i * 2.5
    print(total)
    return total
ans = round(solution(), 2)
"""
# It touches what most programs touch and little else: every child pays for each page that it copies.


@dataclass(frozen=True, slots=True)
class ZygoteConfig:
    """What the service tells its zygote, as JSON in the one command-line argument.

    `children` is how many live at most, waiting, running and dying; `cpu_s` backs the service's deadline up, should
    the service itself hang. `unlocked` allows children without seccomp.
    """

    channel_fd: int
    parent_pid: int
    children: int
    memory_bytes: int
    output_bytes: int
    cpu_s: int
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
    channel.send(HELLO + json.dumps(asdict(state)).encode())
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
        while True:
            while len(self._children) < self._config.children:
                self._bear()
            message = self._channel.recv(MESSAGE.size)
            if not message:
                sys.exit(0)  # the children follow: the kernel kills them with their parent
            self._bury(MESSAGE.unpack(message)[1])

    def _bear(self) -> None:
        ours, theirs = socket.socketpair()
        self._last_number += 1
        me = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._live(theirs.detach(), me)
        self._children[self._last_number] = pid
        theirs.close()
        socket.send_fds(self._channel, [MESSAGE.pack(CHILD, self._last_number, 0)], [ours.fileno()])
        ours.close()

    def _bury(self, number: int) -> None:
        pid = self._children.pop(number)
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        self._channel.send(MESSAGE.pack(REAPED, number, status))

    def _live(self, pipe_fd: int, zygote_pid: int) -> NoReturn:
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
            self._runner.run(_WARMING_PROGRAM)  # takes the copy-on-write faults now, not in the program's time
            program = _read_program()
            _write_all(frame(self._runner.run(program)))
        finally:
            os._exit(0)


def _warm(runner: Runner) -> None:
    for _ in range(20):  # enough for CPython to specialize the bytecode that every program runs through
        reply = json.loads(runner.run(_WARMING_PROGRAM))
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
