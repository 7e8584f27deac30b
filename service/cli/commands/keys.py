"""Command `twinpath keys create`."""

import sys
from typing import Annotated

import typer

from service.api.api_key import KeyScope
from service.api.api_keys import new_key
from service.cli.options import count_option


def create(
    name: Annotated[
        str, typer.Argument(help="Name of the holder: letters, digits, dots and dashes.", show_default=False)
    ],
    scope: Annotated[
        list[KeyScope], typer.Option(help="Scope of the key. Repeat the option for several.", show_default="solve")
    ] = [KeyScope.SOLVE],  # noqa: B006 - typer needs a list
    requests_per_minute: Annotated[int | None, count_option("Maximum number of problems a minute.")] = None,
    concurrency: Annotated[int | None, count_option("Maximum number of open problems.")] = None,
) -> None:
    """Create an API key.

    Prints the key on standard error, and on standard output its table for the
    file of --api-keys-file. The table contains only a hash of the key.

    Example: twinpath keys create alice >> api_keys.toml
    """
    secret, table = new_key(name, list(dict.fromkeys(scope)), requests_per_minute, concurrency)
    print(secret, file=sys.stderr)
    print(table)
