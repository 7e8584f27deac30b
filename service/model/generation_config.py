"""Decoding parameters of `generation_config.json`, the defaults of a stock model."""

import logging
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from service.faults import fault_texts
from service.model.json_file import read_json_file
from service.model.metadata import Decoding

logger = logging.getLogger(__name__)

_FILE = "generation_config.json"


class _GenerationConfig(BaseModel):
    """Content of `generation_config.json`, with fields of any value."""

    model_config = ConfigDict(extra="allow")

    do_sample: Any = None


def read_generation_config(directory: Path) -> Decoding:
    """Decoding parameters that the maker of a model recommends.

    A vote needs different samples. If `do_sample` is false, or if the others leave one likely token, only the
    repetition penalty counts. A value that cannot be used is left out.

    Args:
        directory: model directory.

    Raises:
        CheckpointError: the file is not a JSON object.
    """
    file = directory / _FILE
    config = read_json_file(file, _GenerationConfig) or _GenerationConfig()
    content = {name: value for name, value in (config.model_extra or {}).items() if value is not None}
    if content.get("top_k") == -1:  # another word for all tokens
        del content["top_k"]
    usable: dict[str, Any] = {}
    for name in Decoding.model_fields.keys() & content.keys():
        try:
            usable[name] = getattr(Decoding(**{name: content[name]}), name)
        except ValidationError as error:
            logger.warning("%s: %s; it is left out", file, "; ".join(fault_texts(error, Decoding, "the file")))
    found = Decoding(**usable)
    if config.do_sample is False or found.greedy:
        return Decoding(repetition_penalty=found.repetition_penalty)
    return found
