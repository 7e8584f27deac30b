"""Sampler on `twinpath serve`.

Engine, prompts, parsers, sandbox and token counts are the service's own. The policy is `fixed`, so every path is
finished.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from service.errors import EngineError
from service.evaluation.calibration.samples import SampledPath
from service.types import PathKind

START_S = 600.0
CONCURRENCY = 4


class ServedStudent:
    """Sampler and context manager. The service runs at `url` while the context is open.

    Args:
        model: directory of the exported checkpoint.
        max_tokens: maximum number of completion tokens per path.
        log: file for the service's output.
    """

    group = 16

    def __init__(self, model: Path, max_tokens: int, log: Path) -> None:
        self._model = model
        self._max_tokens = max_tokens
        self._log = log
        self.url = ""
        self._service: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ServedStudent":
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        program = [sys.executable, "-c", "from service.cli.main import main; main()"]
        with self._log.open("wb") as log:
            self._service = subprocess.Popen(  # noqa: S603 — the installed command
                [*program, "serve", "--host", "127.0.0.1", "--port", str(port), "--model", str(self._model)],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._service is not None:
            self._service.terminate()
            try:
                self._service.wait(30)
            except subprocess.TimeoutExpired:
                self._service.kill()
                self._service.wait()

    def sample(
        self, questions: Sequence[str], *, paths: Mapping[PathKind, int], temperature: float, seed: int
    ) -> list[list[SampledPath]]:
        """See `Sampler.sample`."""
        return asyncio.run(self._sample(questions, paths, temperature, seed))

    async def _sample(
        self, questions: Sequence[str], paths: Mapping[PathKind, int], temperature: float, seed: int
    ) -> list[list[SampledPath]]:
        slots = asyncio.Semaphore(CONCURRENCY)

        async def ask(client: httpx.AsyncClient, question: str, number: int, greedy: bool) -> list[SampledPath]:
            counts = {kind.value: min(n, 1) if greedy else n for kind, n in paths.items()}
            if not any(counts.values()):
                return []
            body = {
                "problem": question,
                "paths": {"cot": 0, "pot": 0} | counts,
                "policy": "fixed",
                "temperature": 0.0 if greedy else temperature,
                "max_tokens": self._max_tokens,
                "seed": seed + number,
                "deadline_s": 600,
                "trace": True,
            }
            async with slots:
                response = await client.post("/solve", json=body)
            if response.status_code != httpx.codes.OK:
                raise EngineError(f"the student's service returned {response.status_code}: {response.text[:200]}")
            return _paths(response.json()["trace"], greedy)

        async with httpx.AsyncClient(base_url=self.url, timeout=None) as client:  # noqa: S113 — the request has a deadline
            asked = [ask(client, q, i, greedy) for i, q in enumerate(questions) for greedy in (True, False)]
            found = await asyncio.gather(*asked)
        return [found[2 * i] + found[2 * i + 1] for i in range(len(questions))]

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if self._service is None or self._service.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/ready", timeout=5).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.5)
        raise EngineError(f"the student's service did not start; see {self._log}")


def _paths(trace: Sequence[dict[str, Any]], greedy: bool) -> list[SampledPath]:
    seen = dict.fromkeys(PathKind, -1)
    paths = []
    for path in trace:
        kind = PathKind(path["kind"])
        seen[kind] += 1
        paths.append(
            SampledPath(
                kind,
                -1 if greedy else seen[kind],
                path["text"],
                path["tokens"],
                path["answer"],
                path["stated"],
                path["repaired"],
            )
        )
    return paths


def free_port() -> int:
    """A free TCP port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
