"""Entry point of `python -m twinpath`."""

from service.cli.entry import main as main

if __name__ == "__main__":
    main()
