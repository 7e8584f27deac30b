"""Finds and reads checkpoints.

A checkpoint is a Hugging Face model directory. A distilled student also has a `twinpath.json`. `bundled.py` builds the
default checkpoint.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from service.errors import CheckpointError
from service.model import bundled
from service.model.bundled import Progress
from service.model.generation_config import read_generation_config
from service.model.json_file import read_json_file
from service.model.metadata import CheckpointMetadata, Decoding, read_metadata
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


@dataclass(frozen=True, slots=True)
class Download:
    """Parameters of a download from Hugging Face.

    Args:
        revision: branch, tag or commit. None is the main branch.
        directory: directory of all downloads. None is Hugging Face's own cache.
        has_code: whether the Python code of the model is downloaded too.
    """

    revision: str | None = None
    directory: Path | None = None
    has_code: bool = False


def find_checkpoint(
    model: str | None,
    cache_dir: Path,
    progress: Progress = lambda what, share: None,
    *,
    weights: bool = True,
    download: Download = Download(),
) -> Checkpoint:
    """Find a checkpoint. Downloads or builds it if needed.

    Args:
        model: directory, Hugging Face name, or None for the bundled model.
        cache_dir: parent directory of built models.
        progress: called while the bundled model is built or verified.
        weights: whether to download the weights. Without them only the other files of the model are downloaded.
        download: parameters of a download.

    Raises:
        CheckpointError: the model is missing, damaged, or of another format version, or it has no revisions.
    """
    if model is None:
        if download.revision:
            raise CheckpointError("`revision` needs a Hugging Face name in --model; the bundled model has none.")
        return read_checkpoint(*bundled.build(cache_dir, bundled.adapter_directory(), progress))
    path = model_directory(model, weights=weights, download=download)
    return read_checkpoint(path, path.resolve().name if local_path(model).is_dir() else model)


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


_ALL_BUT_WEIGHTS = ("*.json", "*.model", "*.jinja", "*.txt")
_PATH_PREFIXES = ("/", ".", "~")


def model_directory(model: str, *, weights: bool = True, download: Download = Download()) -> Path:
    """Directory of a model: `model` itself, or the local snapshot of a Hugging Face model.

    Args:
        model: directory, or Hugging Face name.
        weights: whether to download the weights, as safetensors.
        download: parameters of a download.

    Raises:
        CheckpointError: the directory does not exist, or the model cannot be downloaded or has no safetensors.
    """
    local = local_path(model)
    if local.is_dir():
        if download.revision:
            raise CheckpointError(f"`revision` needs a Hugging Face name in --model; {model} is a directory.")
        return local
    check_hub_name(model)
    from huggingface_hub import snapshot_download

    with download_errors(model):
        path = Path(
            snapshot_download(
                model,
                revision=download.revision,
                cache_dir=download.directory,
                allow_patterns=file_patterns(download, weights=weights),
            )
        )
    if weights and not any(path.glob("*.safetensors")):
        raise CheckpointError(
            f"{model} has no *.safetensors, and other weights are not downloaded; give a directory with the weights."
        )
    return path


def check_hub_name(model: str) -> None:
    """Check that a text that is not a directory may be a name on the Hugging Face hub.

    Raises:
        CheckpointError: it is a file, or a path.
    """
    if local_path(model).is_file():
        raise CheckpointError(f"{model} is a file; --model must be a Hugging Face model directory or name.")
    if model.startswith(_PATH_PREFIXES) or model.count("/") > 1:  # a name has one slash at most
        raise CheckpointError(f"{model}: no such directory; --model must be a Hugging Face model directory or name.")


def file_patterns(download: Download, *, weights: bool) -> list[str]:
    """Patterns of the names of the files that a download has. The arguments are those of `model_directory`."""
    return [*_ALL_BUT_WEIGHTS, *["*.safetensors"] * weights, *["*.py"] * download.has_code]


@contextmanager
def download_errors(model: str) -> Iterator[None]:
    """Turn exceptions of a download from the Hugging Face hub into one line.

    Raises:
        CheckpointError: the model cannot be downloaded.
    """
    from huggingface_hub import errors

    try:
        yield
    except CheckpointError:
        raise
    except errors.LocalEntryNotFoundError:
        reason = "the Hugging Face hub is out of reach and its cache has no copy; connect, or give a directory"
        raise _not_downloaded(model, reason) from None
    except errors.GatedRepoError:
        reason = "access is restricted; accept its licence on Hugging Face and set HF_TOKEN"
        raise _not_downloaded(model, reason) from None
    except errors.RepositoryNotFoundError:
        reason = "the Hugging Face hub has no such model; check the name, or set HF_TOKEN if it is private"
        raise _not_downloaded(model, reason) from None
    except errors.RevisionNotFoundError:
        raise _not_downloaded(model, "the model has no such revision; check --revision") from None
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
        raise _not_downloaded(model, " ".join(str(error).split())) from None
    except Exception as error:  # of several versions of httpx; they quote a token or a password of a proxy variable
        reason = f"{type(error).__name__}; check HF_TOKEN, HF_ENDPOINT and the proxy variables"
        raise _not_downloaded(model, reason) from None


def local_path(model: str) -> Path:
    """Path of a model directory, if the model is one. A leading `~` is the home directory.

    Raises:
        CheckpointError: the home directory is not known.
    """
    try:
        return Path(model).expanduser()
    except RuntimeError:
        raise CheckpointError(f"The home directory of --model {model} is not known; write the whole path.") from None


def _not_downloaded(model: str, reason: str) -> CheckpointError:
    return CheckpointError(f"{model} is not a directory and cannot be downloaded: {reason}")
