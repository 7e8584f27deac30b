"""Commands `twinpath keys create` and `twinpath keys init`."""

import sys
from pathlib import Path
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


def init(
    directory: Annotated[Path, typer.Argument(help="Directory of the secrets. It is created if it is missing.")],
) -> None:
    """Create the secrets of a deployment that a directory lacks.

    The files are api_keys.toml, metrics_key, grafana_admin_password and
    worker_api_key. Existing files keep their content, but api_keys.toml gets a
    table for a metrics_key that it lacks. Only you can enter the directory, and
    each container can read its files. Prints your API key and Grafana's
    password once.

    Example: twinpath keys init deploy/secrets
    """
    from service.cli.secret_files import API_KEYS, create_missing

    new = create_missing(directory)
    if new.files:
        print(f"Created in {directory}: {', '.join(new.files)}")
    elif new.table is None:
        print(f"{directory} contains every secret.")
    if new.table is not None:
        print(f"Added to {directory / API_KEYS}: the table {new.table}, for metrics_key.")
        print("The tables of lost keys stay valid. Delete them from the file.")
    if new.grafana_password is not None:
        print(f"Grafana's password for the user admin: {new.grafana_password}")
    if new.api_key is not None:
        print(f"Your API key, which is shown only now: {new.api_key}")
