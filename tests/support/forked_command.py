"""Commands of `twinpath` in processes that have imported vLLM."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.support import forks
from tests.support.served import await_ready
from tests.support.servers import free_port

_STOP_S = 30
_COMMAND_S = 200


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
    port = free_port()
    process = forks.start(_command, log, log, ["serve", "--port", str(port), *map(str, flags)])
    try:
        yield ForkedService(process, await_ready(port, log, process.is_alive), log)
    finally:
        process.kill()
        process.join()


def ran(folder: Path, *arguments: object) -> tuple[int | None, str, str]:
    """Exit code, standard output and standard error of a command.

    Args:
        folder: directory of the files of its output.
        arguments: arguments of `twinpath`.
    """
    output, errors = folder / "stdout", folder / "stderr"
    process = forks.start(_command, output, errors, [str(argument) for argument in arguments])
    process.join(_COMMAND_S)
    process.kill()
    return process.exitcode, output.read_text(), errors.read_text()


def _command(output: Path, errors: Path, arguments: Sequence[str]) -> None:
    for stream, path in ((1, output), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    from service.cli.main import main

    sys.argv = ["twinpath", *arguments]
    main()
