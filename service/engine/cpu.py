"""CPU support: OpenMP, bfloat16, arguments of vLLM, and the compiler."""

import os
import shutil
import sysconfig
from pathlib import Path

from service.errors import ConfigurationError

_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}  # of x86-64 and of Arm
_PREFILL_TOKENS = 8192
_SPIN_COUNT = "10000"


def limit_spinning() -> None:
    """Make waiting threads of GNU's OpenMP give their core away soon. It must run before the first import of torch.

    Beside a busy process, a spinning thread holds the core that the others need. Variables of the user stay.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPIN_COUNT)


def computes_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU has instructions for bfloat16 products.

    Args:
        cpuinfo: file in the format of /proc/cpuinfo.
    """
    lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    listed = [line.partition(":")[2] for line in lines if line.startswith(("flags", "Features"))]
    return any(_INSTRUCTIONS.intersection(line.split()) for line in listed[:1])


def dtype_on_cpu(requested: str = "auto") -> str:
    """Data type for vLLM on this CPU, by vLLM's names.

    Args:
        requested: a data type, or `auto`. `auto` becomes `float32` on a CPU without bfloat16 instructions.
    """
    return "float32" if requested == "auto" and not computes_bfloat16() else requested


def cpu_arguments(compile_dir: Path | None, max_model_len: int, kv_cache_gib: float) -> dict[str, object]:
    """Arguments of vLLM on a CPU. Sets the environment variables that they need.

    Args:
        compile_dir: directory of the compiled model. None does not compile.
        max_model_len: maximum number of prompt and completion tokens of one path.
        kv_cache_gib: size of the KV cache, in GiB.

    Raises:
        ConfigurationError: as `check_compiler`.
    """
    os.environ["VLLM_CPU_NUM_OF_RESERVED_CPU"] = "0"
    if compile_dir is not None:
        check_compiler()
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(compile_dir)
        os.environ["VLLM_USE_AOT_COMPILE"] = "0"  # vLLM 0.32 cannot load the artifact that it saves for a CPU
    return {
        "enforce_eager": compile_dir is None,
        "block_size": 32,  # prompts shorter than a block share no KV, and the default is 128
        "enable_chunked_prefill": False,  # vLLM 0.32 fails on a seeded path with chunked prefill on a CPU
        "max_num_batched_tokens": max(_PREFILL_TOKENS, max_model_len),
        "kv_cache_memory_bytes": int(kv_cache_gib * 1024**3),
    }


def check_compiler() -> None:
    """Check that PyTorch can find a C++ compiler and the headers of Python.

    Raises:
        ConfigurationError: one is missing. The message names the package to install.
    """
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise ConfigurationError(
            f"compile_on_cpu needs a C++ compiler, but {compiler} was not found. Install g++ or unset compile_on_cpu."
        )
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        raise ConfigurationError(
            f"compile_on_cpu needs the headers of Python, but {headers} has no Python.h. Install python3-dev or unset "
            "compile_on_cpu."
        )
