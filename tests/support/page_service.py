"""Service with a scripted model, for tests and pictures of the page."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import uvicorn
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.app import create_app
from service.components import Components, sandbox_pool
from service.engine.base import Completion, Sampling
from service.engine.fake import FakeEngine, improvise
from service.metrics import Metrics
from service.model.served import ServedModel
from service.settings import Settings
from service.solve.calibration import Calibration

CALIBRATION = Calibration(confidence_map=((0.0, 0.0), (1.0, 1.0)))
"""Map from the smoothed share of the leader to itself: 3 votes of 3 have the confidence 0.8."""

Texts = Mapping[str, Sequence[str]]
"""Texts of the paths of each problem, in the fixed order: cot, pot, cot, pot."""

_START_S = 20.0
_index: ContextVar[int] = ContextVar("index")


class ScriptedEngine(FakeEngine):
    """Fake engine whose text depends only on the problem and the index of the path.

    Args:
        texts: texts of each problem. They repeat from the first. Other problems get improvised paths.
        tokens_per_s: token rate of each path. None returns at once.
        model: reported name of the model.
    """

    def __init__(self, texts: Texts, *, tokens_per_s: float | None, model: str) -> None:
        def script(prompt: str, sampling: Sampling) -> str:
            for problem, written in texts.items():
                if problem in prompt:
                    return written[_index.get() % len(written)]
            return improvise(prompt, sampling)

        super().__init__(script, tokens_per_s=tokens_per_s, model=model)

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        """See `Engine.sample`."""
        _index.set(int(request_id.rpartition("-")[2]))
        return await super().sample(request_id, prompt, sampling)


@contextmanager
def page_service(
    texts: Texts,
    *,
    model: str = "scripted-model",
    calibrated: bool = True,
    tokens_per_s: float | None = None,
    slots: int = 64,
    prefix: str = "",
    max_tokens: int = 320,
) -> Iterator[str]:
    """URL of the service in a thread, with the real sandbox.

    Args:
        texts: texts of each problem.
        model: reported name of the model.
        calibrated: whether the model has `CALIBRATION`.
        tokens_per_s: token rate of each path.
        slots: maximum number of paths that are sampled at once.
        prefix: path under which a proxy serves it, such as `/solver`. The service receives paths without it.
        max_tokens: maximum number of tokens of each path.
    """
    settings = Settings(max_num_seqs=slots, max_tokens=max_tokens)
    components = Components(
        settings,
        ScriptedEngine(texts, tokens_per_s=tokens_per_s, model=model),
        sandbox_pool(settings),
        (ServedModel(calibration=CALIBRATION if calibrated else Calibration()),),
        metrics=Metrics(CollectorRegistry()),
    )
    app: ASGIApp = create_app(components)
    config = uvicorn.Config(_behind(app, prefix), port=0, ws="none", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + _START_S
        while not server.started:
            if not thread.is_alive() or time.monotonic() > until:
                raise RuntimeError("The service did not start.")
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}{prefix}/"
    finally:
        server.should_exit = True
        thread.join()


def _behind(app: ASGIApp, prefix: str) -> ASGIApp:
    """Application behind a proxy that removes the prefix and answers 404 to other paths."""

    async def proxied(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            inner = path.removeprefix(prefix) if path.startswith(f"{prefix}/") else "/outside-of-the-prefix"
            scope = {**scope, "path": inner, "raw_path": inner.encode()}
        await app(scope, receive, send)

    return proxied
