"""Components for tests: fakes, and metrics in a separate registry."""

from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry

from service.components import Components
from service.engine.base import Engine
from service.engine.fake import FakeEngine
from service.metrics import Metrics
from service.sandbox.base import Sandbox
from service.sandbox.fake import FakeSandbox
from service.settings import Settings


def fake_components(
    engine: Engine | None = None,
    sandbox: Sandbox | None = None,
    *,
    settings: Settings | None = None,
    metrics: Metrics | None = None,
    **changes: Any,
) -> Components:
    return Components(
        settings or _default_settings(),
        engine or FakeEngine(),
        sandbox or FakeSandbox(),
        metrics=metrics or Metrics(CollectorRegistry()),
        **changes,
    )


@cache
def _default_settings() -> Settings:
    return Settings()  # takes 2 ms, as long as all the rest
