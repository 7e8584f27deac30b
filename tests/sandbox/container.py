"""Limits of a container without a container: Docker's default seccomp profile and capabilities, or another user.

    python -m tests.sandbox.container docker-root|no-capabilities|user|bare-user|no-seccomp [CLASS …]

applies the limits, runs the attacks of these classes and prints `{"lock": …, "failures": […]}`. The profile is moby's
profiles/seccomp/default.json as it applies to x86_64 without CAP_SYS_ADMIN.
"""

import asyncio
import ctypes
import json
import os
import struct
import sys
from dataclasses import asdict

from service.errors import SandboxError
from service.sandbox.pool import SandboxPool
from service.sandbox.seccomp import _FilterProgram, _instruction
from tests.sandbox.attacks.run import run_groups

_REFUSED = """
_sysctl=156 acct=163 add_key=248 afs_syscall=183 bpf=321 chroot=161 clock_settime=227 create_module=174
delete_module=176 fanotify_init=300 finit_module=313 fsconfig=431 fsmount=432 fsopen=430 fspick=433
get_kernel_syms=177 get_mempolicy=239 getpmsg=181 init_module=175 ioperm=173 iopl=172 kcmp=312 kexec_file_load=320
kexec_load=246 keyctl=250 lookup_dcookie=212 mbind=237 migrate_pages=256 mount=165 mount_setattr=442 move_mount=429
move_pages=279 nfsservctl=180 open_by_handle_at=304 open_tree=428 perf_event_open=298 pidfd_getfd=438 pivot_root=155
process_madvise=440 putpmsg=182 query_module=178 quotactl=179 quotactl_fd=443 reboot=169 request_key=249 security=185
set_mempolicy=238 set_mempolicy_home_node=450 setdomainname=171 sethostname=170 setns=308 settimeofday=164
swapoff=168 swapon=167 sysfs=139 syslog=103 tuxcall=184 umount2=166 unshare=272 uselib=134 userfaultfd=323 ustat=136
vhangup=153 vserver=236
"""
_LAST_KNOWN = 450
_CLONE, _CLONE3, _SOCKET, _SECCOMP, _AF_VSOCK, _NEW_NAMESPACES = 56, 435, 41, 317, 40, 0x7E020000
_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _JUMP_ANY, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_ALLOW, _EPERM, _ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
_DOCKER_CAPABILITIES = sum(1 << number for number in (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31))
_libc = ctypes.CDLL(None, use_errno=True)


def main(variant: str, groups: list[str]) -> None:
    """Apply the variant's limits and print the report."""
    keep = _DOCKER_CAPABILITIES if variant in ("docker-root", "no-seccomp") else 0
    if variant in ("user", "bare-user"):
        os.setgroups([])
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)
    _keep_capabilities(keep)
    if variant != "bare-user":
        _install(_profile(seccomp=variant != "no-seccomp"))
    print(json.dumps(asyncio.run(_report(groups))))


async def _report(groups: list[str]) -> dict[str, object]:
    pool = SandboxPool(workers=1, timeout_s=5, memory_bytes=64 << 20, output_bytes=4096, max_queue=1)
    try:
        await pool.start()
    except SandboxError as error:
        return {"refused": str(error), **await _unlocked()}
    lock = asdict(pool.lock)
    await pool.close()
    return {"lock": lock, "failures": await run_groups(groups)}


async def _unlocked() -> dict[str, object]:
    pool = SandboxPool(
        workers=1, timeout_s=5, memory_bytes=64 << 20, output_bytes=4096, max_queue=1, allow_unlocked=True
    )
    await pool.start()
    execution = await pool.run("ans = 6 * 7")
    lock = asdict(pool.lock)
    await pool.close()
    return {"lock": lock, "answer": execution.value}


def _profile(*, seccomp: bool) -> bytes:
    refused = {int(pair.partition("=")[2]) for pair in _REFUSED.split()} | (set() if seccomp else {_SECCOMP})
    code = [_instruction(_LOAD, 0)]
    for number in sorted(refused):
        code += [_instruction(_JUMP_EQUAL, number, if_false=1), _instruction(_RETURN, _EPERM)]
    code += [_instruction(_JUMP_EQUAL, _CLONE3, if_false=1), _instruction(_RETURN, _ENOSYS)]
    code += [_instruction(_JUMP_GREATER, _LAST_KNOWN, if_false=1), _instruction(_RETURN, _EPERM)]
    for number, jump, value in ((_CLONE, _JUMP_ANY, _NEW_NAMESPACES), (_SOCKET, _JUMP_EQUAL, _AF_VSOCK)):
        code += [
            _instruction(_JUMP_EQUAL, number, if_false=4),
            _instruction(_LOAD, 16),
            _instruction(jump, value, if_false=1),
            _instruction(_RETURN, _EPERM),
            _instruction(_RETURN, _ALLOW),
        ]
    return b"".join([*code, _instruction(_RETURN, _ALLOW)])


def _install(code: bytes) -> None:
    _libc.prctl(38, 1, 0, 0, 0)
    program = _FilterProgram(len(code) // 8, code)
    if _libc.syscall(_SECCOMP, 1, 0, ctypes.byref(program)) != 0:
        raise OSError(ctypes.get_errno(), "the profile could not be installed")


def _keep_capabilities(keep: int) -> None:
    for number in range(64):
        if not keep >> number & 1:
            _libc.prctl(24, number, 0, 0, 0)
    low, high = keep & 0xFFFFFFFF, keep >> 32
    data = struct.pack("=6I", low, low, 0, high, high, 0)
    if _libc.capset(struct.pack("=II", 0x20080522, 0), data) != 0:
        raise OSError(ctypes.get_errno(), "the capabilities could not be dropped")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
