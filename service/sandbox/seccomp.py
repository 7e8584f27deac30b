"""Seccomp filter: the eight system calls that a locked child can make.

A child installs it after the fork and before it reads a program. Every other call (files, sockets, processes, signals,
threads, executable memory) then fails with EPERM in the kernel. Memory and time are bounded elsewhere: by rlimits, by
the timer of `lock.py` and by the service's deadline.
"""

import ctypes
import os
import struct
from typing import NamedTuple

PIPE_FD = 0
"""Only descriptor of a child. It reads its program and writes its reply here."""

_SET_MODE_FILTER = 1
_RET_KILL, _RET_EPERM, _RET_ALLOW = 0x80000000, 0x00050001, 0x7FFF0000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_OFFSET, _ARCH_OFFSET, _ARGS_OFFSET = 0, 4, 16

_PROT_READ_WRITE, _MAP_PRIVATE_ANONYMOUS = 3, 0x22

_ALLOWED: dict[str, dict[int, int]] = {
    "read": {0: PIPE_FD},
    "write": {0: PIPE_FD},
    "mmap": {2: _PROT_READ_WRITE, 3: _MAP_PRIVATE_ANONYMOUS},
    "munmap": {},
    "mremap": {},
    "brk": {},
    "clock_gettime": {},
    "exit_group": {},
}
"""System call → required argument values by position. The kernel reads all four as 32 bits."""


class _Architecture(NamedTuple):
    seccomp: int
    audit_arch: int
    numbers: dict[str, int]


_ARCHITECTURES = {
    "x86_64": _Architecture(
        317,
        0xC000003E,
        {
            "read": 0,
            "write": 1,
            "mmap": 9,
            "munmap": 11,
            "brk": 12,
            "mremap": 25,
            "clock_gettime": 228,
            "exit_group": 231,
        },
    ),
    "aarch64": _Architecture(
        277,
        0xC00000B7,
        {
            "read": 63,
            "write": 64,
            "exit_group": 94,
            "clock_gettime": 113,
            "brk": 214,
            "munmap": 215,
            "mremap": 216,
            "mmap": 222,
        },
    ),
}


class _FilterProgram(ctypes.Structure):
    """The kernel's `struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


class Seccomp:
    """Filter for this architecture, assembled once. Each child installs it with one system call."""

    def __init__(self) -> None:
        architecture = _ARCHITECTURES.get(os.uname().machine)
        self.supported = architecture is not None
        self._code = _assemble(architecture) if architecture else b""
        self._program = _FilterProgram(len(self._code) // 8, self._code)
        self._reference = ctypes.byref(self._program)
        self._number = architecture.seccomp if architecture else -1
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall

    def install(self) -> None:
        """Install the filter in the calling process. It cannot be removed. The process must have set no_new_privs.

        Raises:
            OSError: the kernel has no seccomp filters, or this architecture is not supported.
        """
        if not self.supported or self._syscall(self._number, _SET_MODE_FILTER, 0, self._reference) != 0:
            raise OSError(ctypes.get_errno(), "seccomp is not available")


def _assemble(architecture: _Architecture) -> bytes:
    """Assemble the filter.

    Each call has one block. Another number skips the block, a different argument refuses, and the rest is allowed.
    """
    code = [
        _instruction(_LOAD, _ARCH_OFFSET),
        _instruction(_JUMP_IF_EQUAL, architecture.audit_arch, if_true=1),
        _instruction(_RETURN, _RET_KILL),
        _instruction(_LOAD, _NUMBER_OFFSET),
    ]
    for name, arguments in _ALLOWED.items():
        block = []
        left = 2 * len(arguments)
        for position, value in arguments.items():
            left -= 2
            block.append(_instruction(_LOAD, _ARGS_OFFSET + 8 * position))
            block.append(_instruction(_JUMP_IF_EQUAL, value, if_false=left + 1))
        block.append(_instruction(_RETURN, _RET_ALLOW))
        if arguments:
            block.append(_instruction(_RETURN, _RET_EPERM))
        code.append(_instruction(_JUMP_IF_EQUAL, architecture.numbers[name], if_false=len(block)))
        code.extend(block)
    return b"".join([*code, _instruction(_RETURN, _RET_EPERM)])


def _instruction(operation: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", operation, if_true, if_false, value)
