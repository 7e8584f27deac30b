"""Command line `twinpath`. Errors are one line on standard error.

An error of Twinpath ends the process with exit code 2. `train` is an entry point of another package.
"""

import os
import sys
from contextlib import suppress
from importlib.metadata import entry_points
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from typer import rich_utils
from typer.core import TyperGroup

from service import __version__
from service.cli.commands import evaluate, grade, health, keys, models, programs, serve, solve
from service.cli.commands.text_command import TextCommand
from service.cli.printable import one_line
from service.errors import TwinpathError

# Leaves more of 80 columns to the descriptions.
rich_utils.STYLE_OPTIONS_TABLE_PADDING = (0, 1, 0, 0)  # type: ignore[assignment]

_OWN = ("service", "training", "twinpath")
_REFUSED = 2
_ORDER = ("solve", "grade", "evaluate", "serve", "health", "keys", "model", "train", "read", "sandbox")


class _Commands(TyperGroup):
    """Commands in the order in which users need them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands."""
        return sorted(super().list_commands(ctx), key=lambda name: (*_ORDER, name).index(name))


app = typer.Typer(
    name="twinpath",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_keys = typer.Typer(help="Create API keys.", no_args_is_help=True)
_models = typer.Typer(help="Show and verify models.", no_args_is_help=True)
app.add_typer(_keys, name="keys")
app.add_typer(_models, name="model")
for _command in (solve.solve, grade.grade):
    app.command(cls=TextCommand)(_command)
for _command in (evaluate.evaluate, health.health, programs.read, programs.sandbox):
    app.command()(_command)
app.command(cls=serve.ServeCommand)(serve.serve)
_keys.command()(keys.create)
_models.command()(models.info)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    _open_streams()
    code: int | str | None = 0
    try:
        for point in entry_points(group="twinpath.commands"):
            if point.name == "train":  # training.cli imports only typer
                app.add_typer(point.load(), name=point.name)
        app()
    except SystemExit as end:  # typer's own way out
        code = end.code
    except TwinpathError as error:
        code = _refused(str(error))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in _OWN:
            raise
        code = _refused(f"The command needs the package {error.name}: pip install 'twinpath[{_extra()}]'")
    except OSError as error:
        code = _refused(_reason(error))
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _refused(f"Standard output cannot be written: {error.strerror}.")
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - the interpreter flushes it at its end
    if "vllm" in sys.modules:  # its native libraries print pages of leak reports when the interpreter is torn down
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1 if code else 0)
    raise SystemExit(code)


def _open_streams() -> None:
    """Open closed standard streams, and replace characters that their encoding lacks."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # by their descriptors, 0 to 2
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - it stays open
        elif mode == "w" and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _refused(message: str) -> int:
    """Print one line on standard error. Returns the exit code."""
    console = Console(stderr=True)
    reason = one_line(message, console.encoding)  # it may quote a service or a model
    with suppress(OSError):
        console.print(Text.assemble(("twinpath:", "red"), f" {reason}"), soft_wrap=True)
    return _REFUSED


def _reason(error: OSError) -> str:
    """Reason of a failure of the operating system, with the file."""
    if not error.strerror:
        return str(error) or type(error).__name__
    return f"{error.filename}: {error.strerror}." if error.filename is not None else f"{error.strerror}."


def _extra() -> str:
    return "train" if sys.argv[1:2] == ["train"] else "serve"


def _version(value: bool) -> None:
    if value:
        print(f"twinpath {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Solves math word problems by a vote over explanations and programs, and rates how far to trust each answer.

    Start here: twinpath solve "A pen costs 3 dollars. How much do 7 pens cost?"
    """


if __name__ == "__main__":
    main()
