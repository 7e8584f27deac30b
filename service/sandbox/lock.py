"""The kernel lock: what a program could not do even if it owned the interpreter.

It stands in the zygote (`lock_zygote`, inherited by every child) and in each child (`lock_child`, just before it waits
for a program). It promises that `LockState` is the truth: each layer is either on or reported off, and the pool
refuses to start without seccomp. It does not judge programs; `policy.py` does.
"""

import contextlib
import ctypes
import os
import resource
import signal
import struct
from math import ceil

from service.process import die_with_parent
from service.sandbox.base import LockState
from service.sandbox.seccomp import PIPE_FD, Seccomp

NOBODY = 65534

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 24, 38
_CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF, _LANDLOCK_VERSION = 444, 446, 1
_CAPABILITY_VERSION_3, _HIGHEST_CAPABILITY = 0x20080522, 63


def lock_zygote(*, memory_bytes: int, parent_pid: int) -> LockState:
    """Give up all that the children never need. Must run in a single-threaded process that has done its imports.

    Args:
        memory_bytes: how much address space a child may add to what the zygote has now.
        parent_pid: the service's process, at whose end the zygote ends.
    """
    limits = _zygote_limits(memory_bytes)  # this and the next line read and write /proc, closed further down
    _volunteer_for_oom_killer()
    network_namespace = _leave_network()
    unprivileged = _drop_privileges()
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    die_with_parent(parent_pid)  # after the change of user, which clears it
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # it ends children; whoever started us may have ignored or blocked it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    landlock = _restrict_files()
    rlimits = _limit(limits)
    return LockState(_seccomp_works(), landlock, network_namespace, unprivileged, rlimits)


def lock_child(seccomp: Seccomp, *, channel_fd: int, cpu_s: float, parent_pid: int, unlocked: bool) -> None:
    """Close everything but the channel, which becomes `PIPE_FD`, and lock this process for good.

    After `cpu_s` seconds of CPU time SIGPROF kills it; a process with the filter can neither catch that nor put it off.

    Raises:
        OSError: the filter could not be installed, and `unlocked` does not allow that.
    """
    die_with_parent(parent_pid)
    os.dup2(channel_fd, PIPE_FD)
    os.closerange(PIPE_FD + 1, 64)
    _limit({resource.RLIMIT_CPU: ceil(cpu_s) + 1, resource.RLIMIT_NPROC: 0, resource.RLIMIT_NOFILE: 0})
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        seccomp.install()
    except OSError:
        if not unlocked:
            raise


def _leave_network() -> bool:
    """An empty network and IPC namespace: as root directly, else by way of a user namespace."""
    if _libc.unshare(_CLONE_NEWNET | _CLONE_NEWIPC) == 0:
        return True
    return os.geteuid() != 0 and _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC) == 0


def _drop_privileges() -> bool:
    for capability in range(_HIGHEST_CAPABILITY + 1):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):  # a container may hold root without CAP_SETUID
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    header = struct.pack("=II", _CAPABILITY_VERSION_3, 0)
    capless = _libc.capset(header, bytes(24)) == 0
    return capless and os.geteuid() != 0


def _volunteer_for_oom_killer() -> None:
    """When memory runs out, children go before the service does."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 (no pathlib here)
        file.write("1000")


def _restrict_files() -> int:
    """Landlock with no rule at all: no path, no TCP port, no signal or abstract socket outside. Returns the ABI."""
    abi: int = _libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    if abi < 1:
        return 0
    file_rights = 13 + (abi >= 2) + (abi >= 3) + (abi >= 5)
    ruleset = struct.pack("=QQQ", (1 << file_rights) - 1, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    descriptor = _libc.syscall(_LANDLOCK_CREATE_RULESET, ruleset, len(ruleset), 0)
    if descriptor < 0:
        return 0
    restricted = _libc.syscall(_LANDLOCK_RESTRICT_SELF, descriptor, 0) == 0
    os.close(descriptor)
    return abi if restricted else 0


def _zygote_limits(memory_bytes: int) -> dict[int, int]:
    with open("/proc/self/statm") as file:  # noqa: PTH123 (no pathlib here)
        address_space = int(file.read().split()[0]) * resource.getpagesize()
    return {
        resource.RLIMIT_AS: address_space + memory_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NOFILE: 64,
    }


def _limit(limits: dict[int, int]) -> bool:
    """Set soft and hard limits, or leave a hard limit that is lower already. Returns whether all are set."""
    try:
        for name, value in limits.items():
            hard = resource.getrlimit(name)[1]
            lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(name, (lowest, lowest))
    except (OSError, ValueError):
        return False
    return True


def _seccomp_works() -> bool:
    """Try it in a process of its own: there, a new pipe must be refused once the filter is on."""
    pid = os.fork()
    if pid == 0:
        try:
            Seccomp().install()
        except OSError:
            os._exit(1)
        try:
            os.pipe()
        except PermissionError:
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0
