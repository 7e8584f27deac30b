"""Journal of an evaluation: its responses on disk, for a resume."""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from service import __version__
from service.cli.line_file import append_line, open_locked
from service.errors import ConfigurationError
from service.evaluation.evaluate import Solve, Stage
from service.evaluation.problems import LabeledProblem
from service.schemas import SolveRequest, SolveResponse
from service.settings import Settings

Run = dict[str, JsonValue]
"""Everything on which the responses of a run depend, by its name."""

_SETTINGS = (
    "engine", "model", "dtype", "max_model_len", "worker_urls", "worker_model", "fake_script", "temperature",
    "max_tokens", "deadline_s", "sandbox_timeout_s", "sandbox_memory_mib", "sandbox_libraries",
)  # fmt: skip
"""Settings that change responses of an engine in this process."""


def run_of(settings: Settings, problems: Sequence[LabeledProblem], *, url: str | None, seed: int) -> Run:
    """Description of a run, for its journal.

    Args:
        settings: settings of the policy and the paths. Those of the engine count only without `url`.
        problems: all problems, in their order.
        url: running service. None means an engine in this process.
        seed: seed of the evaluation.
    """
    data = json.dumps([(problem.id, problem.text, problem.answer) for problem in problems])
    described = settings.model_dump(mode="json")
    return {
        "twinpath": __version__,
        "data": hashlib.sha256(data.encode()).hexdigest(),
        "url": url,
        "policy": settings.policy.value,
        "cot": settings.cot_paths,
        "pot": settings.pot_paths,
        "seed": seed,
        **({} if url else {name: described[name] for name in _SETTINGS} | {"model_files": _files(settings.model)}),
    }


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid")

    run: Run


class _Entry(BaseModel):
    """Response of one request. `elapsed_s` is the wall-clock time of all sessions up to it."""

    model_config = ConfigDict(extra="forbid")

    request: SolveRequest
    elapsed_s: float
    response: SolveResponse

    @property
    def stage(self) -> Stage:
        """Stage of the request."""
        return Stage.VOTE if self.request.temperature is None else Stage.GREEDY


class Journal:
    """Responses of one run on disk, one JSON object per line after a header. A context manager for one process.

    Each response is one write of one line. A kill leaves at most one partial line, which the next session removes.

    Args:
        path: the file. It is created if it is missing, and continued if it belongs to the same run.
        run: description of the run.

    Raises:
        ConfigurationError: the file holds something else or another run, or another process writes it.
    """

    def __init__(self, path: Path, run: Run) -> None:
        self.path = path
        self.earlier = dict.fromkeys(Stage, 0)
        self.earlier_s = dict.fromkeys(Stage, 0.0)
        self._run = run
        self._responses: dict[str, SolveResponse] = {}
        self._model: str | None = None
        self._began = time.monotonic()
        self._file = open_locked(path)
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def over(self, solve: Solve) -> Solve:
        """Solve function that records each response, and answers recorded requests from the journal."""
        before_s = max(self.earlier_s.values())
        self._began = time.monotonic()

        async def solve_once(request: SolveRequest) -> SolveResponse:
            recorded = self._responses.get(_key(request))
            if recorded is not None:
                return recorded
            response = await solve(request)
            elapsed_s = round(before_s + time.monotonic() - self._began, 3)
            entry = _Entry(request=request, elapsed_s=elapsed_s, response=response)
            self._keep(entry)
            append_line(self._file, self.path, entry.model_dump_json().encode() + b"\n")
            return response

        return solve_once

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def _open(self) -> None:
        """Read the responses that exist, and remove a partial last line. Write the header of a new file."""
        header = _Header(run=self._run).model_dump_json().encode() + b"\n"
        self._file.seek(0)
        size = 0
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n") and (number > 1 or header.startswith(line)):
                break
            size += len(line)
            self._read(number, line)
        self._file.truncate(size)
        if not size:
            append_line(self._file, self.path, header)

    def _read(self, number: int, line: bytes) -> None:
        try:
            if number == 1:
                self._check(_Header.model_validate_json(line).run)
                return
            entry = _Entry.model_validate_json(line)
        except ValidationError:
            raise ConfigurationError(
                f"{self.path}, line {number}: not a line of a journal. Delete the file, or choose another one."
            ) from None
        self._keep(entry)
        self.earlier[entry.stage] += 1
        self.earlier_s[entry.stage] = entry.elapsed_s

    def _check(self, run: Run) -> None:
        """Refuse the journal of another run."""
        changed = [name for name in {**self._run, **run} if self._run.get(name) != run.get(name)]
        if changed:
            name = changed[0]
            was, now = run.get(name), self._run.get(name)
            differs = "the problems differ" if name == "data" else f"{name} was {was} and is {now} now"
            raise ConfigurationError(
                f"{self.path} belongs to another run: {differs}. Delete the file to start again, or choose another one."
            )

    def _keep(self, entry: _Entry) -> None:
        model = entry.response.model
        self._model = self._model or model
        if model != self._model:
            raise ConfigurationError(
                f"{self.path} holds responses of the model {self._model}, and the model is {model} now. "
                "Delete the file to start again, or choose another one."
            )
        self._responses[_key(entry.request)] = entry.response


def _key(request: SolveRequest) -> str:
    return request.model_dump_json()


def _files(model: str | None) -> str | None:
    """Hash of names, sizes and times of the files of a model directory, or None for another model."""
    if model is None or not Path(model).is_dir():
        return None
    files = sorted(path for path in Path(model).iterdir() if path.is_file())
    facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
