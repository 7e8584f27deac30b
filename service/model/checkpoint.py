"""Checkpoints: find the model directory, and say what is in it.

A checkpoint is a Hugging Face model directory; what Twinpath distilled has a `twinpath.json` in it. `embedded.py`
builds the one that is served when none is named.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from service.errors import CheckpointError
from service.model import bundled
from service.model.bundled import Progress
from service.model.metadata import CheckpointMetadata, Decoding, read_metadata
from service.solve.calibration import Calibration


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
    metadata: CheckpointMetadata | None
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
        return describe(*bundled.build(cache_dir, bundled.bundled(), progress))
    path = model_directory(model, weights=weights)
    return describe(path, path.name if Path(model).is_dir() else model)


def describe(path: Path, name: str) -> Checkpoint:
    """Read what a model directory says about itself.

    Raises:
        CheckpointError: no model is there, or its `twinpath.json` is wrong or of another format version.
    """
    if not (path / "config.json").is_file():
        raise CheckpointError(f"{path} holds no config.json; --model takes a Hugging Face model directory or name.")
    metadata = read_metadata(path)
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


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise CheckpointError(f"{path} is no JSON: {error}") from None
    return content if isinstance(content, dict) else {}
