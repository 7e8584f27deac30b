"""Memory of the engine by the settings."""

from service.cli.doctor.status import Status
from service.model.sizes import BFLOAT16, FLOAT32, FP8, INT4, Precision
from service.settings import Dtype, Settings

ELSEWHERE = ("data_parallel_address", "data_parallel_backend", "master_addr", "nnodes")
"""Engine options that may place parts of the engine on other machines."""
PARALLEL = ("data_parallel_size", "data_parallel_size_local", "distributed_executor_backend", "pipeline_parallel_size")
"""Further engine options that the findings count in."""
_OF_DOWNLOADS = ("download_dir", "trust_remote_code")
_INT4 = ("awq", "bitsandbytes", "gptq")


def precision_of(settings: Settings, automatic: Precision) -> Precision:
    """Data type of the weights.

    Args:
        settings: the settings.
        automatic: data type of `auto` on this machine.
    """
    if settings.quantization is not None:
        return INT4 if settings.quantization.startswith(_INT4) else FP8
    if settings.dtype is Dtype.AUTO:
        return automatic
    return FLOAT32 if settings.dtype is Dtype.FLOAT32 else BFLOAT16


def too_large(settings: Settings, advice: str) -> tuple[Status, str]:
    """Status and advice of a model that is larger than the memory.

    The effect of most engine options on the memory is not known. With one of them, such as `cpu_offload_gb`, the model
    may still fit.

    Args:
        settings: the settings.
        advice: remedy without such an option.
    """
    if settings.engine_options.keys() - {*ELSEWHERE, *PARALLEL, *_OF_DOWNLOADS}:
        return Status.NOTE, f"The engine options may change these figures. If the engine does not start: {advice}"
    return Status.FAILED, advice
