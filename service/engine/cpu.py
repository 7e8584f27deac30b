"""CPU support: bfloat16 instructions, and the compiler that `compile_on_cpu` needs."""

import os
import shutil
import sysconfig
from pathlib import Path

from service.errors import ConfigurationError

_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}  # of x86-64 and of Arm


def computes_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether every bfloat16 product is the processor's own."""
    lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    listed = [line.partition(":")[2] for line in lines if line.startswith(("flags", "Features"))]
    return any(_INSTRUCTIONS.intersection(line.split()) for line in listed[:1])


def dtype_on_cpu(asked: str = "auto") -> str:
    """The `dtype` in which vLLM serves a model on this CPU: what is asked for; if that is `auto`, the checkpoint's own
    (vLLM's `auto`) or `float32`.
    """
    return "float32" if asked == "auto" and not computes_bfloat16() else asked


def check_compiler() -> None:
    """Look for both where PyTorch does.

    Raises:
        ConfigurationError: one is missing; what to install.
    """
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise ConfigurationError(
            f"compile_on_cpu needs a C++ compiler, and there is no {compiler}. Install g++, or leave it off."
        )
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        raise ConfigurationError(
            f"compile_on_cpu needs Python's headers, and {headers} has no Python.h. Install them (python3-dev), or "
            "leave it off."
        )
