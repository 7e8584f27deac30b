"""The engine: vLLM's `AsyncLLM` in this process, on GPUs and CPUs alike.

One request per path, with its own id and seed, so that a single path can be aborted. Prompts and completions are text;
token counts are the engine's own. Once the engine's process is gone, every call raises `EngineDeadError`: vLLM cannot
revive it, so the service ends and its supervisor starts it anew.
"""

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from multiprocessing.process import BaseProcess
from pathlib import Path

from service.engine.base import Completion, Finish, Sampling
from service.engine.cpu import check_compiler, dtype_on_cpu
from service.engine.watchdog import Watchdog
from service.errors import ConfigurationError, EngineDeadError, EngineError, PromptTooLongError
from service.process import die_with_parent

# OpenMP deadlocks in a fork of a process that has used it, so only a process whose torch is this module's may fork.
_MAY_FORK = "torch" not in sys.modules

gc.disable()  # collecting while vLLM's 5,000 modules are imported costs a tenth of the start
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

gc.freeze()  # what is imported stays; the forked engine shares it and never scans it
gc.enable()

logger = logging.getLogger(__name__)

MAX_EAGER_PATHS = 8 if current_platform.is_cpu() else None
"""See `Admission`. A GPU decodes all its slots for about the price of one path; a CPU's step doubles by the 16th."""

_CPU_PREFILL_TOKENS = 8192
_PROBE_ID = "probe"
_FINISH = {"stop": Finish.STOP, "length": Finish.LENGTH, "abort": Finish.ABORT}


class VllmEngine:
    """Samples paths from one model with vLLM.

    Args:
        model_dir: model directory, or a Hugging Face name that vLLM resolves.
        model: the name that is reported; None takes `model_dir`.
        max_model_len: prompt and completion tokens of one path at most.
        dtype: what weights and activations are computed in, as vLLM names it; `auto` takes the checkpoint's own, and on
            a CPU that has no instructions for it `float32`, which is quicker there.
        compile_dir: where the model is compiled to for a CPU, and found at the next start; None leaves it uncompiled.
        max_num_seqs: paths decoded at the same time; more of them wait in vLLM's queue.
        cpu_kv_cache_gib: memory of the KV cache on a CPU, in GiB.
        gpu_memory_utilization: share of a GPU's memory, (0, 1].
        check_interval_s: between two looks at whether the engine gets on.
        hang_timeout_s: how long an engine that samples nothing may take for one token; longer than its longest step.
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
        self._hangs = False
        self._watch: asyncio.Task[None] | None = None
        self._watchdog = Watchdog(lambda: self._steps, self._ask, interval_s=check_interval_s, timeout_s=hang_timeout_s)
        self._encode = lru_cache(maxsize=256)(self._encode_uncached)

    @property
    def model(self) -> str:
        """See `Engine.model`."""
        return self._model

    async def start(self) -> None:
        """See `Engine.start`. Blocks the loop while the model loads: nothing can be served before that.

        Raises:
            ConfigurationError: vLLM does not serve this model so, or cannot compile it here.
        """
        try:
            self._llm = _start_on_cpu(self) if current_platform.is_cpu() else _start_on_gpu(self)
        except ValueError as error:  # one of pydantic's, among others
            raise ConfigurationError(f"vLLM refuses this model or a setting: {error}") from error
        self._watch = asyncio.create_task(self._end_when_it_hangs(self._llm))

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        """See `Engine.sample`."""
        llm = self._living()
        tokens = self._encode(prompt)
        room = self._max_model_len - len(tokens)
        if room < 1:
            raise PromptTooLongError(
                f"The problem takes {len(tokens)} tokens with its prompt; the model's context holds "
                f"{self._max_model_len}. Shorten the problem."
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
            async for output in llm.generate(tokens_input(list(tokens)), params, request_id):
                last = output
        except asyncio.CancelledError:
            # vLLM aborts a cancelled request itself, but not one that is cancelled while it is being added.
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
        """See `Engine.probe`. Asks the engine for nothing: the watchdog does that."""
        if self._living().errored:
            raise EngineDeadError("The engine hung." if self._hangs else "The engine's process has died.")

    async def close(self) -> None:
        """See `Engine.close`."""
        llm, self._llm = self._llm, None
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if llm is not None:
            await asyncio.to_thread(_shut_down, llm)

    async def _end_when_it_hangs(self, llm: AsyncLLM) -> None:
        """An engine that hangs is killed; all that waits for it then fails as when it dies by itself."""
        await self._watchdog.until_it_hangs()
        logger.critical("the engine samples nothing and answers no probe: it is killed")
        self._hangs = True
        for process in _processes(llm):
            process.kill()  # a stopped process ends too

    async def _ask(self) -> None:
        """Sample one token; an engine that cannot is dead or failing, and does not hang."""
        with suppress(VllmDeadError, EngineGenerateError, EngineDeadError):
            async for _ in self._living().generate(tokens_input([0]), SamplingParams(max_tokens=1), _PROBE_ID):
                pass

    def _step(self) -> None:
        self._steps += 1

    def _living(self) -> AsyncLLM:
        if self._llm is None:
            raise EngineDeadError("The engine is not running.")
        return self._llm

    def _encode_uncached(self, prompt: str) -> tuple[int, ...]:
        """Token ids of a prompt whose special tokens are written out; the paths of a problem share two prompts."""
        return tuple(self._living().get_tokenizer().encode(prompt, add_special_tokens=False))


def engine_dtype(asked: str) -> str:
    """What the engine computes in on this machine where `asked` is wished for, see `VllmEngine`."""
    return dtype_on_cpu(asked) if current_platform.is_cpu() else asked


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
    return AsyncLLM.from_engine_args(arguments, stat_loggers=[_told_of_steps(engine._step)])


def _start_on_cpu(engine: VllmEngine) -> AsyncLLM:
    """Start vLLM on a CPU in one process beside this one instead of two.

    By default vLLM starts an engine and a worker. Each imports vLLM anew, and the engine spins on a core while it
    waits for the worker. Here the engine is its own worker, and a fork where that is safe: one import instead of
    three, and every core for the model.
    """
    os.environ["VLLM_CPU_NUM_OF_RESERVED_CPU"] = "0"
    if engine._compile_dir is not None:
        check_compiler()
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(engine._compile_dir)
        os.environ["VLLM_USE_AOT_COMPILE"] = "0"  # what vLLM 0.32 saves of a CPU's model, it cannot load again
    config = _engine_args(
        engine,
        enforce_eager=engine._compile_dir is None,
        block_size=32,  # the default of 128 is longer than most prompts, which then share no KV
        enable_chunked_prefill=False,  # vLLM 0.32 cannot seed a path whose prompt is prefilled in chunks on a CPU
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
        stat_loggers=[_told_of_steps(engine._step)],
        log_requests=False,
    )


def _processes(llm: AsyncLLM) -> list[BaseProcess]:
    return list(llm.engine_core.resources.engine_manager.processes)


def _shut_down(llm: AsyncLLM) -> None:
    """Ends the engine and waits for it: vLLM kills a process that does not end in time, and leaves it at that."""
    processes = _processes(llm)
    llm.shutdown()
    for process in processes:
        process.join()


def _told_of_steps(on_step: Callable[[], None]) -> type[StatLoggerBase]:
    """What vLLM tells of each of the engine's steps, as a count."""

    class Steps(StatLoggerBase):  # type: ignore[misc]
        def __init__(self, vllm_config: object, engine_index: int = 0) -> None: ...

        def record(self, *_: object, **__: object) -> None:
            on_step()

        def log_engine_initialized(self) -> None: ...

    return Steps
