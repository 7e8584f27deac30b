"""Command `twinpath model info`."""

from typing import Annotated

import typer

from service.cli.options import Config, Model, Prompt
from service.settings import load_settings


def info(
    config: Config = None,
    name: Model = None,
    prompt: Prompt = None,
    base: Annotated[
        bool, typer.Option("--base", help="Use the base model from which the bundled model is built.")
    ] = False,
) -> None:
    """Find, build and verify a model, and print its name, prompt style, directory and prompt."""
    from service.cli.output import build_progress
    from service.components import download_of
    from service.model import bundled
    from service.model.checkpoint import find_checkpoint, read_checkpoint
    from service.model.prompts import prompt_of

    settings = load_settings(config, model=name, prompt=prompt)
    with build_progress() as progress:
        if base:
            checkpoint = read_checkpoint(*bundled.build(settings.cache_dir, None, progress))
        else:
            checkpoint = find_checkpoint(settings.model, settings.cache_dir, progress, download=download_of(settings))
    chosen = prompt_of(checkpoint, settings.prompt)
    print(f"{checkpoint.name}\t{checkpoint.style}\t{checkpoint.path}\t{chosen.name if chosen else '-'}")
