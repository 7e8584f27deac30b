"""vLLM engine: `AsyncLLM` in this process, on GPUs and CPUs.

Each path is one request with its own id and seed, so that each path can be aborted. vLLM cannot restart its engine
process. After that process died, every call raises `EngineDeadError`, the service exits and its supervisor starts it
again.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path

from pydantic import JsonValue

from service.engine import vllm_start
from service.engine.base import Completion, Finish, LoraAdapter, Sampling, require_adapter
from service.engine.cpu import cpu_arguments
from service.engine.vllm_lora import load_adapters, lora_arguments
from service.engine.vllm_options import configuration
from service.engine.watchdog import Watchdog
from service.errors import EngineDeadError, EngineError, PromptTooLongError

logger = logging.getLogger(__name__)

from vllm import SamplingParams  # noqa: E402 - after the import of `vllm_start`, which prepares it
from vllm.inputs.engine import tokens_input  # noqa: E402
from vllm.lora.request import LoRARequest  # noqa: E402
from vllm.sampling_params import RequestOutputKind  # noqa: E402
from vllm.v1.engine.async_llm import AsyncLLM  # noqa: E402
from vllm.v1.engine.exceptions import EngineDeadError as VllmDeadError  # noqa: E402
from vllm.v1.engine.exceptions import EngineGenerateError  # noqa: E402

_PROBE_ID = "probe"
_FINISH = {"stop": Finish.STOP, "length": Finish.LENGTH, "abort": Finish.ABORT}


class VllmEngine:
    """Samples paths from one model and the LoRA adapters on it with vLLM.

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
        tensor_parallel_size: number of devices over which each layer is split.
        quantization: quantization by vLLM's names. None is that of the model's files.
        thought: opening and closing of a thought, which `thinking_tokens` needs. None if the model has none.
        options: further arguments of vLLM, by its names.
        adapters: LoRA adapters on the model.
        check_interval_s: seconds between two hang checks.
        hang_timeout_s: seconds for one token after which an engine without progress counts as hung. It must exceed the
            longest engine step.

    Raises:
        ConfigurationError: an option is unknown, refused or of another type, or it contradicts an adapter.
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
        tensor_parallel_size: int = 1,
        quantization: str | None = None,
        thought: tuple[str, str] | None = None,
        options: Mapping[str, JsonValue] | None = None,
        adapters: Sequence[LoraAdapter] = (),
        check_interval_s: float = 10.0,
        hang_timeout_s: float = 60.0,
    ) -> None:
        self._model = model or model_dir
        self._max_model_len = max_model_len
        self._arguments = {
            "model": model_dir,
            "served_model_name": self._model,
            "dtype": vllm_start.engine_dtype(dtype),
            "quantization": quantization,
            "max_model_len": max_model_len,
            "max_num_seqs": max_num_seqs,
            "tensor_parallel_size": tensor_parallel_size,
            "use_tqdm_on_load": False,
            "reasoning_config": vllm_start.reasoning_config(thought) if thought else None,
        }
        self._ends_thoughts = thought is not None
        self._device_arguments: Callable[[], dict[str, object]] = (
            partial(cpu_arguments, compile_dir, max_model_len, cpu_kv_cache_gib)
            if vllm_start.ON_CPU
            else lambda: {"gpu_memory_utilization": gpu_memory_utilization}
        )
        self._options = vllm_start.check_options(options or {})
        self._adapters = adapters
        self._arguments |= lora_arguments(adapters, self._options, on_cpu=vllm_start.ON_CPU)
        self._lora: dict[str, LoRARequest] = {}
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

    @property
    def ends_thoughts(self) -> bool:
        """See `Engine.ends_thoughts`."""
        return self._ends_thoughts

    async def start(self) -> None:
        """See `Engine.start`. Blocks the event loop while the model loads.

        Raises:
            ConfigurationError: vLLM cannot serve this model with these settings, refuses an adapter, or cannot compile
                the model on this machine.
            EngineError: vLLM did not start. Its output has the reason.
        """
        arguments = self._arguments | self._device_arguments() | self._options
        self._llm = vllm_start.start(arguments, self._count_step)
        logged = {"tensor_parallel_size", "quantization", *self._options}
        held = {name: str(value) for name, value in self.configuration().items() if _field(name) in logged}
        logger.info("engine started", extra={"configuration": held})
        try:
            self._lora = await load_adapters(self._llm, self._adapters)
        except BaseException:
            await self.close()
            raise
        self._hang_check = asyncio.create_task(self._kill_when_hung(self._llm))

    def configuration(self) -> dict[str, object]:
        """Fields of vLLM's own configuration, by names such as `parallel_config.tensor_parallel_size`."""
        return configuration(self._require_running().vllm_config)

    async def sample(self, request_id: str, prompt: str, sampling: Sampling) -> Completion:
        """See `Engine.sample`."""
        llm = self._require_running()
        require_adapter(sampling.adapter, self._lora)
        lora = self._lora[sampling.adapter] if sampling.adapter else None
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
            top_k=sampling.top_k,
            min_p=sampling.min_p,
            repetition_penalty=sampling.repetition_penalty,
            thinking_token_budget=sampling.thinking_tokens if self._ends_thoughts else None,
            skip_special_tokens=sampling.skip_special_tokens,
            max_tokens=min(sampling.max_tokens, room),
            seed=sampling.seed,
            stop=list(sampling.stop),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        try:
            inputs = tokens_input(list(tokens), cache_salt=sampling.cache_salt)
            async for output in llm.generate(inputs, params, request_id, lora_request=lora):
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
            await vllm_start.shut_down(llm)

    async def _kill_when_hung(self, llm: AsyncLLM) -> None:
        """Wait until the engine hangs, then kill it. Its paths fail as after any other death."""
        await self._watchdog.wait_for_hang()
        logger.critical("the engine hangs: it samples nothing and answers no probe; killing it")
        self._hung = True
        for process in vllm_start.processes(llm):
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


def _field(name: str) -> str:
    """Field of a name such as `parallel_config.tensor_parallel_size`."""
    return name.rpartition(".")[2]
