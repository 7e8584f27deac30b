"""Zygote: a small process that forks locked children ahead of need.

It is exec'd without the service's threads, secrets, environment and descriptors. Each child runs one program. All
children end with the zygote, and the zygote ends with the service.

Messages are datagrams: the lock state, `CHILD_STARTED` with a pipe, and `CHILD_DONE` from the service.
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
"""Number of the new child, number of the child that it replaces (0: none), and wait status of the replaced child."""

CHILD_DONE = struct.Struct("=I?")
"""Number of the finished child, and whether its successor skips the warm-up."""

_WARMUP_PROGRAMS = (
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
"""Programs that write to the memory pages that most programs write to. The kernel then copies those ahead of need."""

_THREAD_COUNTS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""Variables that the libraries of numpy read while they are imported."""


@dataclass(frozen=True, slots=True)
class ZygoteConfig:
    """Configuration of a zygote, sent as JSON in its command-line argument.

    Args:
        channel_fd: descriptor of the channel to the service.
        parent_pid: process id of the service.
        max_children: maximum number of children that are ready, running or ending.
        memory_bytes: address space that a child may add.
        output_bytes: maximum length of a program's output, and of its reply.
        cpu_s: CPU time limit of a child.
        policy: whether the language policy applies.
        allow_unlocked: whether children may run without seccomp.
        libraries: whether programs may use numpy and sympy.
    """

    channel_fd: int
    parent_pid: int
    max_children: int
    memory_bytes: int
    output_bytes: int
    cpu_s: float
    policy: bool
    allow_unlocked: bool
    libraries: bool = False

    def to_json(self) -> str:
        """Return the command-line argument."""
        return json.dumps(asdict(self))


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the zygote until the service closes the channel."""
    config = ZygoteConfig(**json.loads(arguments[1]))
    os.environ.clear()
    runner, warmup_programs = _prepare(config)
    state = lock_zygote(memory_bytes=config.memory_bytes, parent_pid=config.parent_pid)
    channel = socket.socket(fileno=config.channel_fd)
    channel.send(json.dumps(asdict(state)).encode())
    _ForkServer(config, channel, runner, warmup_programs).serve()


class _ForkServer:
    def __init__(
        self, config: ZygoteConfig, channel: socket.socket, runner: Runner, warmup_programs: Sequence[bytes]
    ) -> None:
        self._config = config
        self._channel = channel
        self._runner = runner
        self._warmup_programs = warmup_programs
        self._seccomp = Seccomp()
        self._children: dict[int, int] = {}  # number → process id; never stale: only this process reaps
        self._last_number = 0

    def serve(self) -> NoReturn:
        gc.collect()
        gc.freeze()  # a collection in a child would otherwise copy every page
        with suppress(ConnectionError):  # the service has ended
            for _ in range(self._config.max_children):
                self._spawn()
            while message := self._channel.recv(CHILD_DONE.size):
                number, skip_warmup = CHILD_DONE.unpack(message)
                self._spawn(number, self._reap(number), skip_warmup=skip_warmup)
        sys.exit(0)  # the kernel kills the children with their parent

    def _spawn(self, replaced: int = 0, status: int = 0, *, skip_warmup: bool = False) -> None:
        service_end, child_end = socket.socketpair()
        self._last_number += 1
        zygote_pid = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._child_main(child_end.detach(), zygote_pid, skip_warmup)
        self._children[self._last_number] = pid
        child_end.close()
        message = CHILD_STARTED.pack(self._last_number, replaced, status)
        socket.send_fds(self._channel, [message], [service_end.fileno()])
        service_end.close()

    def _reap(self, number: int) -> int:
        """Kill a child and return its wait status."""
        pid = self._children.pop(number)
        os.kill(pid, signal.SIGKILL)
        return os.waitpid(pid, 0)[1]

    def _child_main(self, pipe_fd: int, zygote_pid: int, skip_warmup: bool) -> NoReturn:
        """Run the child process. It never returns, because only the zygote may run the code after the fork."""
        try:
            config = self._config
            lock_child(
                self._seccomp,
                pipe_fd=pipe_fd,
                cpu_s=config.cpu_s,
                parent_pid=zygote_pid,
                allow_unlocked=config.allow_unlocked,
            )
            if not skip_warmup:
                for program in self._warmup_programs:
                    self._runner.run(program)
            program = _read_program()
            _write_all(frame(self._runner.run(program)))
        finally:
            os._exit(0)


def _prepare(config: ZygoteConfig) -> tuple[Runner, Sequence[bytes]]:
    """Runner after its warm-up, and the warm-up programs of each child."""
    repeated = _WARMUP_PROGRAMS * 20  # CPython specializes the bytecode of the runner after some calls
    if not config.libraries:
        runner = Runner(policy=config.policy, output_bytes=config.output_bytes)
        _warm_up(runner, repeated)
        return runner, _WARMUP_PROGRAMS
    os.environ.update(dict.fromkeys(_THREAD_COUNTS, "1"))
    from service.sandbox import libraries, library_values, library_warmup  # takes a second, and 60 MiB

    os.environ.clear()
    libraries.set_up(policy=config.policy)
    runner = Runner(policy=config.policy, output_bytes=config.output_bytes, convert=library_values.convert)
    _warm_up(runner, (*library_warmup.LOADING_PROGRAMS, *repeated))
    libraries.seed()
    return runner, (*_WARMUP_PROGRAMS, *library_warmup.WARMUP_PROGRAMS)


def _warm_up(runner: Runner, programs: Sequence[bytes]) -> None:
    for program in programs:
        reply = json.loads(runner.run(program))
        if reply[0] != Outcome.OK:
            sys.exit(f"the sandbox cannot run its warm-up program: {reply[1]}")


def _read_program() -> bytes:
    (length,) = HEADER.unpack(_read_exactly(HEADER.size))
    return _read_exactly(length)


def _read_exactly(length: int) -> bytes:
    data = b""
    while len(data) < length:
        chunk = os.read(PIPE_FD, length - len(data))
        if not chunk:
            os._exit(0)  # the service closed the pipe of an unused child
        data += chunk
    return data


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(PIPE_FD, data) :]
