"""Command `twinpath health`."""

import sys
from typing import Annotated

import typer

from service.cli.options import Config, float_option
from service.cli.printable import one_line
from service.credentials import without_password
from service.errors import ConfigurationError
from service.settings import load_settings

_TIMEOUT_S = 3.0


def health(
    url: Annotated[
        str | None, typer.Option(help="URL of the service. Default: the address of the settings on this machine.")
    ] = None,
    ready: Annotated[
        bool, typer.Option("--ready", help="Check that the service accepts problems now, not only that it runs.")
    ] = False,
    timeout_s: Annotated[float, float_option("Seconds to wait for the response.", min=0)] = _TIMEOUT_S,
    config: Config = None,
) -> None:
    """Check that a service runs, for a container or a supervisor. No proxy is used.

    The exit code is 0 if it runs, 1 if it does not, and 2 if an option is wrong.
    """
    from service.cli.health import fault_of, local_url

    if not isinstance(timeout_s, int | float) or not 0 < timeout_s <= 3600:
        raise ConfigurationError("--timeout-s must be a number of seconds over 0, up to 3600.")
    if url is None:
        settings = load_settings(config)
        if not settings.port:
            raise ConfigurationError("Port 0 of the settings is any free port; set --url.")
        url = local_url(settings.host, settings.port)
    elif not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"--url {without_password(url)} is not a URL; give one such as http://127.0.0.1:8000.")
    fault = fault_of(f"{url.rstrip('/')}/{'ready' if ready else 'health'}", timeout_s)
    if fault:
        print(f"twinpath: {one_line(fault, sys.stderr.encoding)}", file=sys.stderr)
        raise typer.Exit(1)
    print("ready" if ready else "healthy")
