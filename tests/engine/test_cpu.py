"""CPU support: bfloat16 instructions from /proc/cpuinfo, and the check for a compiler before vLLM starts."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from service.engine import cpu
from service.engine.cpu import check_compiler, cpu_arguments
from service.errors import ConfigurationError


@pytest.mark.parametrize(
    ("line", "computes"),
    [
        ("flags\t\t: fpu fma avx avx2", False),
        ("flags\t\t: fpu avx2 avx512f avx512_vnni", False),
        ("flags\t\t: fpu avx2 avx512f avx512_bf16", True),
        ("flags\t\t: fpu avx2 amx_bf16 amx_tile", True),
        ("Features\t: fp asimd sve bf16", True),
        ("Features\t: fp asimd", False),
        ("model name\t: avx512_bf16", False),
    ],
)
def test_bfloat16_needs_its_instructions(line: str, computes: bool, tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\n{line}\n\nprocessor\t: 1\n", encoding="utf-8")
    assert cpu.computes_bfloat16(cpuinfo) is computes


@pytest.mark.parametrize(("computes", "dtype"), [(True, "auto"), (False, "float32")])
def test_dtype_on_a_cpu(computes: bool, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "computes_bfloat16", lambda: computes)
    assert cpu.dtype_on_cpu() == dtype
    assert cpu.dtype_on_cpu("bfloat16") == "bfloat16"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with the compiler and the header of a machine. A test may remove either file."""
    for name in ("g++", "Python.h"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_path", {"include": str(tmp_path)}.__getitem__)
    return tmp_path


def test_a_machine_with_compiler_and_headers_passes(machine: Path) -> None:
    check_compiler()


@pytest.mark.parametrize(("file", "install"), [("g++", "Install g"), ("Python.h", "python3-dev")])
def test_a_missing_file_names_the_package_to_install(machine: Path, file: str, install: str) -> None:
    (machine / file).unlink()
    with pytest.raises(ConfigurationError, match=install):
        check_compiler()


def test_the_environment_can_name_the_compiler(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "g++").rename(machine / "c++-12")
    monkeypatch.setenv("CXX", "c++-12")
    check_compiler()
    monkeypatch.setenv("CXX", "c++-13")
    with pytest.raises(ConfigurationError, match="c\\+\\+-13 was not found"):
        check_compiler()


@pytest.mark.parametrize(("context", "prefill"), [(2048, 8192), (16384, 16384)])
def test_a_prompt_is_never_prefilled_in_chunks(
    context: int, prefill: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VLLM_CPU_NUM_OF_RESERVED_CPU", "TORCHINDUCTOR_CACHE_DIR", "VLLM_USE_AOT_COMPILE"):
        monkeypatch.setenv(name, "before")  # restored at the end
    eager = {
        "enforce_eager": True, "block_size": 32, "enable_chunked_prefill": False, "max_num_batched_tokens": prefill,
        "kv_cache_memory_bytes": 1536 * 1024**2,
    }  # fmt: skip
    assert cpu_arguments(None, context, 1.5) == eager
    assert (os.environ["VLLM_CPU_NUM_OF_RESERVED_CPU"], os.environ["TORCHINDUCTOR_CACHE_DIR"]) == ("0", "before")
    monkeypatch.setattr(cpu, "check_compiler", lambda: None)
    assert cpu_arguments(tmp_path, context, 1.5) == eager | {"enforce_eager": False}
    assert (os.environ["TORCHINDUCTOR_CACHE_DIR"], os.environ["VLLM_USE_AOT_COMPILE"]) == (str(tmp_path), "0")


@pytest.mark.parametrize(
    ("given", "count"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
    ids=["default", "count of the user", "policy of the user"],
)
def test_threads_spin_briefly_unless_the_user_decides(
    given: dict[str, str], count: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, given.get(name, ""))  # restored at the end
        if name not in given:
            monkeypatch.delenv(name)
    cpu.limit_spinning()
    assert os.environ.get("GOMP_SPINCOUNT") == count


@pytest.mark.slow
def test_torch_takes_the_spin_count() -> None:
    code = "from service.engine.cpu import limit_spinning; limit_spinning(); import torch; torch.ones(9)"
    environment = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "LD_PRELOAD")}
    shown = {**environment, "OMP_DISPLAY_ENV": "verbose"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=shown, timeout=120, check=True
    )
    assert "GOMP_SPINCOUNT = '10000'" in run.stderr
