"""Finds and reads checkpoints.

A checkpoint is a Hugging Face model directory. A distilled student also has a `twinpath.json`. `bundled.py` builds the
default checkpoint.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from service.errors import CheckpointError
from service.model import bundled
from service.model.bundled import Progress
from service.model.generation_config import read_generation_config
from service.model.hub_download import Report, download_model
from service.model.json_file import read_json_file
from service.model.metadata import CheckpointMetadata, Decoding, read_metadata
from service.model.snapshot import MAIN, cached_snapshot, check_hub_name, check_revision, local_path
from service.model.snapshot import Download as Download
from service.model.tokenizer_files import read_tokenizer_settings, special_tokens
from service.solve.calibration import Calibration
from service.types import PathKind

Style = Literal["v1", "chat", "fewshot"]
"""Style of the prompts: `v1` for distilled students, `chat` for instruct models, `fewshot` for base models."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model directory that can be served.

    Args:
        path: model directory.
        name: name of the model in responses.
        metadata: content of `twinpath.json`, or None without the file.
        bos: beginning-of-sequence token as text, empty if the model has none.
        style: style of the prompts.
        special_tokens: special tokens of the tokenizer as text.
        generation: decoding parameters of `generation_config.json`.
    """

    path: Path
    name: str
    metadata: CheckpointMetadata | None
    bos: str
    style: Style
    special_tokens: frozenset[str] = frozenset()
    generation: Decoding = field(default_factory=Decoding)

    @property
    def has_files(self) -> bool:
        """Whether the files of the model are here. Before its build, the bundled model has only its bundle."""
        return (self.path / "config.json").is_file()

    @property
    def decoding(self) -> Decoding:
        """Default decoding parameters: those of a student's `twinpath.json`, or of the model's maker."""
        return self.metadata.decoding if self.metadata else self.generation

    @property
    def calibration(self) -> Calibration:
        """Calibration of the model's votes."""
        return self.metadata.calibration if self.metadata else Calibration()

    @property
    def kinds(self) -> tuple[PathKind, ...]:
        """Kinds of rationale that the model learned."""
        return (self.metadata and self.metadata.kinds) or tuple(PathKind)


def find_checkpoint(
    model: str | None,
    cache_dir: Path,
    progress: Progress = lambda what, share: None,
    *,
    weights: bool = True,
    download: Download = MAIN,
    check: Callable[[Checkpoint], object] = lambda described: None,
) -> Checkpoint:
    """Find a checkpoint. Downloads or builds it if needed.

    Args:
        model: directory, Hugging Face name, or None for the bundled model.
        cache_dir: parent directory of built models.
        progress: called while the weights are downloaded, and while the bundled model is built or verified.
        weights: whether to download the weights. Without them only the other files of the model are downloaded.
        download: parameters of a download.
        check: called with the checkpoint before its weights are downloaded, or before it is built.

    Raises:
        CheckpointError: the model is missing, damaged, or of another format version, or it has no revisions.
    """
    check_revision(model, download.revision)
    if model is None:
        bundle = bundled.adapter_directory()
        if not bundled.directory_of(cache_dir, bundle).is_dir():
            check(bundled_checkpoint())
        return read_checkpoint(*bundled.build(cache_dir, bundle, progress))
    described: dict[Path, Checkpoint] = {}

    def describe(path: Path) -> None:
        described[path] = read_checkpoint(path, model)
        check(described[path])

    def report(done: int, total: int) -> None:
        progress("download", done / total if total else 1.0)

    path = model_directory(model, report, weights=weights, download=download, check=describe)
    return described.get(path) or read_checkpoint(path, path.resolve().name if local_path(model).is_dir() else model)


def bundled_checkpoint() -> Checkpoint:
    """Description of the bundled model before its build.

    Raises:
        CheckpointError: its metadata is invalid.
    """
    bundle = bundled.adapter_directory()
    metadata = read_metadata(bundle) if bundle else None
    return Checkpoint(bundle or Path(), bundled.name_of(bundle), metadata, bos="", style="v1" if bundle else "fewshot")


def read_checkpoint(path: Path, name: str) -> Checkpoint:
    """Read the metadata, the tokenizer settings and the style of a model directory.

    Args:
        path: model directory.
        name: name of the model in responses.

    Raises:
        CheckpointError: the directory has no model, or a file in it is invalid or of another format version.
    """
    if not (path / "config.json").is_file():
        raise CheckpointError(f"{path} has no config.json; --model must be a Hugging Face model directory or name.")
    read_json_file(path / "config.json", _ModelConfig)
    metadata = read_metadata(path)
    tokenizer = read_tokenizer_settings(path)
    has_template = bool(tokenizer.chat_template) or (path / "chat_template.jinja").is_file()
    style: Style = "v1" if metadata else "chat" if has_template else "fewshot"
    generation = Decoding() if metadata else read_generation_config(path)
    return Checkpoint(path, name, metadata, tokenizer.bos, style, special_tokens(path, tokenizer), generation)


class _ModelConfig(BaseModel):
    """Content of `config.json`. The engine reads its fields."""


def model_directory(
    model: str,
    report: Report = lambda done, total: None,
    *,
    weights: bool = True,
    download: Download = MAIN,
    check: Callable[[Path], object] = lambda path: None,
) -> Path:
    """Directory of a model: `model` itself, or the local snapshot of a Hugging Face model.

    The hub is asked only for a model that is not in the cache with the list of its files. `download_model` updates one
    that is.

    Args:
        model: directory, or Hugging Face name.
        report: called as the weights arrive.
        weights: whether to download the weights, as safetensors.
        download: parameters of a download.
        check: called before the download of the weights, as for `download_model`.

    Raises:
        CheckpointError: the directory does not exist, or the model cannot be downloaded or has no safetensors.
    """
    local = local_path(model)
    if local.is_dir():
        check_revision(model, download.revision)
        return local
    check_hub_name(model)
    cached = cached_snapshot(model, download, weights=weights, listed=True)
    return cached or download_model(model, download, report, weights=weights, check=check)
