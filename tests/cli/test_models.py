"""`twinpath model`: list, details and downloads."""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from rich.console import Console
from safetensors.numpy import save, save_file

from service.cli import models
from service.cli.models import ModelInfo
from service.errors import CheckpointError
from service.model.checkpoint import read_checkpoint
from service.model.sizes import read_size, size_of
from tests.cli.conftest import Run
from tests.support.hub import Hub
from tests.support.model_configs import QWEN25_7B

V1 = {"format_version": 1, "base_model": "gemma-3-270m", "calibration": {"confidence_map": [[0.2, 0.3], [0.9, 0.8]]}}
LLAMA = {
    "model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 1,
    "head_dim": 64, "max_position_embeddings": 4096,
}  # fmt: skip


@pytest.fixture
def student(tmp_path: Path) -> Path:
    path = tmp_path / "student"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(LLAMA))
    (path / "twinpath.json").write_text(json.dumps(V1))
    tensors = {
        "model.embed_tokens.weight": np.zeros((50, 10), np.float16),
        "layers.0.w": np.zeros((100, 10), np.float16),
    }
    save_file(tensors, path / "model.safetensors")
    return path


def test_a_pipe_gets_one_line(student: Path, twinpath: Run) -> None:
    line = f"student\tv1\t{student}\t-\n"
    assert twinpath("model", "info", student) == (0, line, "")
    assert (
        twinpath("model", "info", "--model", student) == twinpath("model", "info", "--name", student) == (0, line, "")
    )


def test_details_as_json(student: Path, twinpath: Run) -> None:
    code, out, _ = twinpath("model", "info", student, "--json", "--tokens", 1000)
    found = json.loads(out)
    assert code == 0
    paths = found.pop("paths")
    assert list(paths) == ["float32", "bfloat16", "fp8", "int4"]
    assert paths["bfloat16"]["8"] == (int(7.2 * 2**30) - 3000 - 3 * 2**29) // 512_000
    assert found == {
        "name": "student", "path": str(student), "downloaded": True, "style": "v1", "calibrated": True, "prompt": None, "thinking": "no",
        "decoding": {"temperature": 0.7, "top_p": 1.0}, "parameters": 1500,
        "linear_parameters": 1000, "context": 4096, "stored_bytes": 3000, "quantization": None,
        "kv_cache": {"full_layers": 2, "sliding_layers": 0, "window": 0, "values": 128},
        "weight_bytes": {"float32": 6000, "bfloat16": 3000, "fp8": 2000, "int4": 1519},
        "kv_bytes_per_token": 512, "tokens_per_path": 1000, "kv_bytes_per_path": 512_000,
    }  # fmt: skip


def test_details_on_a_terminal(student: Path) -> None:
    file = io.StringIO()
    model = ModelInfo(
        read_checkpoint(student, "student"), "qwen-math", (False, True), size_of(QWEN25_7B), 2048, utilization=0.9
    )
    Console(file=file, width=100, highlight=False).print(*models.info_screen(model), sep="\n")
    assert [line.rstrip() for line in file.getvalue().splitlines()] == [
        "student",
        "parameters       7.6B",
        "weights on disk  ?",
        "context          131,072 tokens",
        "KV cache         56 KiB per token, 112 MiB per path of 2,048",
        "prompt style     v1, prompt qwen-math",
        "thinking         off by default",
        "sampling         temperature 0.7, top_p 1",
        "confidence       calibrated",
        f"directory        {student}",
        "",
        "Paths of 2,048 tokens at a time, by the memory of a GPU (computed):",
        "",
        "weights     memory  8 GB  16 GB  24 GB  48 GB  80 GB  141 GB",
        "float32   28.4 GiB     –      –      –     60    192     443",
        "bfloat16  14.2 GiB     –      –     54    251    514   1,016",
        "fp8        8.1 GiB     –     43    109    307    570   1,072",
        "int4       5.2 GiB     4     70    136    333    597   1,099",
        "",
        "The engine decodes at most `max_num_seqs` of them at a time, by default 64.",
    ]


def test_quantized_files_have_one_row(student: Path) -> None:
    config = LLAMA | {"quantization_config": {"quant_method": "awq"}}
    (student / "config.json").write_text(json.dumps(config))
    model = ModelInfo(read_checkpoint(student, "s"), None, (True,), read_size(student), 10, utilization=0.9)
    found = models.info_document(model)
    assert found["thinking"] == "always"
    assert (found["weight_bytes"], found["parameters"]) == ({"awq": 3000}, None)
    assert list(found["paths"]) == ["awq"]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """Hub with one model of 1,000 weights."""
    weights = save({"layers.0.w": np.zeros((100, 10), np.float16)})
    files = {"config.json": json.dumps(LLAMA).encode(), "model.safetensors": weights}
    with Hub({"org/model": files}).served() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setenv("TWINPATH_ENGINE_OPTIONS", json.dumps({"download_dir": str(tmp_path / "hub")}))
        yield hub


def test_details_of_a_model_on_the_hub_need_no_weights(hub: Hub, twinpath: Run, tmp_path: Path) -> None:
    code, out, _ = twinpath("model", "info", "org/model", "--json")
    found = json.loads(out)
    size = len(hub.models["org/model"]["model.safetensors"])
    assert (code, found["downloaded"], found["stored_bytes"], found["context"]) == (0, False, size, 4096)
    assert hub.ranges == []
    assert not list((tmp_path / "hub").rglob("*.safetensors"))
    assert twinpath("model", "info", "org/model", "--revision", "v9")[0] == 2
    assert twinpath("model", "pull", "org/model")[0] == 0
    hub.is_silent = True
    assert json.loads(twinpath("model", "info", "org/model", "--json")[1])["downloaded"] is True


def test_a_screen_names_the_size_of_a_download(student: Path) -> None:
    file = io.StringIO()
    size = replace(size_of(QWEN25_7B), stored_bytes=15 * 2**30)
    model = ModelInfo(read_checkpoint(student, "s"), None, (False,), size, 2048, utilization=0.9, is_here=False)
    Console(file=file, width=100, highlight=False).print(*models.info_screen(model), sep="\n")
    assert file.getvalue().splitlines()[2].split() == ["to", "download", "15", "GiB"]


def test_a_damaged_file_is_one_line(student: Path, twinpath: Run) -> None:
    (student / "model.safetensors").write_bytes(b"1234")
    code, out, err = twinpath("model", "info", student, "--json")
    assert (code, out) == (2, "")
    assert err == (f"twinpath: {student / 'model.safetensors'} is not a safetensors file, or it is damaged.\n")


def test_a_list_of_nothing(twinpath: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TWINPATH_ENGINE_OPTIONS", json.dumps({"download_dir": str(tmp_path)}))
    line = "No model is on this machine. Download one: twinpath model pull NAME\n"
    assert twinpath("model", "list") == (0, line, "")
    assert json.loads(twinpath("model", "list", "--json")[1]) == []


def test_a_list_of_models(student: Path, twinpath: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    snapshots = hub / "models--org--student/snapshots"
    snapshots.mkdir(parents=True)
    student.rename(snapshots / ("a" * 40))
    empty = hub / "models--org--empty/snapshots" / ("b" * 40)
    empty.mkdir(parents=True)
    (empty / "config.json").write_text("{}")
    monkeypatch.setenv("TWINPATH_ENGINE_OPTIONS", json.dumps({"download_dir": str(hub)}))
    monkeypatch.setenv("COLUMNS", "100")
    code, out, _ = twinpath("model", "list")
    assert code == 0
    assert [line.rstrip() for line in out.splitlines()] == [
        "model        on disk  style  confidence",
        "org/empty    2 bytes  –      –",
        "org/student  3.3 KiB  v1     calibrated",
        "org/empty: no weights; `twinpath model pull org/empty` downloads them",
    ]
    rows = json.loads(twinpath("model", "list", "--json")[1])
    assert [(row["name"], row["style"], row["calibrated"], row["fault"]) for row in rows] == [
        ("org/empty", None, None, "no weights; `twinpath model pull org/empty` downloads them"),
        ("org/student", "v1", True, None),
    ]


def test_a_pull_names_the_command_that_serves(student: Path, twinpath: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def download(model: str, download: object, report: object) -> Path:
        asked.extend([model, download.revision])  # type: ignore[attr-defined]
        return student

    monkeypatch.setattr(models, "download_model", download)
    code, out, err = twinpath("model", "pull", "org/student", "--revision", "v2")
    assert (code, err, asked) == (0, "Downloading org/student.\n", ["org/student", "v2"])
    assert out == (
        f"org/student: 1,500 parameters, 2.9 KiB of weights\n{student}\n\n"
        "Serve it: twinpath serve --model org/student --revision v2\n"
    )


def test_a_pull_without_a_name_builds_the_bundled_model(
    student: Path, twinpath: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "find_checkpoint", lambda *_, **__: read_checkpoint(student, "bundled"))
    code, out, _ = twinpath("model", "pull")
    assert code == 0
    assert out.startswith("bundled: 1,500 parameters, ")
    assert out.endswith("\nServe it: twinpath serve\n")


def test_a_pull_of_a_directory_is_refused(student: Path, twinpath: Run) -> None:
    refusal = f"twinpath: {student} is a directory; there is nothing to download.\n"
    assert twinpath("model", "pull", student) == (2, "", refusal)
    refusal = "twinpath: The name of the model is empty; give a Hugging Face name.\n"
    assert twinpath("model", "pull", " ") == (2, "", refusal)


def test_a_progress_bar_shows_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True)
    with models.download_progress(console, "org/model") as report:
        report(2**20, 4 * 2**20)
    assert "1.0/4.0 MiB" in file.getvalue()


def test_the_size_of_a_model_needs_no_torch(student: Path) -> None:
    loaded = {name for name in ("torch", "transformers") if name in sys.modules}
    with pytest.raises(CheckpointError):
        read_size(student / "model.safetensors" / "no")
    assert read_size(student).parameters == 1500
    assert {name for name in ("torch", "transformers") if name in sys.modules} == loaded
