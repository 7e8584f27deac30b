"""Entry point of the command `twinpath`."""

import sys

_OWN = ("service", "training", "twinpath")


def main() -> None:
    """Run the command line. Without the extra `serve`, exit with code 2 and one line."""
    try:
        if sys.argv[1:2] == ["health"]:  # runs every few seconds, and the other commands take a second to import
            from service.cli.commands.health import main as run
        else:
            from service.cli.main import main as run
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing.partition(".")[0] in _OWN:
            raise
        print(
            f"twinpath: the command needs the extra `serve` ({missing} is missing): pip install 'twinpath[serve]'",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    run()
