"""Commands `twinpath sandbox` and `twinpath read`, which need no model."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import Config, Libraries
from service.settings import load_settings


def sandbox(
    source: Annotated[
        Path, typer.Option("--input", help="JSON Lines file of rows with id and program.", exists=True, dir_okay=False)
    ],
    no_policy: Annotated[
        bool, typer.Option("--no-policy", help="Run without the language policy, under the kernel lock only.")
    ] = False,
    libraries: Libraries = None,
    config: Config = None,
) -> None:
    """Run programs in the sandbox and print one outcome per line."""
    from service.cli.rows import file_rows
    from service.cli.sandbox import run_rows
    from service.components import sandbox_pool

    settings = load_settings(config, sandbox_libraries=libraries)

    async def run() -> None:
        pool = sandbox_pool(settings, policy=not no_policy)
        await pool.start()
        try:
            async for row in run_rows(file_rows(source), pool, concurrency=settings.sandbox_workers):
                print(json.dumps(row), flush=True)
        finally:
            await pool.close()

    asyncio.run(run())


def read(
    source: Annotated[
        Path,
        typer.Option(
            "--input",
            help="JSON Lines file of rows with id, kind and text, or - for standard input.",
            show_default=False,
        ),
    ],
    libraries: Libraries = None,
    config: Config = None,
) -> None:
    """Show which answer is read in each output of a model. No model is started.

    A row has an id, a kind (cot or pot), a text, and complete if the text was
    cut off. A row of kind equal has answers, which are compared.
    """
    from service.cli.read import read_and_print

    asyncio.run(read_and_print(load_settings(config, sandbox_libraries=libraries), source))
