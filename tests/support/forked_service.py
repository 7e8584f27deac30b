"""`twinpath serve` in a fork of a process with vLLM.

The import of vLLM takes most of a start, and many services share it so.
"""

import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from service.process import die_with_parent
from tests.support.served import await_ready
from tests.support.servers import free_port

_STOP_S = 30


@dataclass(frozen=True)
class ForkedService:
    """A ready service.

    Args:
        process: its process.
        url: its address.
        log: file of its output.
    """

    process: ForkServerProcess
    url: str
    log: Path

    def stop(self) -> int | None:
        """Stop it with SIGTERM, as a supervisor does. Returns its exit code, or None if it runs on."""
        self.process.terminate()
        self.process.join(_STOP_S)
        return self.process.exitcode


@contextmanager
def forked_service(log: Path, *flags: object) -> Iterator[ForkedService]:
    """Service that is killed at the end if it still runs.

    Args:
        log: file of its output.
        flags: flags of `twinpath serve`.
    """
    context = multiprocessing.get_context("forkserver")
    # Here, because the list of an import would be that of other fork servers too. vLLM first: it forks only then.
    context.set_forkserver_preload(["tests.support.imported_vllm", "service.cli.main", "service.cli.serve"])
    port = free_port()
    process = context.Process(target=_serve, args=(log, ["--port", str(port), *map(str, flags)]))
    process.start()
    try:
        yield ForkedService(process, await_ready(port, log, process.is_alive), log)
    finally:
        process.kill()
        process.join()


def _serve(log: Path, flags: Sequence[str]) -> None:
    die_with_parent()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    from service.cli.main import main

    sys.argv = ["twinpath", "serve", *flags]
    main()
