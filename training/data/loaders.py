"""Loaders of problems: JSON Lines files, and public sets as `hf:NAME`.

A public set is read from `data/public/`, where `twinpath train data` writes it, else from the Hugging Face hub.
"""

from pathlib import Path

from training.data.problem import Problem, read_problems
from training.data.public.hub import from_hub
from training.data.public.sets import PUBLIC_SETS, public_set
from training.data.public.write import PUBLIC
from training.recipe import SCRIPTED
from training.rehearsal import script

HUB_PREFIX = "hf:"


def problems(source: str) -> list[Problem]:
    """Problems of a file, of `hf:NAME` or of `scripted:COUNT`.

    Raises:
        ConfigurationError: the file cannot be read, or the set is unknown or out of reach.
    """
    if source.startswith(SCRIPTED):
        texts = script.problems(int(source.removeprefix(SCRIPTED)))
        return [Problem(f"scripted/{i}", question, answer) for i, (question, answer) in enumerate(texts)]
    path = local_file(source)
    return from_hub(public_set(source.removeprefix(HUB_PREFIX))) if path is None else read_problems(path)


def local_file(source: str) -> Path | None:
    """File of a source's problems. None for a public set that is not in `data/public/`.

    Raises:
        ConfigurationError: the set is unknown.
    """
    if not source.startswith(HUB_PREFIX):
        return Path(source)
    known = public_set(source.removeprefix(HUB_PREFIX))
    path = PUBLIC / known.name / f"{known.main_split}.jsonl"
    return path if path.is_file() else None


def is_at_hand(source: str) -> bool:
    """Whether a file holds the problems of a source, so that they can be read without a network.

    Raises:
        ConfigurationError: the set is unknown.
    """
    path = local_file(source)
    return path is not None and path.is_file()


def advice(path: str) -> str:
    """Advice for a file that does not exist."""
    *_, directory, name, file = ("", "", "", *Path(path).parts)
    if directory != PUBLIC.name or name not in PUBLIC_SETS:
        return "paths in a recipe are relative to the current directory"
    command = f"twinpath train data {name}{' --rationales' * file.startswith('rationales-')}"
    return f"`{command}` writes it, without a network from copies of the original files: `{command} --from DIR`"
