"""Calibration that `twinpath calibrate` wrote, and the model for which it was made."""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from service.errors import ConfigurationError
from service.model.json_file import read_json_file
from service.model.metadata import METADATA_FILE, Decoding
from service.paths.base import PathFormat
from service.solve.calibration import Calibration

CALIBRATION_FILE = "calibration.json"

_MODEL_FILES = (
    "config.json",
    "adapter_config.json",
    "*token*",
    "vocab*",
    "merges.txt",
    "chat_template*",
    METADATA_FILE,
)
"""Files that describe a model and its tokenizer. Weights are too large to read."""
_NAMES = {"cot": "cot_paths", "pot": "pot_paths"}
_HASHED = {
    "files": "other files of the model: config.json, the tokenizer or twinpath.json differ",
    "wording": "another wording of the prompt",
}
"""Differences that have no values for a reader."""


class MadeFor(BaseModel):
    """Model, prompt and decoding for which a calibration was made.

    Args:
        model: name of the model.
        files: SHA-256 of the files of the model without its weights. Empty for a model without files.
        prompt: name of the prompts.
        wording: SHA-256 of the wording of the prompts.
        thinking: whether the model thinks before its answers.
        thinking_tokens: maximum number of tokens of a thought. None for no limit.
        decoding: decoding parameters.
        cot: maximum number of chain-of-thought paths.
        pot: maximum number of program-of-thought paths.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    files: str
    prompt: str
    wording: str
    thinking: bool = False
    thinking_tokens: int | None = None
    decoding: Decoding
    cot: int
    pot: int


class ModelCalibration(BaseModel):
    """Content of `calibration.json` that a service uses. The file has figures too.

    Args:
        version: version of the file.
        made_for: model, prompt and decoding.
        calibration: threshold, confidence map and shifts.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal[1] = 1
    made_for: MadeFor
    calibration: Calibration


def read_calibration(directory: Path) -> ModelCalibration:
    """Read the calibration in a directory.

    Raises:
        ConfigurationError: the directory has no calibration, or it is invalid.
    """
    if directory.is_file():
        raise ConfigurationError(
            f"{directory} is a file; --calibration must be the directory that `twinpath calibrate` wrote."
        )
    found = read_json_file(directory / CALIBRATION_FILE, ModelCalibration)
    if found is None:
        raise ConfigurationError(
            f"{directory} has no {CALIBRATION_FILE}; --calibration must be a directory that `twinpath calibrate` wrote."
        )
    return found


def check_made_for(directory: Path, was: MadeFor, now: MadeFor) -> None:
    """Refuse a calibration that was made for something else.

    Args:
        directory: directory of the calibration.
        was: model, prompt and decoding of the calibration.
        now: those of the service.

    Raises:
        ConfigurationError: they differ. The message has the first difference.
    """
    before, after = _values(was), _values(now)
    name = next((name for name in after if before.get(name) != after[name]), None)
    if name:
        setting = _NAMES.get(name, name)
        difference = _HASHED.get(name) or f"`{setting}` {before.get(name)}, and it is {after[name]} now"
        raise ConfigurationError(
            f"The calibration {directory} was made for {difference}. Run `twinpath calibrate` again, or leave out "
            "--calibration."
        )


def files_digest(*directories: Path) -> str:
    """SHA-256 of the files that describe a model, its tokenizer and its adapter. Empty without a directory."""
    digest = hashlib.sha256()
    for path in (path for directory in directories for path in _described(directory)):
        digest.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest() if directories else ""


def wording_digest(path_format: PathFormat) -> str:
    """SHA-256 of the wording of the prompts."""
    return hashlib.sha256(path_format.wording.encode(errors="surrogatepass")).hexdigest()


def _described(directory: Path) -> list[Path]:
    found = {path for pattern in _MODEL_FILES for path in directory.glob(pattern) if path.is_file()}
    return sorted(found)


def _values(made_for: MadeFor) -> dict[str, object]:
    """Values by name, those of the decoding among them."""
    return {name: value for name, value in made_for if name != "decoding"} | dict(made_for.decoding)
