"""Commands `twinpath model pull`, `model list` and `model info`."""

from typing import Annotated

import typer

from service.cli.options import Config, Prompt, Revision, count_option
from service.settings import load_settings

HubName = Annotated[
    str | None, typer.Argument(help="Hugging Face name. Default: the bundled model.", show_default=False)
]
Name = Annotated[
    str | None,
    typer.Argument(help="Model directory or Hugging Face name. Default: the bundled model.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def pull(name: HubName = None, revision: Revision = None, config: Config = None) -> None:
    """Download a model, or build the bundled one. The same command resumes an interrupted download."""
    from service.cli import models

    models.pull(load_settings(config, model=name, revision=revision))


def list_models(config: Config = None, as_json: AsJson = False) -> None:
    """List the models on this machine: built ones, and those in the cache of Hugging Face."""
    from service.cli import models

    models.show_list(load_settings(config), as_json=as_json)


def info(
    name: Name = None,
    config: Config = None,
    model: Annotated[str | None, typer.Option("--model", "--name", hidden=True)] = None,
    revision: Revision = None,
    prompt: Prompt = None,
    base: Annotated[
        bool, typer.Option("--base", help="Use the base model from which the bundled model is built.")
    ] = False,
    tokens: Annotated[
        int | None, count_option("Tokens of each path, with its prompt. Default: the setting max_model_len.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the size, memory, prompt style and confidence of a model, and the paths that fit on a GPU.

    The weights of a model on the Hugging Face hub are not downloaded. The bundled model is built if it is not on
    this machine. Through a pipe, the command prints one line with tabs: name, prompt style, directory and prompt.
    """
    from service.cli import models

    models.show_info(
        load_settings(config, model=name or model, revision=revision, prompt=prompt),
        base=base,
        tokens=tokens,
        as_json=as_json,
    )
