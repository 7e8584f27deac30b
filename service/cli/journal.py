"""Journal of an evaluation: its responses on disk, for a resume."""

import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from service.cli.line_file import LineFile
from service.cli.run_description import Run
from service.errors import ConfigurationError
from service.evaluation.evaluate import Solve, Stage
from service.schemas import SolveRequest, SolveResponse


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


class Responses(LineFile):
    """Responses of one run on disk, one JSON object per line after a header.

    Args:
        path: the file. It is created if it is missing, and continued if it belongs to the same run.
        run: description of the run.

    Raises:
        ConfigurationError: the file holds something else or another run, or another process writes it.
    """

    def __init__(self, path: Path, run: Run) -> None:
        super().__init__(path)
        self.earlier = dict.fromkeys(Stage, 0)
        self.earlier_s = dict.fromkeys(Stage, 0.0)
        self._run = run
        self._responses: dict[str, SolveResponse] = {}
        self._model: str | None = None
        self._began = time.monotonic()
        try:
            self._open()
        except BaseException:
            self.close()
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
            self.append(entry.model_dump_json().encode() + b"\n")
            return response

        return solve_once

    def holds(self, request: SolveRequest) -> bool:
        """Whether a request has a recorded response."""
        return _key(request) in self._responses

    def _open(self) -> None:
        """Read the responses that exist, and remove a partial last line. Write the header of a new file."""
        header = _Header(run=self._run).model_dump_json().encode() + b"\n"
        first = next((line for _, line in self.lines()), b"")
        if not first.endswith(b"\n") and not header.startswith(first):
            self._read(1, first)
        self.repair(self._read)
        if not first.endswith(b"\n"):
            self.append(header)

    def _read(self, number: int, line: bytes) -> bool:
        try:
            if number == 1:
                self._check(_Header.model_validate_json(line).run)
                return True
            entry = _Entry.model_validate_json(line)
        except ValidationError:
            raise ConfigurationError(
                f"{self.path}, line {number}: not a line of a journal. Delete the file, or choose another one."
            ) from None
        self._keep(entry)
        self.earlier[entry.stage] += 1
        self.earlier_s[entry.stage] = entry.elapsed_s
        return True

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
