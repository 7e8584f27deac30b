"""Builds engine, sandbox and served models from the settings."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Self

from service import tracing
from service.engine.base import Engine
from service.engine.build import fake_engine, import_vllm, remote_engine, vllm_engine
from service.metrics import Metrics
from service.model.adapter import Adapter
from service.model.bundled import Progress
from service.model.checkpoint import Checkpoint, Download, find_checkpoint
from service.model.served import ServedModel, find_model
from service.model_checks import DEMO, check_settings, models_of
from service.request_defaults import problem_of
from service.sandbox.base import Execution, Sandbox
from service.sandbox.lanes import Lanes
from service.sandbox.pool import SandboxPool
from service.schemas import SolveRequest
from service.settings import EngineKind, SandboxSettings, Settings
from service.solve.admission import Admission
from service.solve.problem import Problem, Solution
from service.solve.problem_run import Observer
from service.solve.solver import Solver

_MAX_QUEUED_PROGRAMS = 4096
_MAX_OUTPUT_BYTES = 64 * 1024
_MIB = 1024**2


@dataclass(frozen=True)
class Components:
    """Parts of a service. The context manager starts and closes engine and sandbox.

    Args:
        settings: the settings.
        engine: samples the paths.
        sandbox: runs the programs.
        models: served models, the default first.
        metrics: Prometheus metrics.
        max_eager_paths: default of the engine for the setting of this name. Default: no limit.
        on_step: called with each step of the start that begins: `sandbox`, then `engine`.
        checkpoint: checkpoint of the base model. None for the demo.
    """

    settings: Settings
    engine: Engine
    sandbox: Sandbox
    models: tuple[ServedModel, ...] = (ServedModel(),)
    metrics: Metrics = field(default_factory=Metrics)
    max_eager_paths: int | None = None
    on_step: Callable[[str], None] = lambda step: None
    checkpoint: Checkpoint | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, init=False, repr=False)

    @cached_property
    def admission(self) -> Admission:
        """Admission control in front of the engine, for all models."""
        settings = self.settings
        eager = self.max_eager_paths if settings.max_eager_paths is None else settings.max_eager_paths
        return Admission(settings.max_num_seqs, settings.max_queue, eager, settings.key_share)

    @property
    def served(self) -> Mapping[str, ServedModel]:
        """Served models by name, the default first. The base model has the name that the engine gives it.

        A remote engine has the name of its model only after the start.
        """
        first, *adapted = self.models
        return {model.name: model for model in (replace(first, name=self.engine.model), *adapted)}

    @property
    def solvers(self) -> Mapping[str, Solver]:
        """Solver of each served model by name, the default first. They share engine, sandbox and admission."""
        return {solver.model: solver for solver in self._solvers}

    @cached_property
    def _solvers(self) -> tuple[Solver, ...]:
        return tuple(
            Solver(
                self.engine,
                self.sandbox,
                model.path_format,
                self.admission,
                model.calibration,
                adapter=model.name if model.adapter else None,
            )
            for model in self.models
        )

    def model(self, name: str | None) -> ServedModel:
        """Served model with this name. None and the alias name the default one.

        Raises:
            UnknownModelError: no served model has this name.
        """
        return find_model(self.served, name)

    def is_calibrated(self, name: str) -> bool:
        """Whether the confidence of a served model is calibrated for a request without parameters."""
        problem = self.problem(SolveRequest(problem="?", model=name))
        return problem.calibrated and self.served[name].calibration.calibrated

    async def solve(self, problem: Problem, problem_id: str, on_path_end: Observer | None = None) -> Solution:
        """Solve a problem with its model. See `Solver.solve`."""
        solver = self.solvers[problem.model or next(iter(self.solvers))]
        return await solver.solve(problem, problem_id, on_path_end)

    def drain(self) -> None:
        """Answer the open problems of all models. See `Solver.drain`."""
        for solver in self.solvers.values():
            solver.drain()

    def problem(self, request: SolveRequest, key: str = "", request_id: str = "") -> Problem:
        """Problem of a request to one of the models. See `problem_of`."""
        ends_thoughts = self.engine.ends_thoughts
        return problem_of(
            request, self.settings, self.model(request.model), key, request_id, ends_thoughts=ends_thoughts
        )

    async def __aenter__(self) -> Self:
        """Start the sandbox, then the engine.

        Raises:
            SandboxError: the sandbox cannot contain programs on this machine.
            EngineError: the engine did not start.
        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, tracing.shut_down)
            stack.push_async_callback(self.sandbox.close)
            self.on_step("sandbox")
            await self.sandbox.start()
            stack.push_async_callback(self.engine.close)
            self.on_step("engine")
            await self.engine.start()
            self._stack.push_async_exit(stack.pop_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()


def build(
    settings: Settings,
    progress: Progress = lambda what, share: None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Components:
    """Build the components of a service. Nothing is started.

    A model that is not on this machine is downloaded, after the checks that need no weights.

    Args:
        settings: the settings.
        progress: called while the model is downloaded, and while the bundled model is built or verified.
        on_step: called with each step of the build that begins or continues: `engine` with the import of vLLM, and
            `model`. The components call it too.

    Raises:
        CheckpointError: the model or an adapter cannot be served.
        ConfigurationError: the fake script, a worker address, a key file, an engine option, the calibration,
            `prompt`, `thinking` or `thinking_tokens` is invalid.
    """
    adapters = check_settings(settings)
    metrics = _metrics(settings)
    engine = engine_without_model(settings, adapters, metrics.observe_worker, metrics.observe_worker_request)
    sandbox = sandbox_pool(settings, observe=metrics.observe_execution, on_restart=metrics.observe_sandbox_restart)
    metrics.watch_sandbox(lambda: sandbox.running, lambda: sandbox.queued)
    base = DEMO if settings.engine is EngineKind.FAKE else _checkpoint(settings, adapters, progress)
    if engine is None:
        on_step("engine")
        import_vllm(settings)  # before the tokenizer imports torch, because the engine's process is a fork only then
        on_step("model")
    models = models_of(settings, base, adapters)
    on_step("engine")
    eager = None
    if engine is None:
        loras, thoughts = [adapter.lora for adapter in adapters], models[0].path_format.thoughts
        engine, eager = vllm_engine(settings, base.path, base.name, loras, thoughts.delimiters)
    return Components(settings, engine, sandbox, models, metrics, eager, on_step, None if base is DEMO else base)


def engine_without_model(
    settings: Settings,
    adapters: Sequence[Adapter],
    on_worker: Callable[[str, bool], None] = lambda worker, up: None,
    on_request: Callable[[str, str], None] = lambda worker, result: None,
) -> Engine | None:
    """Engine that needs no model on this machine: the demo, or remote workers. None for vLLM in this process.

    Args:
        settings: the settings.
        adapters: adapters of the settings.
        on_worker: called when a worker goes up or down.
        on_request: called when a path on a worker ends.

    Raises:
        ConfigurationError: the script, a worker address or a key file is invalid.
    """
    names = [adapter.name for adapter in adapters]
    if settings.engine is EngineKind.FAKE:
        return fake_engine(settings, names)
    return remote_engine(settings, names, on_worker, on_request) if settings.engine is EngineKind.REMOTE else None


def _checkpoint(settings: Settings, adapters: Sequence[Adapter], progress: Progress) -> Checkpoint:
    """Checkpoint of the base model, which is downloaded or built if needed."""
    return find_checkpoint(
        settings.model,
        settings.cache_dir,
        progress,
        weights=settings.engine is EngineKind.VLLM,
        download=download_of(settings),
        check=lambda described: models_of(settings, described, adapters, weights=False),
    )


def sandbox_pool(
    settings: SandboxSettings,
    *,
    policy: bool = True,
    observe: Callable[[Execution], None] = lambda execution: None,
    on_restart: Callable[[], None] = lambda: None,
) -> SandboxPool | Lanes:
    """Build the sandbox: one lane, or two with `sandbox_libraries`.

    Args:
        settings: the settings.
        policy: whether the language policy applies on top of the kernel lock.
        observe: called with every execution.
        on_restart: called whenever a dead zygote has been replaced.
    """
    lane = partial(
        SandboxPool,
        workers=settings.sandbox_workers,
        timeout_s=settings.sandbox_timeout_s,
        memory_bytes=settings.sandbox_memory_mib * _MIB,
        output_bytes=_MAX_OUTPUT_BYTES,
        max_queue=_MAX_QUEUED_PROGRAMS,
        policy=policy,
        allow_unlocked=settings.allow_unlocked_sandbox,
        observe=observe,
        on_restart=on_restart,
    )
    return Lanes(lane(), lane(libraries=True)) if settings.sandbox_libraries else lane()


def download_of(settings: Settings) -> Download:
    """Parameters of a download of the model. Two of them are options of vLLM."""
    directory = settings.engine_options.get("download_dir")
    return Download(
        revision=settings.revision,
        directory=Path(directory) if isinstance(directory, str) else None,
        has_code=settings.engine_options.get("trust_remote_code") is True,
    )


def _metrics(settings: Settings) -> Metrics:
    """Metrics, with exemplars that name the trace if traces are exported."""
    if settings.otlp_endpoint is None:
        return Metrics()
    tracing.export_to(settings.otlp_endpoint, settings.trace_sample_ratio)
    return Metrics(exemplar=tracing.exemplar)
