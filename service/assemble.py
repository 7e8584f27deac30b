"""From settings to parts: which engine, which sandbox, which prompt format. Nothing is started here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.admission import Admission
from service.calibration import Calibration
from service.checkpoint import Checkpoint, Decoding, find
from service.embedded import Progress
from service.engine.base import Engine
from service.engine.fake import FakeEngine, scripted
from service.errors import ConfigurationError
from service.keys import read_key
from service.metrics import Metrics
from service.paths.base import FormatV1, PathFormat
from service.paths.chat import ChatFormat
from service.paths.fewshot import FewShotFormat
from service.paths.plain import PlainQuestions
from service.sandbox.base import Execution
from service.sandbox.pool import SandboxPool
from service.settings import EngineKind, Settings
from service.solver import Solver

if TYPE_CHECKING:
    from service.tracing import Tracing  # needs the extra `otel`

_QUEUED_PROGRAMS = 4096
_OUTPUT_BYTES = 64 * 1024
_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service is made of. `idle_paths` is the engine's own, see `Admission`."""

    engine: Engine
    sandbox: SandboxPool
    path_format: PathFormat
    decoding: Decoding
    calibration: Calibration
    metrics: Metrics
    tracing: "Tracing | None"
    idle_paths: int | None = None

    def admission(self, settings: Settings) -> Admission:
        """The queue before the engine."""
        idle_paths = self.idle_paths if settings.idle_paths is None else settings.idle_paths
        return Admission(settings.max_num_seqs, settings.max_queue, idle_paths)

    def solver(self, settings: Settings) -> Solver:
        """A solver of these parts, for those who serve nobody else."""
        return Solver(self.engine, self.sandbox, self.path_format, self.admission(settings), self.calibration)


def assemble(settings: Settings, progress: Progress = lambda what, share: None) -> Parts:
    """The parts that the settings ask for.

    Args:
        settings: the settings.
        progress: told how the embedded default is built, when it must be.

    Raises:
        CheckpointError: the model cannot be served.
        ConfigurationError: the fake engine's script is wrong, or a worker's address or key.
    """
    tracing, metrics = _observers(settings)
    sandbox = sandbox_pool(settings, observe=metrics.observe_execution)
    if settings.engine is EngineKind.FAKE:
        script = scripted(settings.fake_script) if settings.fake_script else None
        fake = FakeEngine(script, tokens_per_s=settings.fake_tokens_per_s)
        return Parts(fake, sandbox, FormatV1(), Decoding(), Calibration(), metrics, tracing)
    remote = settings.engine is EngineKind.REMOTE
    checkpoint = find(settings.model, settings.cache_dir, progress, weights=not remote)
    engine, idle_paths = (_remote(settings, metrics), None) if remote else _vllm(settings, checkpoint)
    return Parts(
        engine,
        sandbox,
        path_format_of(checkpoint),
        checkpoint.decoding,
        checkpoint.calibration,
        metrics,
        tracing,
        idle_paths,
    )


def _observers(settings: Settings) -> tuple["Tracing | None", Metrics]:
    """The tracer, where a collector is named, and the metrics, which then point to its traces."""
    if settings.otlp_endpoint is None:
        return None, Metrics()
    try:
        from service.tracing import Tracing, exemplar
    except ImportError as error:
        raise ConfigurationError(f"Traces need the extra `otel`: install twinpath[otel] ({error}).") from None
    return Tracing.to_collector(settings.otlp_endpoint, settings.trace_ratio), Metrics(exemplar=exemplar)


def sandbox_pool(
    settings: Settings, *, policy: bool = True, observe: Callable[[Execution], None] | None = None
) -> SandboxPool:
    """The sandbox that the settings ask for; without `policy` the kernel lock works alone."""
    return SandboxPool(
        workers=settings.sandbox_workers,
        timeout_s=settings.sandbox_timeout_s,
        memory_bytes=settings.sandbox_memory_mib * _MIB,
        output_bytes=_OUTPUT_BYTES,
        max_queue=_QUEUED_PROGRAMS,
        policy=policy,
        allow_unlocked=settings.allow_unlocked_sandbox,
        observe=observe,
    )


def _vllm(settings: Settings, checkpoint: Checkpoint) -> tuple[Engine, int | None]:
    """The engine in this process, and its idle paths."""
    from service.engine.vllm import IDLE_PATHS, VllmEngine  # seconds of imports, and not there with another engine

    engine = VllmEngine(
        str(checkpoint.path),
        model=checkpoint.name,
        dtype=settings.dtype,
        compile_dir=settings.cache_dir / "compiled" if settings.compile_on_cpu else None,
        max_model_len=settings.max_model_len,
        max_num_seqs=settings.max_num_seqs,
        kv_cache_gib=settings.kv_cache_gib,
        gpu_memory_utilization=settings.gpu_memory_utilization,
        watch_interval_s=settings.watch_interval_s,
        watch_patience_s=settings.watch_patience_s,
    )
    return engine, IDLE_PATHS


def _remote(settings: Settings, metrics: Metrics) -> Engine:
    from service.engine.remote import RemoteEngine

    return RemoteEngine(
        [url for url in settings.worker_urls.split(",") if url.strip()],
        model=settings.worker_model,
        api_key=read_key(settings.worker_api_key_file, "The workers'"),
        silence_s=settings.worker_silence_s,
        on_worker=metrics.observe_worker,
        on_request=metrics.observe_worker_request,
    )


def path_format_of(checkpoint: Checkpoint) -> PathFormat:
    """How the checkpoint's model is asked; no question holds one of its special tokens."""
    return PlainQuestions(_format_of(checkpoint), checkpoint.special_tokens)


def _format_of(checkpoint: Checkpoint) -> PathFormat:
    if checkpoint.style == "v1":
        return FormatV1(checkpoint.bos)
    if checkpoint.style == "fewshot":
        return FewShotFormat(checkpoint.bos)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint.path)

    def render(message: str) -> str:
        messages = [{"role": "user", "content": message}]
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    return ChatFormat(render)
