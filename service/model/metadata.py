"""Schema of `twinpath.json`, which training writes and the service reads."""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from service.errors import CheckpointError
from service.limits import MAX_REPETITION_PENALTY, MAX_TEMPERATURE
from service.model.json_file import read_json_file
from service.paths.base import FORMAT_VERSION
from service.solve.calibration import Calibration
from service.types import PathKind

METADATA_FILE = "twinpath.json"

CALIBRATED_TOKENS = 320
"""Limit of a calibration that does not state one: the default of the setting `max_tokens`."""

_LEAST_TEMPERATURE = 0.1
_LEAST_TOP_P = 0.1
_MOST_MIN_P = 0.9


class Decoding(BaseModel):
    """Decoding parameters of a checkpoint. The neutral values of the last three are left out of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(default=0.7, ge=0, le=MAX_TEMPERATURE)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0, exclude_if=lambda value: value == 0)
    min_p: float = Field(default=0.0, ge=0, le=1, exclude_if=lambda value: value == 0)
    repetition_penalty: float = Field(default=1.0, gt=0, le=MAX_REPETITION_PENALTY, exclude_if=lambda value: value == 1)

    @property
    def greedy(self) -> str | None:
        """Name of a parameter that makes almost all samples equal, or None."""
        reasons = {
            "temperature": self.temperature < _LEAST_TEMPERATURE,
            "top_p": self.top_p < _LEAST_TOP_P,
            "top_k": self.top_k == 1,
            "min_p": self.min_p > _MOST_MIN_P,
        }
        return next((name for name, is_reason in reasons.items() if is_reason), None)


class CheckpointMetadata(BaseModel):
    """Content of `twinpath.json`. Unknown fields are kept.

    Args:
        format_version: version of the prompt format.
        base_model: name of the base model.
        recipe: name of the recipe that made the checkpoint.
        seed: seed of the training run.
        commit: commit of the code that trained the checkpoint.
        data: SHA-256 of each input of the training run.
        decoding: decoding parameters found on dev problems.
        calibration: threshold and confidence map.
        max_tokens: maximum number of completion tokens per path for which the calibration was made. Absent: 320.
        accuracy: measured accuracies.
        kinds: kinds of rationale that the checkpoint learned. None for both.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    format_version: int
    base_model: str
    recipe: str | None = None
    seed: int | None = None
    commit: str | None = None
    data: dict[str, str] = Field(default_factory=dict)
    decoding: Decoding = Decoding()
    calibration: Calibration = Calibration()
    max_tokens: Annotated[int, Field(ge=1, exclude_if=lambda value: value == CALIBRATED_TOKENS)] = CALIBRATED_TOKENS
    accuracy: dict[str, Any] = Field(default_factory=dict)
    kinds: Annotated[tuple[PathKind, ...], Field(min_length=1)] | None = None

    def write(self, directory: Path) -> None:
        """Write `twinpath.json` into a model directory. Empty fields are left out."""
        content = {name: value for name, value in self.model_dump(mode="json").items() if value not in (None, {})}
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        (directory / METADATA_FILE).write_text(text, encoding="utf-8")


def read_metadata(directory: Path) -> CheckpointMetadata | None:
    """Read `twinpath.json` of a model directory. Returns None if the file does not exist.

    Raises:
        CheckpointError: the file is invalid or has another format version.
    """
    path = directory / METADATA_FILE
    metadata = read_json_file(path, CheckpointMetadata)
    if metadata is not None and metadata.format_version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format version {metadata.format_version}; this service supports version {FORMAT_VERSION}. "
            "Export the checkpoint again, or install the Twinpath release that trained it."
        )
    return metadata
