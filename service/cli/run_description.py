"""Description of a run: everything on which its results depend."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from service import __version__
from service.credentials import without_password
from service.model.adapter import named_directory
from service.model.calibration_file import CALIBRATION_FILE
from service.settings import Settings

Run = dict[str, JsonValue]
"""Everything on which the results of a run depend, by its name."""

_SETTINGS = (
    "engine", "model", "adapters", "revision", "prompt", "dtype", "quantization", "max_model_len",
    "tensor_parallel_size", "engine_options", "worker_urls", "worker_model", "fake_script", "temperature", "top_p",
    "top_k", "min_p", "repetition_penalty", "max_tokens", "thinking", "thinking_tokens", "deadline_s",
    "sandbox_timeout_s", "sandbox_memory_mib", "sandbox_libraries", "calibration",
)  # fmt: skip
"""Settings that change responses of an engine in this process."""


def run_of(settings: Settings, choices: Mapping[str, object], *, url: str | None, seed: int | None) -> Run:
    """Description of a run.

    Args:
        settings: settings of the engine. They count only without `url`.
        choices: further choices of the command, by their names.
        url: running service. None means an engine in this process.
        seed: seed of the run.
    """
    described, url = settings.model_dump(mode="json"), url and without_password(url)
    described["worker_urls"] = [without_password(url) for url in settings.worker_urls]
    local = {name: described[name] for name in _SETTINGS} | {
        "model_files": _files(settings.model),
        "adapter_files": [_files(str(named_directory(text)[1])) for text in settings.adapters],
        "script": _content(settings.fake_script),
        "calibration_file": _content(settings.calibration and settings.calibration / CALIBRATION_FILE),
        "prompt_file": _content(None if settings.prompt is None else Path(settings.prompt)),
    }
    run = {"twinpath": __version__, **choices, "url": url, "seed": seed, **({} if url else local)}
    return {name: to_jsonable_python(value) for name, value in run.items()}


def digest(value: object) -> str:
    """Hash of a value, or of the models in it."""
    return hashlib.sha256(json.dumps(to_jsonable_python(value), sort_keys=True).encode()).hexdigest()


def _files(model: str | None) -> str | None:
    """Hash of names, sizes and times of the files of a model directory, or None for another model."""
    if model is None or not Path(model).is_dir():
        return None
    files = sorted(path for path in Path(model).iterdir() if path.is_file())
    return digest([(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files])


def _content(path: Path | None) -> str | None:
    """Hash of a file, or None without a readable one."""
    if path is None or not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()
