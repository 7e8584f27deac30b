"""Builds engine, sandbox and prompt format from the settings."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from service import tracing
from service.credentials import IF_DENIED
from service.engine.base import Engine
from service.engine.build import check_engine, vllm_engine
from service.engine.fake import FakeEngine, demo, scripted
from service.errors import InputError
from service.metrics import Metrics
from service.model.bundled import Progress
from service.model.checkpoint import Download, find_checkpoint
from service.model.metadata import Decoding
from service.model.prompt_format import prompt_format
from service.paths.base import FormatV1, PathFormat
from service.sandbox.base import Execution, Sandbox
from service.sandbox.lanes import Lanes
from service.sandbox.pool import SandboxPool
from service.schemas import PathBudget, SolveRequest
from service.settings import EngineKind, SandboxSettings, Settings, read_key
from service.solve.admission import Admission
from service.solve.calibration import Calibration
from service.solve.problem import Problem
from service.solve.solver import Solver
from service.types import PathKind

_MAX_QUEUED_PROGRAMS = 4096
_MAX_OUTPUT_BYTES = 64 * 1024
_MIB = 1024**2
_SEED_BITS = 53  # the integers that every JSON parser reads exactly

_T = TypeVar("_T")


@dataclass(frozen=True)
class Components:
    """Parts of a service. The context manager starts and closes engine and sandbox.

    Args:
        settings: the settings.
        engine: samples the paths.
        sandbox: runs the programs.
        path_format: prompt format of the model.
        decoding: decoding parameters of the checkpoint.
        calibration: calibration of the checkpoint.
        metrics: Prometheus metrics.
        max_eager_paths: default of the engine for the setting of this name. Default: no limit.
        kinds: kinds of rationale that the checkpoint learned.
    """

    settings: Settings
    engine: Engine
    sandbox: Sandbox
    path_format: PathFormat = field(default_factory=FormatV1)
    decoding: Decoding = field(default_factory=Decoding)
    calibration: Calibration = field(default_factory=Calibration)
    metrics: Metrics = field(default_factory=Metrics)
    max_eager_paths: int | None = None
    kinds: tuple[PathKind, ...] = tuple(PathKind)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, init=False, repr=False)

    @cached_property
    def admission(self) -> Admission:
        """Admission control in front of the engine."""
        settings = self.settings
        eager = self.max_eager_paths if settings.max_eager_paths is None else settings.max_eager_paths
        return Admission(settings.max_num_seqs, settings.max_queue, eager, settings.key_share)

    @cached_property
    def solver(self) -> Solver:
        """Solver on these components."""
        return Solver(self.engine, self.sandbox, self.path_format, self.admission, self.calibration)

    def problem(self, request: SolveRequest, key: str = "", request_id: str = "") -> Problem:
        """Problem of a request. Missing fields take the value of the settings, then of the checkpoint.

        If the checkpoint learned one kind and both are asked for, all paths are of that kind.

        Args:
            request: the request.
            key: name of the caller's API key.
            request_id: id of the HTTP request.

        Raises:
            InputError: no path is left.
        """
        settings, decoding = self.settings, self.decoding
        budget = request.paths or PathBudget()
        cot, pot = _first(budget.cot, settings.cot_paths), _first(budget.pot, settings.pot_paths)
        if cot + pot == 0:
            raise InputError("`paths` selects no path; set cot or pot.", "paths")
        if cot and pot and len(self.kinds) == 1:
            cot, pot = (cot + pot, 0) if PathKind.COT in self.kinds else (0, cot + pot)
        return Problem(
            text=request.problem,
            cot=cot,
            pot=pot,
            policy=request.policy or settings.policy,
            temperature=_first(request.temperature, settings.temperature, decoding.temperature),
            top_p=_first(request.top_p, decoding.top_p),
            max_tokens=_first(request.max_tokens, settings.max_tokens),
            deadline_s=_first(request.deadline_s, settings.deadline_s),
            seed=secrets.randbits(_SEED_BITS) if request.seed is None else request.seed,
            min_confidence=request.min_confidence,
            key=key,
            request=request_id,
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
            await self.sandbox.start()
            stack.push_async_callback(self.engine.close)
            await self.engine.start()
            self._stack.push_async_exit(stack.pop_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()


def build(settings: Settings, progress: Progress = lambda what, share: None) -> Components:
    """Build the components of a service. Nothing is started.

    Args:
        settings: the settings.
        progress: called while the bundled model is built or verified.

    Raises:
        CheckpointError: the model cannot be served.
        ConfigurationError: the fake script, a worker address, a key file or an engine option is invalid.
    """
    metrics = _metrics(settings)
    sandbox = sandbox_pool(settings, observe=metrics.observe_execution, on_restart=metrics.observe_sandbox_restart)
    metrics.watch_sandbox(lambda: sandbox.running, lambda: sandbox.queued)
    if settings.engine is EngineKind.FAKE:
        script = scripted(settings.fake_script) if settings.fake_script else demo()
        fake = FakeEngine(script, tokens_per_s=settings.fake_tokens_per_s)
        return Components(settings, fake, sandbox, metrics=metrics)
    is_remote = settings.engine is EngineKind.REMOTE
    check_engine(settings)
    checkpoint = find_checkpoint(
        settings.model, settings.cache_dir, progress, weights=not is_remote, download=download_of(settings)
    )
    engine, eager = (
        (_remote_engine(settings, metrics), None)
        if is_remote
        else vllm_engine(settings, checkpoint.path, checkpoint.name)
    )
    return Components(
        settings,
        engine,
        sandbox,
        prompt_format(checkpoint, settings.prompt),
        checkpoint.decoding,
        checkpoint.calibration,
        metrics,
        eager,
        checkpoint.kinds,
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


def _remote_engine(settings: Settings, metrics: Metrics) -> Engine:
    from service.engine.remote import RemoteEngine

    return RemoteEngine(
        settings.worker_urls,
        model=settings.worker_model,
        api_key=read_key(settings.worker_api_key_file, "worker_api_key_file", if_denied=IF_DENIED),
        read_timeout_s=settings.worker_read_timeout_s,
        on_worker=metrics.observe_worker,
        on_request=metrics.observe_worker_request,
    )


def _first(*values: _T | None) -> _T:
    """First value that is not None."""
    return next(value for value in values if value is not None)
