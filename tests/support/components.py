"""Components for tests: fakes, and metrics in a separate registry."""

from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry

from service.components import Components
from service.engine.base import Engine
from service.engine.fake import FakeEngine
from service.metrics import Metrics
from service.model.served import ServedModel
from service.sandbox.base import Sandbox
from service.sandbox.fake import FakeSandbox
from service.settings import Settings


def fake_components(
    engine: Engine | None = None,
    sandbox: Sandbox | None = None,
    *,
    settings: Settings | None = None,
    metrics: Metrics | None = None,
    max_eager_paths: int | None = None,
    models: tuple[ServedModel, ...] = (),
    **model: Any,
) -> Components:
    """Components of fakes.

    Args:
        engine: default: `FakeEngine`.
        sandbox: default: `FakeSandbox`.
        settings: default: the default settings.
        metrics: default: metrics in a registry of their own.
        max_eager_paths: default of the engine.
        models: served models. Default: one.
        model: fields of the one model.
    """
    return Components(
        settings or _default_settings(),
        engine or FakeEngine(),
        sandbox or FakeSandbox(),
        models or (ServedModel(**model),),
        metrics or Metrics(CollectorRegistry()),
        max_eager_paths,
    )


@cache
def _default_settings() -> Settings:
    return Settings()  # takes 2 ms, as long as all the rest
