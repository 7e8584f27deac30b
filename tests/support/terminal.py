"""Commands on a pseudo-terminal."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_ESCAPES = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
_WAIT_S = 60.0


def plain(text: str) -> str:
    """Lines that a terminal shows in the end, without escape sequences. Each rewritten line counts once."""
    lines: list[str] = []
    row = 0
    for part in re.split(r"(\x1b\[\d*A|\x1b\[2K|\n)", text.replace("\r\n", "\n")):
        while len(lines) <= row:
            lines.append("")
        if part == "\n":
            row += 1
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part.startswith("\x1b[") and part.endswith("A"):
            row = max(0, row - int(part[2:-1] or 1))
        else:
            written = _ESCAPES.sub("", part).rpartition("\r")[2]
            lines[row] += written
    return "\n".join(line.rstrip() for line in lines)


class Terminal:
    """Process whose standard streams are a terminal. The context manager kills it at the end.

    Args:
        command: command line.
        columns: width of the terminal.
        environment: variables on top of this process's environment.
    """

    def __init__(
        self, command: Sequence[str | Path], *, columns: int = 80, environment: Mapping[str, str] | None = None
    ) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        variables = inherited | {"TERM": "xterm"} | dict(environment or {})
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=variables)
        os.close(theirs)
        self.text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def until_text(self, text: str) -> None:
        """Read until the output contains a text."""
        until = time.monotonic() + _WAIT_S
        while text not in self.text:
            assert time.monotonic() < until, self.text
            assert self._read() or self.process.poll() is None, self.text

    def until(self, text: str) -> list[str]:
        """Shown lines up to the one with a text."""
        self.until_text(text)
        lines = plain(self.text).splitlines()
        last = next(number for number, line in enumerate(lines) if text in line)
        return lines[: last + 1]

    def wait(self, seconds: float = _WAIT_S) -> int:
        """Exit code of the process. Its output is read, because a full terminal would block it."""
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < until, self.text
            self._read()
        return self.process.returncode

    def rest(self) -> str:
        """The whole output of a process that has ended."""
        while self._read():
            continue
        return self.text

    def _read(self) -> bool:
        """Read a part of the output. False if there is none at present."""
        if not select.select([self._ours], [], [], 0.2)[0]:
            return False
        try:
            part = os.read(self._ours, 65536)
        except OSError:  # every other end is closed
            return False
        self.text += part.decode("utf-8", "replace")
        return bool(part)
