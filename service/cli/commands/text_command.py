"""Command with texts as arguments."""

import re
from typing import Any

import typer
from typer.core import TyperCommand

_UsageError: Any = typer.BadParameter.__bases__[0]  # typer does not export it
_HINTS = {
    re.compile(r"No such option: -[\d.]"): "A text with a minus sign at its start needs -- before it: "
    "twinpath grade PROBLEM -- -26",
    re.compile(r"Got unexpected extra argument"): "Put each text in quotes.",
}
"""Remedy for each error of the usage."""


class TextCommand(TyperCommand):
    """Command with remedies for a missing `--` and for missing quotes."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments.

        Raises:
            UsageError: the arguments are wrong.
        """
        try:
            return super().parse_args(ctx, args)
        except _UsageError as error:
            hints = [hint for pattern, hint in _HINTS.items() if pattern.match(error.message)]
            error.message = ". ".join([error.message.rstrip("."), *hints]) if hints else error.message
            raise
