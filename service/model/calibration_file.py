"""Calibration that `twinpath calibrate` wrote, and the model for which it was made."""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from service.errors import ConfigurationError
from service.model.json_file import read_json_file
from service.model.metadata import METADATA_FILE, Decoding
from service.model.safetensors_file import weight_files
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
"""Files that describe a model and its tokenizer."""
_OTHER_WEIGHTS = ("*model*.bin", "*.pth", "*.gguf")  # without training_args.bin and optimizer.pt
_WHOLE_BYTES = 16 * 1024**2
_BLOCK_BYTES = 4096
_STEP_BYTES = 1024**2
_MAX_BLOCKS = 2048  # of each file, so that a model of 140 GB takes seconds
_HASHED = {
    "files": "other files of the model: config.json, the tokenizer or twinpath.json differ",
    "weights": "other weights of the model",
    "wording": "another wording of the prompt",
}
"""Differences that have no values for a reader."""


class MadeFor(BaseModel):
    """Model, prompt and decoding for which a calibration was made.

    Args:
        model: name of the model. It is compared only where the weights cannot be.
        files: SHA-256 of the files of the model without its weights. Empty for a model without files.
        weights: digest of its weights, from `weights_digest`. Empty if they are on a remote worker.
        dtype: setting of the data type. It is compared together with the weights.
        quantization: setting of the quantization, likewise.
        prompt: name of the prompts.
        wording: SHA-256 of the wording of the prompts.
        thinking: whether the model thinks before its answers.
        thinking_tokens: maximum number of tokens of a thought. None for no limit.
        decoding: decoding parameters.
        max_tokens: maximum number of completion tokens per path.
        cot: number of chain-of-thought paths. The calibration holds for other numbers too.
        pot: number of program-of-thought paths, likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    files: str
    weights: str
    dtype: str = "auto"
    quantization: str | None = None
    prompt: str
    wording: str
    thinking: bool = False
    thinking_tokens: int | None = None
    decoding: Decoding
    max_tokens: int
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
    if not (was.weights and now.weights):
        after |= {name: before[name] for name in ("weights", "dtype", "quantization")}  # nothing to compare with
    if has_same_files(was, now):
        after["model"] = was.model  # the same model under another name, such as that of a copied directory
    after["max_tokens"] = min(was.max_tokens, now.max_tokens)  # a larger one cuts no more paths off
    name = next((name for name in after if before[name] != after[name]), None)
    if name:
        difference = _HASHED.get(name) or f"`{name}` {before[name]}, and it is {after[name]} now"
        raise ConfigurationError(
            f"The calibration {directory} was made for {difference}. Run `twinpath calibrate` again, or leave out "
            "--calibration."
        )


def has_same_files(was: MadeFor, now: MadeFor) -> bool:
    """Whether both models have the same files, their weights among them. False if one has none."""
    return bool(was.weights) and (was.files, was.weights) == (now.files, now.weights)


def files_digest(*directories: Path) -> str:
    """SHA-256 of the files that describe a model, its tokenizer and its adapter. Empty without a directory."""
    digest = hashlib.sha256()
    for path in (path for directory in directories for path in _described(directory)):
        digest.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest() if directories else ""


def weights_digest(*directories: Path) -> str:
    """SHA-256 of the names and sizes of a model's weights, and of blocks of each file. Empty without weights.

    A file of up to 16 MiB is read whole, and of a larger one 4 KiB of each MiB. Above 2 GiB, the blocks are farther
    apart. A change of a few small tensors can be missed.

    Raises:
        CheckpointError: the index of the weights is damaged.
    """
    digest, files = hashlib.sha256(), [file for directory in directories for file in _weights(directory)]
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb", buffering=0) as file:
            for begin, length in _blocks(size):
                file.seek(begin)
                digest.update(file.read(length))
    return digest.hexdigest() if files else ""


def wording_digest(path_format: PathFormat) -> str:
    """SHA-256 of the wording of the prompts."""
    return hashlib.sha256(path_format.wording.encode(errors="surrogatepass")).hexdigest()


def _described(directory: Path) -> list[Path]:
    found = {path for pattern in _MODEL_FILES for path in directory.glob(pattern) if path.is_file()}
    return sorted(found)


def _weights(directory: Path) -> list[Path]:
    """Files of a model's weights: safetensors, or those of the first other format that it has."""
    names = weight_files(directory, sorted(path.name for path in directory.glob("*.safetensors")))
    others = (sorted(directory.glob(pattern)) for pattern in _OTHER_WEIGHTS)
    found = [directory / name for name in names] or next(filter(None, others), [])
    return [path for path in found if path.is_file()]


def _blocks(size: int) -> list[tuple[int, int]]:
    """Begin and length of the blocks of a file that count, in bytes."""
    if size <= _WHOLE_BYTES:
        return [(0, size)]
    begins = [*range(0, size - _BLOCK_BYTES, max(_STEP_BYTES, size // _MAX_BLOCKS)), size - _BLOCK_BYTES]
    return [(begin, _BLOCK_BYTES) for begin in begins]


def _values(made_for: MadeFor) -> dict[str, object]:
    """Values by name, those of the decoding among them. The confidence map does not depend on the planned paths."""
    values = {name: value for name, value in made_for if name not in ("decoding", "cot", "pot")}
    values["thinking"] = "on" if made_for.thinking else "off"
    values["quantization"] = made_for.quantization or "none"
    values["thinking_tokens"] = "no limit" if made_for.thinking_tokens is None else made_for.thinking_tokens
    return values | dict(made_for.decoding)
