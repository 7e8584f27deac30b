"""CPU support: bfloat16 instructions, and the compiler for `compile_on_cpu`."""

import os
import shutil
import sysconfig
from pathlib import Path

from service.errors import ConfigurationError

_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}  # of x86-64 and of Arm


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
