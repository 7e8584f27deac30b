"""`twinpath serve` for tests, as a user starts it: in a process of its own, on a free port, until it is told to end."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest


@contextmanager
def served(folder: Path, *flags: object) -> Iterator[str]:
    """The address of a service that is ready; its log goes to the folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), *map(str, flags)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
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
        yield url
        process.terminate()
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
