"""`twinpath serve` for tests, in a process on a free port."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.servers import free_port


@contextmanager
def served(folder: Path, *flags: object) -> Iterator[str]:
    """URL of a ready service with its log in the folder. It must exit with 0 and leave no child."""
    with started(folder, *flags) as (process, url):
        children = psutil.Process(process.pid).children(recursive=True)
        yield url
        process.terminate()
        assert process.wait(30) == 0
        _, alive = psutil.wait_procs(children, timeout=5)
        assert alive == []


@contextmanager
def started(
    folder: Path, *flags: object, log: Path | None = None, before: Sequence[str] = ()
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Process and URL of a ready service. It is killed at the end if it still runs.

    Args:
        folder: directory of the log.
        flags: flags of `twinpath serve`.
        log: file of the log instead.
        before: command in front of the service's command.
    """
    port = free_port()
    command = [*before, sys.executable, "-m", "service.cli.main", "serve", "--port", str(port), *map(str, flags)]
    log = log or folder / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written)
    try:
        yield process, await_ready(port, log, lambda: process.poll() is None)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def await_ready(port: int, log: Path, runs: Callable[[], bool]) -> str:
    """URL of a service on this machine, once it is ready. The test fails if it ends before."""
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(verify=False) as client:  # the certificates of the system take 100 ms to load
        for _ in range(1800):
            if not runs():
                pytest.fail(log.read_text()[-3000:])
            with suppress(httpx.TransportError):
                if client.get(f"{url}/ready").is_success:
                    break
            time.sleep(0.1)
    return url
