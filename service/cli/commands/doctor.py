"""Command `twinpath doctor`."""

import json
from typing import Annotated

import typer

from service.cli.options import Config, EngineName, Model
from service.settings import load_settings


def doctor(
    config: Config = None,
    model: Model = None,
    engine: EngineName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check that this machine can serve: engine, GPU, memory, compiler, sandbox, model, settings, disks, hub and port.

    It takes a few seconds, loads no model, and works without a network. The exit
    code is 1 if something that `twinpath serve` needs is missing.
    """
    from rich.console import Console

    from service.cli.doctor.facts import gather
    from service.cli.doctor.findings import findings
    from service.cli.doctor.report import document, fits, screen
    from service.cli.doctor.status import Status
    from service.engine.build import provide_home

    settings = load_settings(config, model=model, engine=engine)
    provide_home(settings.cache_dir)
    facts = gather(settings)
    found, fitting = findings(facts), fits(facts)
    if as_json:
        print(json.dumps(document(found, fitting), indent=1))
    else:
        console = Console(highlight=False)
        console.print(screen(found, fitting, facts, console))
    raise typer.Exit(int(any(finding.status is Status.FAILED for finding in found)))
