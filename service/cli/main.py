"""Command line `twinpath`. `train` is an entry point of another package."""

from functools import cache
from importlib.metadata import entry_points
from typing import Annotated, Any

import typer
from typer import rich_utils
from typer.core import TyperGroup

from service import __version__
from service.cli.commands import calibrate, doctor, evaluate, grade, health, keys, models, programs, serve, solve
from service.cli.commands.text_command import TextCommand
from service.cli.process import run

# Leaves more of 80 columns to the descriptions.
rich_utils.STYLE_OPTIONS_TABLE_PADDING = (0, 1, 0, 0)  # type: ignore[assignment]

_ORDER = (
    "solve", "grade", "evaluate", "calibrate", "serve", "doctor", "health", "keys", "model", "train", "read", "sandbox",
)  # fmt: skip


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
_models = typer.Typer(help="Download, list and show models.", no_args_is_help=True)
app.add_typer(_keys, name="keys")
app.add_typer(_models, name="model")
for _command in (solve.solve, grade.grade):
    app.command(cls=TextCommand)(_command)
for _command in (
    evaluate.evaluate, calibrate.calibrate, doctor.doctor, health.health, programs.read, programs.sandbox,
):  # fmt: skip
    app.command()(_command)
app.command(cls=serve.ServeCommand)(serve.serve)
_keys.command()(keys.create)
_keys.command()(keys.init)
for _command in (models.pull, models.list_models, models.info):
    _models.command(name=_command.__name__.partition("_")[0])(_command)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    run(lambda: _tree()())


@cache
def _tree() -> Any:
    """Tree of all commands."""
    for point in entry_points(group="twinpath.commands"):
        if point.name == "train":  # training.cli imports only typer
            app.add_typer(point.load(), name=point.name)
    return typer.main.get_command(app)


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
