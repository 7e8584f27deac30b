"""Decoding parameters of `generation_config.json`, the defaults of a stock model."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.model.json_file import read_json_file
from service.model.metadata import Decoding


class _GenerationConfig(BaseModel):
    """Fields in use of `generation_config.json`."""

    model_config = ConfigDict(allow_inf_nan=False)

    do_sample: bool | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=-1)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repetition_penalty: float | None = Field(default=None, gt=0, le=2)


def read_generation_config(directory: Path) -> Decoding:
    """Decoding parameters that the maker of a model recommends.

    A vote needs different samples. So a temperature of 0, or none, takes Twinpath's default. Without `do_sample`, only
    the repetition penalty counts.

    Args:
        directory: model directory.

    Raises:
        CheckpointError: the file is invalid.
    """
    config = read_json_file(directory / "generation_config.json", _GenerationConfig) or _GenerationConfig()
    known: dict[str, Any] = {name: getattr(config, name) for name in Decoding.model_fields}
    given = {name: value for name, value in known.items() if value is not None}
    if config.do_sample is False:
        given = {name: value for name, value in given.items() if name == "repetition_penalty"}
    if not given.get("temperature"):
        given.pop("temperature", None)
    if given.get("top_k", 0) < 0:  # another word for all tokens
        del given["top_k"]
    return Decoding(**given)
