"""CPU time and memory of all processes of a server."""

import sys
import time
from pathlib import Path

import pytest

from tests.support.servers import Server

_BUSY = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
_SLEEPER = "import time; print('I sleep', flush=True); time.sleep(60)"
_PARENT = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {_BUSY!r}]); time.sleep(60)"


def test_a_child_that_has_ended_still_counts(tmp_path: Path) -> None:
    with Server([sys.executable, "-c", _PARENT], 1, tmp_path / "log") as server:
        until = time.monotonic() + 20
        while (server.cpu_s() < 0.3 or server.process.children()) and time.monotonic() < until:
            time.sleep(0.05)
        assert not server.process.children()
        assert 0.3 <= server.cpu_s() < 1.0
        assert server.memory_bytes() > 2**20


@pytest.mark.slow
def test_a_server_that_does_not_come_up_is_ended(tmp_path: Path) -> None:
    server = Server([sys.executable, "-c", _SLEEPER], 1, tmp_path / "log")
    with pytest.raises(RuntimeError, match="I sleep"):
        server.await_health(2.0)
    assert not server.process.is_running()
