"""Kernel confinement: seccomp, Landlock, namespaces, rlimits.

It holds even against a program that controls the interpreter. `lock_zygote` locks the zygote, and every child inherits
that. `lock_child` locks a child before it reads its program. `LockState` reports every layer that is off, and the pool
does not start without seccomp.
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
_CLOSE_RANGE, _HIGHEST_DESCRIPTOR = 436, 0xFFFFFFFF  # Linux 5.9
_LINUX_DEFAULT_LIMIT = 1 << 16
_CAPABILITY_VERSION_3, _HIGHEST_CAPABILITY = 0x20080522, 63


def lock_zygote(*, memory_bytes: int, parent_pid: int) -> LockState:
    """Drop every right that the children do not need. The process must have one thread and all its imports.

    Args:
        memory_bytes: address space that a child may add to the present size of the zygote.
        parent_pid: process id of the service. The zygote ends when the service ends.

    Returns:
        The active layers.
    """
    limits = _zygote_limits(memory_bytes)  # this and the next line use /proc, which Landlock closes below
    _raise_oom_score()
    network_namespace = _unshare_network()
    unprivileged = _drop_privileges()
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    die_with_parent(parent_pid)  # after the change of user, which clears this setting
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # the CPU timer; the service may have inherited it ignored or blocked
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    landlock = _restrict_with_landlock()
    rlimits = _set_limits(limits)
    return LockState(_seccomp_works(), landlock, network_namespace, unprivileged, rlimits)


def lock_child(seccomp: Seccomp, *, pipe_fd: int, cpu_s: float, parent_pid: int, allow_unlocked: bool) -> None:
    """Close every descriptor but the pipe, which becomes `PIPE_FD`, and lock this process. It cannot be unlocked.

    Args:
        seccomp: the filter.
        pipe_fd: descriptor of the pipe to the service.
        cpu_s: CPU time after which SIGPROF kills the process. The filter refuses every call that could prevent that.
        parent_pid: process id of the zygote.
        allow_unlocked: whether the process may run without the filter.

    Raises:
        OSError: the filter could not be installed, and `allow_unlocked` is false.
    """
    die_with_parent(parent_pid)
    os.dup2(pipe_fd, PIPE_FD)
    _close_from(PIPE_FD + 1)
    _set_limits({resource.RLIMIT_CPU: ceil(cpu_s) + 1, resource.RLIMIT_NPROC: 0, resource.RLIMIT_NOFILE: 0})
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        seccomp.install()
    except OSError:
        if not allow_unlocked:
            raise


def _close_from(first: int) -> None:
    """Close every descriptor from a number on. An inherited one may be higher than the present limit."""
    if _libc.syscall(_CLOSE_RANGE, first, _HIGHEST_DESCRIPTOR, 0) != 0:
        os.closerange(first, _LINUX_DEFAULT_LIMIT)


def _unshare_network() -> bool:
    """Enter an empty network and IPC namespace. A process without privileges needs a user namespace for that."""
    if _libc.unshare(_CLONE_NEWNET | _CLONE_NEWIPC) == 0:
        return True
    return os.geteuid() != 0 and _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC) == 0


def _drop_privileges() -> bool:
    for capability in range(_HIGHEST_CAPABILITY + 1):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):  # root in a container may lack CAP_SETUID
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    header = struct.pack("=II", _CAPABILITY_VERSION_3, 0)
    has_no_capability = _libc.capset(header, bytes(24)) == 0
    return has_no_capability and os.geteuid() != 0


def _raise_oom_score() -> None:
    """Make the kernel kill children before the service when memory runs out."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 (pathlib is not imported here)
        file.write("1000")


def _restrict_with_landlock() -> int:
    """Deny all paths, TCP ports, and signals and abstract sockets of other processes. Returns the Landlock ABI."""
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
    with open("/proc/self/statm") as file:  # noqa: PTH123 (pathlib is not imported here)
        address_space = int(file.read().split()[0]) * resource.getpagesize()
    return {
        resource.RLIMIT_AS: address_space + memory_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NOFILE: 64,
    }


def _set_limits(limits: dict[int, int]) -> bool:
    """Set soft and hard limits. A lower hard limit stays. Returns whether all are set."""
    try:
        for name, value in limits.items():
            hard = resource.getrlimit(name)[1]
            lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(name, (lowest, lowest))
    except (OSError, ValueError):
        return False
    return True


def _seccomp_works() -> bool:
    """Test the filter in a process of its own: a new pipe must be refused there."""
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
