"""vLLM engine: `AsyncLLM` in this process, on GPUs and CPUs.

Each path is one request with its own id and seed, so that each path can be aborted. vLLM cannot restart its engine
process. After that process died, every call raises `EngineDeadError`, the service exits and its supervisor starts it
again.
"""

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from multiprocessing.process import BaseProcess
from pathlib import Path

from service.engine.base import Completion, Finish, Sampling
from service.engine.cpu import check_compiler, dtype_on_cpu
from service.engine.watchdog import Watchdog
from service.errors import ConfigurationError, EngineDeadError, EngineError, PromptTooLongError
from service.process import die_with_parent

# OpenMP deadlocks in a fork of a process that has used it. Fork only if nothing has imported torch before this module.
_MAY_FORK = "torch" not in sys.modules

if "://" in os.environ.get("VLLM_PORT", ""):  # from Kubernetes, for a service with the name vllm
    del os.environ["VLLM_PORT"]

gc.disable()  # collections during the import of vLLM's 5,000 modules take a tenth of the start
from vllm import SamplingParams  # noqa: E402
from vllm.engine.arg_utils import AsyncEngineArgs  # noqa: E402
from vllm.inputs.engine import tokens_input  # noqa: E402
from vllm.platforms import current_platform  # noqa: E402
from vllm.sampling_params import RequestOutputKind  # noqa: E402
from vllm.v1.engine.async_llm import AsyncLLM  # noqa: E402
from vllm.v1.engine.exceptions import EngineDeadError as VllmDeadError  # noqa: E402
from vllm.v1.engine.exceptions import EngineGenerateError  # noqa: E402
from vllm.v1.executor import Executor  # noqa: E402
from vllm.v1.metrics.loggers import StatLoggerBase  # noqa: E402

gc.freeze()  # the forked engine shares the imported modules and never scans them
gc.enable()

logger = logging.getLogger(__name__)

MAX_EAGER_PATHS = 8 if current_platform.is_cpu() else None
"""Default of `max_eager_paths`. A GPU step over all slots takes about as long as one path. A CPU step doubles by 16."""

_CPU_PREFILL_TOKENS = 8192
_SAFE_PATH = "PYTHONSAFEPATH"
_PROBE_ID = "probe"
_FINISH = {"stop": Finish.STOP, "length": Finish.LENGTH, "abort": Finish.ABORT}


class VllmEngine:
    """Samples paths from one model with vLLM.

    Args:
        model_dir: model directory, or a Hugging Face name that vLLM resolves.
        model: reported name of the model. None is `model_dir`.
        dtype: data type of weights and activations, by vLLM's names. `auto` is that of the checkpoint, or the faster
            `float32` on a CPU without bfloat16 instructions.
        compile_dir: directory of the compiled model on a CPU, reused at the next start. None does not compile.
        max_model_len: maximum number of prompt and completion tokens of one path.
        max_num_seqs: maximum number of paths decoded at the same time. Further paths wait in vLLM's queue.
        cpu_kv_cache_gib: size of the KV cache on a CPU, in GiB.
        gpu_memory_utilization: fraction of a GPU's memory, in (0, 1].
        check_interval_s: seconds between two hang checks.
        hang_timeout_s: seconds for one token after which an engine without progress counts as hung. It must exceed the
            longest engine step.
    """

    def __init__(
        self,
        model_dir: str,
        *,
        model: str | None = None,
        dtype: str = "auto",
        compile_dir: Path | None = None,
        max_model_len: int = 2048,
        max_num_seqs: int = 64,
        cpu_kv_cache_gib: float = 2,
        gpu_memory_utilization: float = 0.9,
        check_interval_s: float = 10.0,
        hang_timeout_s: float = 60.0,
    ) -> None:
        self._model_dir = model_dir
        self._model = model or model_dir
        self._dtype = dtype
        self._compile_dir = compile_dir
        self._max_model_len = max_model_len
        self._max_num_seqs = max_num_seqs
        self._kv_cache_gib = cpu_kv_cache_gib
        self._gpu_memory_utilization = gpu_memory_utilization
        self._llm: AsyncLLM | None = None
        self._steps = 0
        self._hung = False
        self._hang_check: asyncio.Task[None] | None = None
        self._watchdog = Watchdog(
            lambda: self._steps, self._sample_probe_token, interval_s=check_interval_s, timeout_s=hang_timeout_s
        )
        self._encode = lru_cache(maxsize=256)(self._encode_uncached)

    @property
    def model(self) -> str:
        """See `Engine.model`."""
        return self._model

    async def start(self) -> None:
        """See `Engine.start`. Blocks the event loop while the model loads.

        Raises:
            ConfigurationError: vLLM cannot serve this model with these settings, or cannot compile it on this machine.
            EngineError: vLLM did not start. Its output has the reason.
        """
        try:
            with _safe_path():
                self._llm = _start_on_cpu(self) if current_platform.is_cpu() else _start_on_gpu(self)
        except ValueError as error:  # also the base class of pydantic's errors
            raise ConfigurationError(f"vLLM refuses the model or a setting: {error}") from error
        except (RuntimeError, OSError, ImportError) as error:
            raise EngineError(f"vLLM did not start: {error}") from error
        self._hang_check = asyncio.create_task(self._kill_when_hung(self._llm))

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        """See `Engine.sample`."""
        llm = self._require_running()
        tokens = self._encode(prompt)
        room = self._max_model_len - len(tokens)
        if room < 1:
            raise PromptTooLongError(
                f"The problem and its prompt have {len(tokens)} tokens and exceed the model's context length of "
                f"{self._max_model_len} tokens. Shorten the problem."
            )
        params = SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=min(sampling.max_tokens, room),
            seed=sampling.seed,
            stop=list(sampling.stop),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        try:
            inputs = tokens_input(list(tokens), cache_salt=sampling.cache_salt)
            async for output in llm.generate(inputs, params, request_id):
                last = output
        except asyncio.CancelledError:
            # vLLM aborts a cancelled request, except one that is cancelled while vLLM adds it.
            await asyncio.shield(self.abort([request_id]))
            raise
        except VllmDeadError:
            raise EngineDeadError("The engine's process has died.") from None
        except (EngineGenerateError, ValueError) as error:
            raise EngineError(f"vLLM could not sample the path: {error.__cause__ or error}") from error
        completion = last.outputs[0]
        return Completion(
            text=completion.text,
            prompt_tokens=len(tokens),
            completion_tokens=len(completion.token_ids),
            finish=_FINISH[completion.finish_reason],
        )

    async def abort(self, request_ids: Sequence[str]) -> None:
        """See `Engine.abort`."""
        if request_ids and self._llm is not None and not self._llm.errored:
            await self._llm.abort(list(request_ids))

    async def probe(self) -> None:
        """See `Engine.probe`. Samples nothing: the watchdog does that."""
        if self._require_running().errored:
            raise EngineDeadError("The engine hung." if self._hung else "The engine's process has died.")

    async def close(self) -> None:
        """See `Engine.close`."""
        llm, self._llm = self._llm, None
        if self._hang_check is not None:
            self._hang_check.cancel()
            await asyncio.gather(self._hang_check, return_exceptions=True)
        if llm is not None:
            await asyncio.to_thread(_shut_down, llm)

    async def _kill_when_hung(self, llm: AsyncLLM) -> None:
        """Wait until the engine hangs, then kill it. Its paths fail as after any other death."""
        await self._watchdog.wait_for_hang()
        logger.critical("the engine hangs: it samples nothing and answers no probe; killing it")
        self._hung = True
        for process in _processes(llm):
            process.kill()  # SIGKILL also ends a stopped process

    async def _sample_probe_token(self) -> None:
        """Sample one token. A dead or failing engine does not hang, so its errors are ignored."""
        with suppress(VllmDeadError, EngineGenerateError, EngineDeadError):
            async for _ in self._require_running().generate(tokens_input([0]), SamplingParams(max_tokens=1), _PROBE_ID):
                pass

    def _count_step(self) -> None:
        self._steps += 1

    def _require_running(self) -> AsyncLLM:
        if self._llm is None:
            raise EngineDeadError("The engine is not running.")
        return self._llm

    def _encode_uncached(self, prompt: str) -> tuple[int, ...]:
        """Token ids of a prompt with its special tokens as text. The paths of a problem share two prompts."""
        return tuple(self._require_running().get_tokenizer().encode(prompt, add_special_tokens=False))


@contextmanager
def _safe_path() -> Iterator[None]:
    """Environment in which new Python processes do not import modules of the working directory."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def engine_dtype(requested: str) -> str:
    """Data type for vLLM on this machine. See `VllmEngine`."""
    return dtype_on_cpu(requested) if current_platform.is_cpu() else requested


def _engine_args(engine: VllmEngine, **device: object) -> AsyncEngineArgs:
    return AsyncEngineArgs(
        model=engine._model_dir,
        served_model_name=engine.model,
        dtype=engine_dtype(engine._dtype),
        max_model_len=engine._max_model_len,
        max_num_seqs=engine._max_num_seqs,
        use_tqdm_on_load=False,
        **device,
    )


def _start_on_gpu(engine: VllmEngine) -> AsyncLLM:
    arguments = _engine_args(engine, gpu_memory_utilization=engine._gpu_memory_utilization)
    return AsyncLLM.from_engine_args(arguments, stat_loggers=[_step_logger(engine._count_step)])


def _start_on_cpu(engine: VllmEngine) -> AsyncLLM:
    """Start vLLM on a CPU with one child process instead of two.

    By default vLLM starts an engine process and a worker process. Both import vLLM again, and the engine occupies a
    core while it waits for the worker. Here the engine is its own worker, and a fork if that is safe. This saves two
    imports and a core.
    """
    os.environ["VLLM_CPU_NUM_OF_RESERVED_CPU"] = "0"
    if engine._compile_dir is not None:
        check_compiler()
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(engine._compile_dir)
        os.environ["VLLM_USE_AOT_COMPILE"] = "0"  # vLLM 0.32 cannot load the artifact that it saves for a CPU
    config = _engine_args(
        engine,
        enforce_eager=engine._compile_dir is None,
        block_size=32,  # prompts shorter than a block share no KV, and the default is 128
        enable_chunked_prefill=False,  # vLLM 0.32 fails on a seeded path with chunked prefill on a CPU
        max_num_batched_tokens=max(_CPU_PREFILL_TOKENS, engine._max_model_len),
        kv_cache_memory_bytes=int(engine._kv_cache_gib * 1024**3),
    ).create_engine_config()
    config.parallel_config.distributed_executor_backend = "uni"
    if _MAY_FORK:
        os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"
        os.register_at_fork(after_in_child=die_with_parent)
    return AsyncLLM(
        vllm_config=config,
        executor_class=Executor.get_class(config),
        log_stats=True,
        stat_loggers=[_step_logger(engine._count_step)],
        log_requests=False,
    )


def _processes(llm: AsyncLLM) -> list[BaseProcess]:
    return list(llm.engine_core.resources.engine_manager.processes)


def _shut_down(llm: AsyncLLM) -> None:
    """Stop the engine and wait for its processes. vLLM kills slow processes but does not wait for their end."""
    processes = _processes(llm)
    llm.shutdown()
    for process in processes:
        process.join()


def _step_logger(on_step: Callable[[], None]) -> type[StatLoggerBase]:
    """Statistics logger class for vLLM that calls `on_step` after every engine step."""

    class StepLogger(StatLoggerBase):  # type: ignore[misc]
        def __init__(self, vllm_config: object, engine_index: int = 0) -> None: ...

        def record(self, *_: object, **__: object) -> None:
            on_step()

        def log_engine_initialized(self) -> None: ...

    return StepLogger
