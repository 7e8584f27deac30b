"""What this machine's processor computes in: bfloat16 where it has instructions for that, else float32.

With AVX2 alone, as in most laptops, PyTorch multiplies bfloat16 matrices in plain loops: see `training/LOG.md` for what
that cost. AVX-512 without bfloat16 instructions is taken for the same and was not tried.
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
