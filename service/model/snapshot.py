"""Models in the cache of Hugging Face, and errors of its hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.errors import CheckpointError, TwinpathError
from service.model.safetensors_file import missing_weights

_ALL_BUT_WEIGHTS = ("*.json", "*.model", "*.jinja", "*.txt")
_PATH_PREFIXES = ("/", ".", "~")


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

    @property
    def patterns(self) -> list[str]:
        """Patterns of the names of the files, without the weights."""
        return [*_ALL_BUT_WEIGHTS, *["*.py"] * self.has_code]


MAIN = Download()
"""Download of the main branch into Hugging Face's own cache."""


def cached_snapshot(model: str, download: Download, *, weights: bool, listed: bool = False) -> Path | None:
    """Directory of a model in the cache. None if files of it are missing. The hub is not asked.

    Other programs fetch the files of a model one by one. Then only the hub has the list of all.

    Args:
        model: Hugging Face name.
        download: parameters of the download that put it there.
        weights: whether the weights must be there.
        listed: whether the list of the files must be there. Without it, only the configuration must be.

    Raises:
        CheckpointError: the index of the weights is damaged.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        path = Path(
            snapshot_download(
                model,
                revision=download.revision,
                cache_dir=download.directory,
                allow_patterns=download.patterns,
                local_files_only=True,
            )
        )
    except (OSError, HFValidationError):  # not there, or not complete
        return None
    is_usable = (path / "config.json").is_file() and not (weights and missing_weights(path))
    return path if is_usable and (not listed or is_listed(model, download)) else None


def is_listed(model: str, download: Download) -> bool:
    """Whether the cache has the list of a model's files, so that `cached_snapshot` finds whether one is missing.

    Args:
        model: Hugging Face name.
        download: parameters of the download that put it there.
    """
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    try:
        get_cached_repo_tree(model, revision=download.revision, cache_dir=download.directory)
    except (OSError, CachedRepoTreeNotFoundError):
        return False
    return True


def check_revision(model: str | None, revision: str | None) -> None:
    """Check that a model of the settings has revisions.

    Args:
        model: directory, Hugging Face name, or None for the bundled model.
        revision: branch, tag or commit. None is the main branch.

    Raises:
        CheckpointError: it has none, because it is not on the hub.
    """
    if revision and (model is None or local_path(model).is_dir()):
        own = "the bundled model has none" if model is None else f"{model} is a directory"
        raise CheckpointError(f"`revision` needs a Hugging Face name in --model; {own}.")


def check_hub_name(model: str) -> None:
    """Check that a text that is not a directory may be a name on the Hugging Face hub.

    Raises:
        CheckpointError: it is a file, or a path.
    """
    if local_path(model).is_file():
        raise CheckpointError(f"{model} is a file; --model must be a Hugging Face model directory or name.")
    if model.startswith(_PATH_PREFIXES) or model.count("/") > 1:  # a name has one slash at most
        raise CheckpointError(f"{model}: no such directory; --model must be a Hugging Face model directory or name.")


def local_path(model: str) -> Path:
    """Path of a model directory, if the model is one. A leading `~` is the home directory.

    Raises:
        CheckpointError: the home directory is not known.
    """
    try:
        return Path(model).expanduser()
    except RuntimeError:
        raise CheckpointError(f"The home directory of --model {model} is not known; write the whole path.") from None


@contextmanager
def download_errors(model: str) -> Iterator[None]:
    """Turn exceptions of a download from the Hugging Face hub into one line.

    Raises:
        CheckpointError: the model cannot be downloaded.
    """
    from huggingface_hub import errors

    try:
        yield
    except TwinpathError:
        raise
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        raise out_of_reach(model) from None
    except errors.GatedRepoError:
        reason = "access is restricted; accept its licence on Hugging Face and set HF_TOKEN"
        raise not_downloaded(model, reason) from None
    except errors.RepositoryNotFoundError:
        reason = "the Hugging Face hub has no such model; check the name, or set HF_TOKEN if it is private"
        raise not_downloaded(model, reason) from None
    except errors.RevisionNotFoundError:
        raise not_downloaded(model, "the model has no such revision; check --revision") from None
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
        raise not_downloaded(model, " ".join(str(error).split())) from None
    except Exception as error:  # of several versions of httpx; they quote a token or a password of a proxy variable
        reason = f"{type(error).__name__}; check HF_TOKEN, HF_ENDPOINT and the proxy variables"
        raise not_downloaded(model, reason) from None


def out_of_reach(model: str) -> CheckpointError:
    """Error of a model that needs the hub, which does not answer."""
    reason = "the Hugging Face hub is out of reach and its cache has no copy; connect, or give a directory"
    return not_downloaded(model, reason)


def not_downloaded(model: str, reason: str) -> CheckpointError:
    """Error of a model that cannot be downloaded."""
    return CheckpointError(f"{model} cannot be downloaded: {reason}")
