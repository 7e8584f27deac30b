"""Checkpoints: find the model directory, and say what is in it.

A checkpoint is a Hugging Face model directory; what Twinpath distilled has a `twinpath.json` in it. `embedded.py`
builds the one that is served when none is named.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service import embedded
from service.calibration import Calibration
from service.embedded import Progress
from service.errors import CheckpointError
from service.paths.base import FORMAT_VERSION

METADATA_FILE = "twinpath.json"


class Decoding(BaseModel):
    """How a checkpoint decodes best, found on held-out problems."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(default=0.7, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)


class Metadata(BaseModel):
    """The part of `twinpath.json` that serving reads; training writes more (data hashes, seed, accuracies)."""

    model_config = ConfigDict(frozen=True, extra="allow")

    format_version: int
    base_model: str
    decoding: Decoding = Decoding()
    calibration: Calibration = Calibration()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model directory that can be served.

    Args:
        path: the directory.
        name: the name that is reported.
        metadata: what `twinpath.json` says; None for a stock model.
        bos: the beginning-of-sequence token as text, empty where there is none.
        style: how the model is asked: `v1` for a distilled student, `chat` for an instruct model, `fewshot` for a
            base model.
        special_tokens: the tokenizer's special tokens as text.
    """

    path: Path
    name: str
    metadata: Metadata | None
    bos: str
    style: Literal["v1", "chat", "fewshot"]
    special_tokens: frozenset[str] = frozenset()

    @property
    def decoding(self) -> Decoding:
        """How to decode unless a request says otherwise."""
        return self.metadata.decoding if self.metadata else Decoding()

    @property
    def calibration(self) -> Calibration:
        """What its votes are worth."""
        return self.metadata.calibration if self.metadata else Calibration()


def find(
    model: str | None, cache_dir: Path, progress: Progress = lambda what, share: None, *, weights: bool = True
) -> Checkpoint:
    """The checkpoint that `model` names.

    Args:
        model: a directory, a Hugging Face name, or None for the embedded default.
        cache_dir: where built models are kept.
        progress: told how a first build goes on.
        weights: False where others serve the model: only what describes it is downloaded.

    Raises:
        CheckpointError: it is missing, damaged, or of another format version.
    """
    if model is None:
        return describe(*embedded.build(cache_dir, embedded.bundled(), progress))
    path = model_directory(model, weights=weights)
    return describe(path, path.name if Path(model).is_dir() else model)


def describe(path: Path, name: str) -> Checkpoint:
    """Read what a model directory says about itself.

    Raises:
        CheckpointError: no model is there, or its `twinpath.json` is wrong or of another format version.
    """
    if not (path / "config.json").is_file():
        raise CheckpointError(f"{path} holds no config.json; --model takes a Hugging Face model directory or name.")
    metadata = _read_metadata(path / METADATA_FILE)
    tokenizer = _read_json(path / "tokenizer_config.json")
    bos = tokenizer.get("bos_token") or ""
    bos = bos["content"] if isinstance(bos, dict) else bos
    has_template = bool(tokenizer.get("chat_template")) or (path / "chat_template.jinja").is_file()
    style: Literal["v1", "chat", "fewshot"] = "v1" if metadata else "chat" if has_template else "fewshot"
    return Checkpoint(path, name, metadata, bos, style, _special_tokens(path, tokenizer))


_DESCRIPTION = ("*.json", "*.model", "*.jinja", "*.txt")


def model_directory(model: str, *, weights: bool = True) -> Path:
    """A model's directory: `model` itself, or the local snapshot of what has that name at Hugging Face.

    Raises:
        CheckpointError: it is neither, cannot be downloaded, or has no weights as safetensors.
    """
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        path = Path(snapshot_download(model, allow_patterns=[*_DESCRIPTION, *["*.safetensors"] * weights]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        why = " ".join(str(error).split())
        raise CheckpointError(f"{model!r} is no model directory, and cannot be downloaded: {why}") from None
    if weights and not any(path.glob("*.safetensors")):
        raise CheckpointError(
            f"{model!r} has no *.safetensors, and other weights are not downloaded; give a directory that holds them"
        )
    return path


def _special_tokens(path: Path, settings: dict[str, Any]) -> frozenset[str]:
    """What the tokenizer's files say is special, as they say it: by their names, in a list, or in the tokenizer."""
    named = [token for name, token in settings.items() if name.endswith("_token")]
    listed = [*(settings.get("added_tokens_decoder") or {}).values()]
    listed += _read_json(path / "tokenizer.json").get("added_tokens") or []
    found = [token["content"] if isinstance(token, dict) else token for token in named]
    found += [token["content"] for token in listed if token.get("special")]
    return frozenset(token for token in found if isinstance(token, str) and token.strip())


def _read_metadata(path: Path) -> Metadata | None:
    if not path.is_file():
        return None
    try:
        metadata = Metadata.model_validate_json(path.read_bytes())
    except ValidationError as error:
        wrong = "; ".join(": ".join([*(str(part) for part in e["loc"]), e["msg"]]) for e in error.errors())
        raise CheckpointError(f"{path} is wrong: {wrong}") from None
    if metadata.format_version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} is of format version {metadata.format_version}; this service speaks version {FORMAT_VERSION}. "
            "Export the checkpoint anew, or install the Twinpath release that trained it."
        )
    return metadata


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise CheckpointError(f"{path} is no JSON: {error}") from None
    return content if isinstance(content, dict) else {}
