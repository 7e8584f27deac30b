"""CPU support: bfloat16 instructions from /proc/cpuinfo, and the check for a compiler before vLLM starts."""

import ctypes
import os
import subprocess
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, PackagePath
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


@pytest.fixture
def openmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Library of an installed `intel-openmp`. Loading it does nothing."""
    library = tmp_path / "libiomp5.so"
    library.touch()
    monkeypatch.setattr(cpu, "intel_openmp", lambda: library)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: None)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    for name in ("LD_PRELOAD", "KMP_BLOCKTIME"):
        monkeypatch.setenv(name, "")  # restored at the end
        monkeypatch.delenv(name)
    return library


def test_intels_openmp_is_prepared(openmp: Path) -> None:
    assert cpu.prepare_openmp() == openmp
    assert (os.environ["LD_PRELOAD"], os.environ["KMP_BLOCKTIME"]) == (str(openmp), "1")
    assert cpu.prepare_openmp() is None  # it is already preloaded


def test_the_environment_of_the_user_stays(openmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/lib/libjemalloc.so")
    monkeypatch.setenv("KMP_BLOCKTIME", "200")
    assert cpu.prepare_openmp() == openmp
    assert (os.environ["LD_PRELOAD"], os.environ["KMP_BLOCKTIME"]) == (f"/lib/libjemalloc.so:{openmp}", "200")


@pytest.mark.parametrize("library", ["libgomp.so.1", "libiomp5.so", "libomp.so"])
def test_a_runtime_of_the_user_takes_precedence(library: str, openmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", f"/opt/{library}")
    assert cpu.prepare_openmp() is None
    assert (os.environ["LD_PRELOAD"], "KMP_BLOCKTIME" in os.environ) == (f"/opt/{library}", False)


def test_a_loaded_torch_keeps_its_runtime(openmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", sys)
    assert cpu.prepare_openmp() is None
    assert "LD_PRELOAD" not in os.environ


def test_a_library_that_cannot_be_loaded_is_left_out(openmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("wrong ELF class")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert cpu.prepare_openmp() is None
    assert "LD_PRELOAD" not in os.environ


@pytest.mark.parametrize(("folder", "is_found"), [("lib", True), ("my lib", False), ("a:b", False)])
def test_the_library_of_the_package(
    folder: str, is_found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / folder / "libiomp5.so"
    library.parent.mkdir()
    library.touch()
    entry = PackagePath(library)
    entry.dist = type("Dist", (), {"locate_file": staticmethod(Path)})()
    monkeypatch.setattr(cpu, "files", lambda name: [PackagePath("libiomp5.dbg"), entry])
    assert cpu.intel_openmp() == (library if is_found else None)


def test_without_the_package_there_is_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(cpu, "files", missing)
    assert cpu.intel_openmp() is None


@pytest.mark.slow
def test_torch_uses_the_prepared_openmp() -> None:
    """The loader binds torch's calls to Intel's library, in a fork as of the engine and in this process."""
    code = (
        "import ctypes, os\n"
        "from service.engine.cpu import prepare_openmp\n"
        "library = str(prepare_openmp())\n"
        "import torch\n"
        "def threads(number):\n"
        "    torch.set_num_threads(number)\n"
        "    torch.randn(600, 600) @ torch.randn(600, 600)\n"
        "    print(ctypes.CDLL(library).omp_get_max_threads(), flush=True)\n"
        "if os.fork() == 0:\n"
        "    threads(5)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "threads(3)\n"
    )
    if cpu.intel_openmp() is None:
        pytest.skip("only x86_64 CPUs have intel-openmp")
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120, check=True
    )
    assert run.stdout == "5\n3\n"
