"""`twinpath serve` for tests, as a user starts it: in a process of its own, on a free port, until it is told to end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from sys import executable

import httpx
import psutil
import pytest

from benchmarks.servers import free_port


@contextmanager
def started(folder: Path, *flags: object) -> Iterator[tuple[Popen[bytes], str]]:
    """A service that is ready, and its address; it is killed at the end if it still runs. Its log goes to the folder."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [executable, "-m", "service.cli", "serve", "--port", str(port), *map(str, flags)]
    with (folder / "log").open("wb") as log:
        process = Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(1800):
            if process.poll() is not None:
                pytest.fail((folder / "log").read_text()[-3000:])
            try:
                if httpx.get(f"{url}/ready").is_success:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        yield process, url
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@contextmanager
def served(folder: Path, *flags: object) -> Iterator[str]:
    """The address of a service that is ready. Told to end, it exits with 0 and leaves no process behind."""
    with started(folder, *flags) as (process, url):
        children = psutil.Process(process.pid).children(recursive=True)
        yield url
        process.terminate()
        assert process.wait(30) == 0
        _, alive = psutil.wait_procs(children, timeout=5)
        assert alive == []
