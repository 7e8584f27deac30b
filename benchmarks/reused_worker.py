"""The reused locked worker that `sandbox.py` compares with: locked once, then one program after the other."""

import os

from service.sandbox.lock import lock_zygote
from service.sandbox.runner import Runner
from service.sandbox.seccomp import Seccomp
from service.sandbox.wire import frame
from service.sandbox.zygote import _read_program


def main() -> None:
    """Serve programs from descriptor 0 until it ends; answer on descriptor 0, the only one that the lock allows."""
    runner = Runner(policy=True, output_bytes=16384)
    lock_zygote(memory_bytes=256 << 20, parent_pid=os.getppid())
    Seccomp().install()
    while True:
        os.write(0, frame(runner.run(_read_program())))
