"""Command `twinpath health`, which imports no other command."""

import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from service.cli.health import fault_of, local_url
from service.cli.process import run
from service.credentials import is_url, without_password
from service.errors import ConfigurationError
from service.printable import one_line

_TIMEOUT_S = 3.0
_MAX_TIMEOUT_S = 3600.0


def health(
    url: Annotated[
        str | None, typer.Option(help="URL of the service. Default: the address of the settings on this machine.")
    ] = None,
    ready: Annotated[
        bool, typer.Option("--ready", help="Check that the service accepts problems now, not only that it runs.")
    ] = False,
    timeout_s: Annotated[float, typer.Option(help="Seconds to wait for the response.")] = _TIMEOUT_S,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.", dir_okay=False)] = None,
) -> None:
    """Check that a service runs, for a container or a supervisor. No proxy is used.

    The exit code is 0 if it runs, 1 if it does not, and 2 if an option is wrong.
    """
    if not 0 < timeout_s <= _MAX_TIMEOUT_S:
        raise ConfigurationError(f"--timeout-s must be a number of seconds above 0 and up to {_MAX_TIMEOUT_S:g}.")
    if url is None:
        url = _own_url(config)
    elif not (is_url(url) and urlsplit(url).path.isascii()):
        raise ConfigurationError(f"--url {without_password(url)} is not a URL; give one such as http://127.0.0.1:8000.")
    fault = fault_of(f"{url.rstrip('/')}/{'ready' if ready else 'health'}", timeout_s)
    if fault:
        print(f"twinpath: {one_line(fault, sys.stderr.encoding)}", file=sys.stderr)
        raise typer.Exit(1)
    print("ready" if ready else "healthy")


def main() -> None:
    """Run `twinpath health` and end the process with its exit code."""
    app = typer.Typer(name="twinpath", pretty_exceptions_enable=False)
    app.command()(health)
    app.callback()(lambda: None)  # with it, the name of the command is an argument
    run(app)


def _own_url(config: Path | None) -> str:
    from service.settings import load_settings  # takes half a second

    settings = load_settings(config)
    if not settings.port:
        raise ConfigurationError("Port 0 of the settings is any free port; set --url.")
    return local_url(settings.host, settings.port)
