"""Fixtures of all tests: environment, served application, lost exceptions."""

import asyncio
import gc
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import uvicorn

from service.api.api_keys import KeyRing
from service.api.app import create_app
from service.api.protocol import http_options
from service.components import Components
from service.engine.base import Engine
from service.sandbox.base import Sandbox
from service.sandbox.pool import SandboxPool
from service.settings import Settings
from tests.engine.conftest import taught_checkpoint, tiny_checkpoint
from tests.support.components import fake_components
from tests.support.skips import pytest_make_collect_report, pytest_runtest_makereport

__all__ = [
    "pytest_make_collect_report", "pytest_runtest_makereport",  # hooks
    "taught_checkpoint", "tiny_checkpoint",  # made once for all folders
]  # fmt: skip

hypothesis.settings.register_profile("twinpath", deadline=None)  # its 200 ms per example fail beside busy processes
hypothesis.settings.load_profile("twinpath")

_cache_numbers = itertools.count()

Serve = Callable[..., Awaitable[httpx.AsyncClient]]
MakePool = Callable[..., SandboxPool]


_LONGEST = (
    "training/test_smoke.py", "training/test_rehearsal.py", "model/test_bundled.py", "e2e/test_calibrate.py",
    "sandbox/test_attacks.py", "e2e/test_openapi.py", "e2e/test_lm_eval.py", "engine/test_demo.py",
    "evaluation/calibration/test_known_chances.py", "deploy/test_files.py", "e2e/test_faults.py", "e2e/test_batch.py",
)  # fmt: skip
"""Files that start first, so that no worker of pytest is left with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files by `_LONGEST`. The others keep their order."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish() -> None:
    """Leave the modules and the collected tests out of every later garbage collection, which takes a tenth less time."""
    gc.freeze()


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting from outside. Commands write to a folder of the test."""
    for name in os.environ:
        if name.startswith("TWINPATH_"):
            monkeypatch.delenv(name)
    # Not made ahead: `mktemp` lists all folders of the tests before this one.
    monkeypatch.setenv("TWINPATH_CACHE_DIR", str(tmp_path_factory.getbasetemp() / f"cache-{next(_cache_numbers)}"))


@pytest.fixture
def cache_dir() -> Path:
    path = Path(os.environ["TWINPATH_CACHE_DIR"])
    path.mkdir()
    return path


@pytest.fixture
async def lost() -> AsyncIterator[list[dict[str, Any]]]:
    """Errors that only the event loop sees, such as a task's exception that was never retrieved."""
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: contexts.append(context))
    gc.freeze()  # so that only what the test made is looked through
    yield contexts
    gc.collect()
    assert contexts == []


@pytest.fixture
async def make_pool() -> AsyncIterator[MakePool]:
    """Makes sandbox pools with small limits, so that attacks on the limits are quick. Closes them after the test."""
    pools: list[SandboxPool] = []

    def make(**changes: Any) -> SandboxPool:
        settings: dict[str, Any] = {
            "workers": 2,
            "timeout_s": 10.0,
            "memory_bytes": 64 * 1024 * 1024,
            "output_bytes": 16 * 1024,
            "max_queue": 1000,
        }
        pools.append(SandboxPool(**(settings | changes)))
        return pools[-1]

    yield make
    for pool in pools:
        await pool.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts applications, gives a client for each, and stops them at the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(
            engine: Engine | None = None,
            sandbox: Sandbox | None = None,
            *,
            settings: Settings | None = None,
            components: Components | None = None,
            keys: KeyRing | None = None,
            on_engine_death: Callable[[], None] = lambda: None,
            **changes: Any,
        ) -> httpx.AsyncClient:
            components = components or fake_components(engine, sandbox, settings=settings, **changes)
            app = create_app(components, keys=keys, on_engine_death=on_engine_death)
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            return await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://twinpath"))

        yield start


@pytest.fixture
async def live() -> AsyncIterator[Serve]:
    """As `serve`, over a real socket. Streams arrive as they are sent, and callers can disconnect."""
    async with AsyncExitStack() as stack:

        async def start(engine: Engine, sandbox: Sandbox | None = None, **changes: Any) -> httpx.AsyncClient:
            settings = changes.pop("settings", None) or Settings()
            app = create_app(fake_components(engine, sandbox, settings=settings), **changes)
            config = uvicorn.Config(app, port=0, log_config=None, **http_options(settings))
            server = _Server(config)
            serving = asyncio.create_task(server.serve())
            stack.push_async_callback(_stop, server, serving)
            while not server.started:
                await asyncio.sleep(0.005)
            port = server.servers[0].sockets[0].getsockname()[1]
            # Without TLS: the certificates of the system take 100 ms to load.
            client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10, verify=False)
            return await stack.enter_async_context(client)

        yield start


class _Server(uvicorn.Server):
    """Server without signal handlers."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def _stop(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    server.should_exit = True
    await serving
