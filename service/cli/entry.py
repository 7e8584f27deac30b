"""Entry point of the command `twinpath`."""

import signal
import sys

from service.cli.process import REFUSED, missing_package


def main() -> None:
    """Run the command line. Without the extra `serve`, exit with code 2 and one line."""
    on_interrupt = signal.getsignal(signal.SIGINT)
    if on_interrupt is signal.default_int_handler:  # it would raise inside an import
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        if sys.argv[1:2] == ["health"]:  # runs every few seconds, and the other commands take a second to import
            from service.cli.commands.health import main as run
        else:
            from service.cli.main import main as run
    except ModuleNotFoundError as error:
        print(f"twinpath: {missing_package(error)}", file=sys.stderr)
        raise SystemExit(REFUSED) from None
    finally:
        signal.signal(signal.SIGINT, on_interrupt)
    run()
