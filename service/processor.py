"""What this machine's processor computes in: bfloat16 where it has instructions for that, else float32.

Without them PyTorch multiplies bfloat16 matrices in plain loops. On two AVX2 cores that took a student's decoding four
times as long as float32, and a training's backward pass fifty times. Most laptops are of that kind.
"""

from pathlib import Path

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
