"""Journal of an evaluation: every response on disk, so that a killed run resumes."""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from service import __version__
from service.cli.backend import Solve
from service.cli.results_file import append_line, open_locked
from service.errors import ConfigurationError
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
    """Response of one request. `elapsed_s` is the time of all sessions up to it."""

    model_config = ConfigDict(extra="forbid")

    request: SolveRequest
    elapsed_s: float
    response: SolveResponse


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
        self._responses: dict[str, SolveResponse] = {}
        self._model: str | None = None
        self._elapsed_s = self._vote_s = 0.0
        self._started: float | None = None
        self._file = open_locked(path)
        try:
            self._read(run)
        except BaseException:
            self._file.close()
            raise
        self.earlier, self.earlier_vote_s = len(self._responses), self._vote_s

    def over(self, solve: Solve) -> Solve:
        """Solve function that records each response, and that answers recorded requests from the journal."""

        async def solve_once(request: SolveRequest) -> SolveResponse:
            key = _key(request)
            if key not in self._responses:
                if self._started is None:
                    self._started = time.monotonic()
                self._record(request, await solve(request))
            return self._responses[key]

        return solve_once

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def _record(self, request: SolveRequest, response: SolveResponse) -> None:
        self._keep(request, response)
        elapsed_s = self._elapsed_s + time.monotonic() - (self._started or 0.0)
        entry = _Entry(request=request, elapsed_s=round(elapsed_s, 3), response=response)
        append_line(self._file, self.path, entry.model_dump_json(exclude_none=True).encode() + b"\n")

    def _keep(self, request: SolveRequest, response: SolveResponse) -> None:
        self._model = self._model or response.model
        if response.model != self._model:
            raise ConfigurationError(
                f"{self.path} holds responses of the model {self._model}, but the model is {response.model} now. "
                "Delete the file to start again, or choose another one."
            )
        self._responses[_key(request)] = response
