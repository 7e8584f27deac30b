"""Command `twinpath serve`, with an option for each setting."""

import inspect
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperCommand

from service.cli.options import Config, engine_option, option_table
from service.settings import GROUPS, SettingsGroup, load_settings

_SINGULAR = {"engine_options": "--engine-option", "adapters": "--adapter"}
"""Flags that each give one of the values of a setting."""


class ServeCommand(TyperCommand):
    """Command with a help that leaves out `--no-flag`, which would leave no room for descriptions."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        hidden = [(option, option.secondary_opts) for option in self.params]
        for option, _ in hidden:
            option.secondary_opts = []
        super().format_help(ctx, formatter)
        for option, secondary in hidden:
            option.secondary_opts = secondary


def _flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each setting. It receives the options that were given as keyword arguments."""
    own = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
    flags = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_flag(group, name))
        for group in GROUPS
        for name in group.model_fields
    ]
    command.__signature__ = inspect.Signature([*own, *flags])  # type: ignore[attr-defined]
    return command


def _flag(group: type[SettingsGroup], name: str) -> Any:
    """Annotation for the option of a setting, without its type in the help."""
    field = group.model_fields[name]
    description = str(field.description)
    choices = _choices(field.annotation)
    if choices:
        description += f" One of {', '.join(choices)}."
    if not (field.default_factory or field.default is None or isinstance(field.default, bool | list)):
        description += f" Default: {field.default}."  # here, because typer would add another line for it
    # readable: the readers of files have better errors than typer.
    is_table = name == "engine_options"
    option = typer.Option(
        *([_SINGULAR[name]] if name in _SINGULAR else []),
        parser=engine_option if is_table else str.lower if choices else None,
        autocompletion=(lambda: choices) if choices else None,
        help=description,
        metavar="",
        show_default=False,
        rich_help_panel=group.title,
        readable=False,
    )
    # The settings check a choice: their error is one line, as for every other setting.
    annotation: Any = list[Any] if is_table else str if choices else field.annotation
    return Annotated[annotation | None, option]


def _choices(annotation: Any) -> list[str]:
    """Values of a setting that has a fixed number of them."""
    kinds = (annotation, *get_args(annotation))
    return next((list(kind) for kind in kinds if isinstance(kind, type) and issubclass(kind, StrEnum)), [])


@_flags
def serve(config: Config = None, **flags: Any) -> None:
    """Serve POST /solve over HTTP until SIGTERM or Ctrl-C.

    Each option is also an environment variable, such as TWINPATH_MAX_QUEUE, and
    a line of the settings file. Switches also have a --no- form.
    """
    from service.cli.serve import run

    flags["engine_options"] = option_table(flags["engine_options"])
    raise typer.Exit(run(load_settings(config, **flags)))
