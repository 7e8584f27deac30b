"""What a processor computes in, by what Linux says of it."""

from pathlib import Path

import pytest

from service.engine import cpu


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
def test_bfloat16_is_computed_where_there_are_instructions_for_it(line: str, computes: bool, tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\n{line}\n\nprocessor\t: 1\n", encoding="utf-8")
    assert cpu.computes_bfloat16(cpuinfo) is computes


@pytest.mark.parametrize(("computes", "dtype"), [(True, "auto"), (False, "float32")])
def test_what_a_cpu_serves_in(computes: bool, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "computes_bfloat16", lambda: computes)
    assert cpu.dtype_on_cpu() == dtype
    assert cpu.dtype_on_cpu("bfloat16") == "bfloat16"
