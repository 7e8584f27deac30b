"""lm-eval with its own tasks on local rows: scores of a service whose script shows what is in the problem."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.engines import lines
from tests.support.served import served

pytestmark = pytest.mark.e2e

SHOTS = [
    {"question": f"Tom has {n} cups and buys 4. How many?", "answer": "The answer is 99\n#### 99"} for n in range(5, 15)
]
ROWS = [{"question": f"Ann has {n} pens and buys 3. How many?", "answer": f"#### {n + 3}"} for n in range(20, 28)]
TASK = """\
include: {task}
task: local
dataset_path: json
dataset_name: null
dataset_kwargs: {{data_files: {{train: {train}, test: {test}}}}}
test_split: test
"""
TASKS = Path(str(find_spec("lm_eval").origin)).parent / "tasks"  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Service that answers 99 if an example is in the problem, and else rightly."""
    folder = tmp_path_factory.mktemp("lm_eval")
    script = [
        {"problem": "Tom has", "kind": "cot", "text": "The answer is 99"},
        {"problem": "Tom has", "kind": "pot", "text": "ans = 99"},
    ]
    for n in range(20, 28):
        problem = f"Ann has {n} pens"
        script.append({"problem": problem, "kind": "cot", "text": f"{n} + 3 = {n + 3}. The answer is {n + 3}"})
        script.append({"problem": problem, "kind": "pot", "text": f"ans = {n} + 3"})
    with served(folder, "--engine", "fake", "--fake-script", lines(folder / "script", *map(json.dumps, script))) as url:
        yield url


@pytest.mark.parametrize("kind", ["local-chat-completions", "local-completions"])
def test_the_five_examples_of_gsm8k_are_not_the_problem(url: str, tmp_path: Path, kind: str) -> None:
    test = lines(tmp_path / "test.jsonl", *map(json.dumps, ROWS))
    train = lines(tmp_path / "train.jsonl", *map(json.dumps, SHOTS))
    (tmp_path / "local.yaml").write_text(TASK.format(task=TASKS / "gsm8k/gsm8k.yaml", train=train, test=test))
    is_chat = kind == "local-chat-completions"
    route, more = ("chat/completions", "") if is_chat else ("completions", ",tokenizer_backend=None")
    command = [sys.executable, "-m", "lm_eval", "run", "--model", kind, "--tasks", "local", "--include_path", tmp_path]
    command += ["--gen_kwargs", "temperature=0.7", "--output_path", tmp_path / "out"]
    command += ["--model_args", f"model=twinpath,base_url={url}/v1/{route},num_concurrent=4{more}"]
    command += ["--apply_chat_template"] if is_chat else []
    environment = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    run = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr[-3000:]
    report = json.loads(next((tmp_path / "out").rglob("results_*.json")).read_text())
    assert report["n-samples"]["local"]["effective"] == len(ROWS)
    assert report["results"]["local"]["exact_match,flexible-extract"] == 1.0
