"""Process of a command: streams, errors and exit code."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from service.errors import TwinpathError
from service.printable import one_line

_OWN = ("service", "training", "twinpath")
_EXTRAS = ("calibrate", "train")
"""Commands that have an extra of their name."""
REFUSED = 2
"""Exit code of a command that is refused."""


def run(command: Callable[[], object]) -> NoReturn:
    """Run a command and end the process with its exit code. A refusal is one line and exit code 2."""
    _open_streams()
    code: int | str | None = 0
    refusal = ""
    try:
        command()
    except SystemExit as end:  # typer's own way out
        code = end.code
    except TwinpathError as error:
        refusal = str(error)
    except ModuleNotFoundError as error:
        refusal = missing_package(error)
    except OSError as error:
        refusal = _reason(error)
    try:
        sys.stdout.flush()
    except OSError as error:  # also after a command that it has ended
        refusal = f"Standard output cannot be written: {error.strerror}."
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - the interpreter flushes it at its end
    if refusal:
        _print_refusal(refusal)
        code = REFUSED
    if "vllm" in sys.modules:  # its native libraries print pages of leak reports when the interpreter is torn down
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1 if code else 0)
    raise SystemExit(code)


def _open_streams() -> None:
    """Open closed standard streams, replace characters that their encoding lacks, and ignore sizes of 0."""
    for size in ("COLUMNS", "LINES"):
        if not os.environ.get(size, "0").strip("0"):  # Rich would print nothing
            os.environ.pop(size, None)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # by their descriptors, 0 to 2
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - it stays open
        elif mode == "w" and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def missing_package(error: ModuleNotFoundError) -> str:
    """Refusal of a command without its extra.

    Raises:
        ModuleNotFoundError: the missing module is one of Twinpath.
    """
    missing = error.name or ""
    if missing.partition(".")[0] in _OWN:
        raise error
    extra = next((name for name in _EXTRAS if sys.argv[1:2] == [name]), "serve")
    return f"the command needs the extra `{extra}` ({missing} is missing): pip install 'twinpath[{extra}]'"


def _print_refusal(message: str) -> None:
    """Print one line on standard error."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    reason = one_line(message, console.encoding)  # it may quote a service or a model
    with suppress(OSError):
        console.print(Text.assemble(("twinpath:", "red"), f" {reason}"), soft_wrap=True)


def _reason(error: OSError) -> str:
    """Reason of a failure of the operating system, with the file."""
    if not error.strerror:
        return str(error) or type(error).__name__
    return f"{error.filename}: {error.strerror}." if error.filename is not None else f"{error.strerror}."
