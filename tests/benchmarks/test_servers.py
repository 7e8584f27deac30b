"""What a server's processes have used is counted whole."""

import sys
import time
from pathlib import Path

from benchmarks.servers import Server

_BUSY = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
_PARENT = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {_BUSY!r}]); time.sleep(60)"


def test_a_child_that_has_ended_still_counts(tmp_path: Path) -> None:
    with Server([sys.executable, "-c", _PARENT], 1, tmp_path / "log") as server:
        until = time.monotonic() + 20
        while (server.cpu_s() < 0.3 or server.process.children()) and time.monotonic() < until:
            time.sleep(0.05)
        assert not server.process.children()
        assert 0.3 <= server.cpu_s() < 1.0
        assert server.memory_bytes() > 2**20
