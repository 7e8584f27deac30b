"""Standard output, or a pipe, as the output of a run."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from service.cli.line_file import writing

STANDARD_OUTPUT = Path("-")


@dataclass(frozen=True, slots=True)
class OutputStream:
    """Output without a buffer.

    Args:
        place: name of the output, for messages.
        file: the file.
    """

    place: str
    file: FileIO

    def write(self, content: bytes) -> None:
        """Write all bytes.

        Raises:
            ConfigurationError: the reader has closed the pipe, or the disk is full.
        """
        rest = memoryview(content)
        with writing(self.place):
            while rest:
                rest = rest[self.file.write(rest) :]


@contextmanager
def output_stream(path: Path | None) -> Iterator[OutputStream]:
    """Standard output, or a pipe. Until the end, other output to standard output goes to standard error.

    Args:
        path: the pipe. None and `STANDARD_OUTPUT` are standard output.
    """
    if path is not None and path != STANDARD_OUTPUT:
        with writing(str(path)):
            file = FileIO(path, "wb")
        with file:
            yield OutputStream(str(path), file)
        return
    # An engine writes to descriptor 1 from C++ and from child processes.
    sys.stdout.flush()
    with FileIO(os.dup(1), "wb") as file:
        os.dup2(2, 1)
        try:
            yield OutputStream("standard output", file)
        finally:
            os.dup2(file.fileno(), 1)
