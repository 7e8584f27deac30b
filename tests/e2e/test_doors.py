"""All interfaces on the real vLLM: HTTP, clients, files, the page.

The model is tiny and trained on twenty problems (`tests/support/taught_model.py`), so that answers are exact.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI
from openai.types.chat import ChatCompletionMessageParam
from playwright.sync_api import expect
from prometheus_client.parser import text_string_to_metric_families

from service.client import AsyncClient, Client
from service.schemas import SolveResponse
from tests.support.accessibility import violations
from tests.support.browser import chromium
from tests.support.engines import lines
from tests.support.problems import PROBLEMS
from tests.support.served import served

pytestmark = [pytest.mark.e2e, pytest.mark.engine]

CHAT: list[ChatCompletionMessageParam] = [{"role": "user", "content": PROBLEMS[4]["question"]}]
REPLY = "7 * 8 = 56. The answer is 56"
EVERY_FIELD = {
    "problem": "A pen costs 3 dollars. How much do 7 pens cost?",
    "paths": {"cot": 3, "pot": 3},
    "policy": "fixed",
    "temperature": 2.0,
    "max_tokens": 24,
    "deadline_s": 30,
    "seed": 7,
    "min_confidence": 0.0,
    "trace": True,
}
TASK = """\
task: pens
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["Question:"], temperature: {temperature}, max_gen_toks: 64}}
filter_list:
  - name: stated
    filter: [{{function: regex, regex_pattern: "The answer is (\\\\-?[0-9.,]+)"}}, {{function: take_first}}]
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""


@pytest.fixture(scope="module")
def url(taught_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("doors"), "--model", taught_checkpoint, "--max-num-seqs", 16) as url:
        yield url


def counted(url: str) -> float:
    """Paths that the service has counted."""
    families = {family.name: family for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text)}
    assert any(name.startswith("vllm:") for name in families)
    return float(sum(s.value for s in families["twinpath_paths"].samples if s.name == "twinpath_paths_total"))


def test_solve(url: str) -> None:
    before = counted(url)
    defaults = httpx.post(
        f"{url}/solve", json={"problem": EVERY_FIELD["problem"], "policy": "fixed"}, timeout=60
    ).json()
    assert defaults["paths"]["planned"] == 20
    assert set(defaults) == {
        "id", "status", "answer", "value", "calibrated", "confidence", "verdict", "explanation", "votes", "paths", "usage",
        "timing", "model", "seed",
    }  # fmt: skip
    first, second = [httpx.post(f"{url}/solve", json=EVERY_FIELD, timeout=60).json() for _ in range(2)]
    assert first["seed"] == 7
    assert [path["index"] for path in first["trace"]] == [0, 1, 2, 3, 4, 5]
    assert [path["text"] for path in first["trace"]] == [path["text"] for path in second["trace"]]
    assert first["usage"]["completion_tokens"] == sum(path["tokens"] for path in first["trace"])
    assert counted(url) - before == 32
    bad = httpx.post(f"{url}/solve", json={"problem": "x " * 1999, "max_tokens": 1})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "problem")


def test_openai_s_client(url: str) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none") as ai:
        assert [model.id for model in ai.models.list()] == ["pens", "twinpath"]
        completion = ai.chat.completions.create(model="pens", messages=CHAT, n=2, seed=7)
        assert [choice.message.content for choice in completion.choices] == [REPLY, REPLY]
        notes = [choice.model_extra["twinpath"] for choice in completion.choices if choice.model_extra]
        assert completion.usage is not None
        assert completion.usage.completion_tokens == sum(note["usage"]["completion_tokens"] for note in notes) > 0
        assert completion.usage.prompt_tokens == sum(note["usage"]["prompt_tokens"] for note in notes) > 0
        text = ai.completions.create(model="twinpath", prompt=PROBLEMS[4]["question"], stop=". ")
        assert text.choices[0].text == "7 * 8 = 56"
        with pytest.raises(openai.BadRequestError) as refused:
            ai.chat.completions.create(model="pens", messages=CHAT, logprobs=True)
        assert refused.value.param == "logprobs"


def test_openai_s_asynchronous_client_streams(url: str) -> None:
    async def run() -> tuple[str, int]:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as ai:
            stream = await ai.chat.completions.create(
                model="twinpath",
                messages=CHAT,
                stream=True,
                stream_options={"include_usage": True},
            )
            chunks = [chunk async for chunk in stream]
        written = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        usage = chunks[-1].usage
        assert usage is not None
        return written, usage.completion_tokens

    written, tokens = asyncio.run(run())
    assert written == REPLY
    assert tokens > 0


def test_langchain(url: str) -> None:
    chat = ChatOpenAI(base_url=f"{url}/v1", api_key="none", model="twinpath", temperature=0.5, max_tokens=64)
    assert chat.invoke(PROBLEMS[4]["question"]).content == REPLY
    assert "".join(str(chunk.content) for chunk in chat.stream(PROBLEMS[4]["question"])) == REPLY


@pytest.mark.parametrize(
    ("kind", "route", "more", "temperature"),
    [("local-chat-completions", "chat/completions", "", 0.7), ("local-completions", "completions", ",tokenizer_backend=None", 0)],
)  # fmt: skip
def test_lm_eval(url: str, tmp_path: Path, kind: str, route: str, more: str, temperature: float) -> None:
    data = lines(tmp_path / "pens.jsonl", *map(json.dumps, PROBLEMS))
    (tmp_path / "pens.yaml").write_text(TASK.format(data=data, temperature=temperature))
    command = [sys.executable, "-m", "lm_eval", "run", "--model", kind, "--tasks", "pens", "--include_path", tmp_path]
    command += ["--model_args", f"model=twinpath,base_url={url}/v1/{route},num_concurrent=4{more}"]
    command += ["--output_path", tmp_path / "out"] + (["--apply_chat_template"] if "chat" in kind else [])
    environment = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    run = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr[-3000:]
    report = json.loads(next((tmp_path / "out").rglob("results_*.json")).read_text())
    assert report["n-samples"]["pens"]["effective"] == 20
    assert report["results"]["pens"]["exact_match,stated"] == 1.0


def test_the_client(url: str) -> None:
    with Client(url) as client:
        *_, answer = client.stream(PROBLEMS[4]["question"], seed=7)
        assert isinstance(answer, SolveResponse)
        assert (answer.answer, answer.votes[0].cot > 0, answer.votes[0].pot > 0) == ("56", True, True)
        rows = {row.id: row.solution.answer for row in client.solve_many(PROBLEMS) if row.solution}
    assert rows == {row["id"]: row["answer"] for row in PROBLEMS}

    async def run() -> str | None:
        async with AsyncClient(url) as client:
            return (await client.solve(PROBLEMS[0]["question"])).answer

    assert asyncio.run(run()) == PROBLEMS[0]["answer"]


def test_a_file_of_problems(url: str, tmp_path: Path) -> None:
    source = lines(tmp_path / "in.jsonl", *map(json.dumps, PROBLEMS), "{bad")
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "service.cli.main",
        "solve",
        "--input",
        source,
        "--output",
        tmp_path / "out",
        "--url",
        url,
    ]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.returncode, "line 21: The line is not valid JSON" in run.stderr) == (1, True)
    rows = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert {row["id"]: row["solution"]["answer"] for row in rows if "solution" in row} == {
        row["id"]: row["answer"] for row in PROBLEMS
    }


def test_the_page(url: str) -> None:
    with chromium() as browser:
        for scheme in ("light", "dark"):
            for width in (1280, 390):
                context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 850})
                page = context.new_page()
                page.goto(url)
                page.get_by_label("A math word problem").fill(PROBLEMS[4]["question"])
                page.get_by_role("button", name="Solve").click()
                expect(page.locator("#details")).to_be_visible(timeout=30_000)
                expect(page.locator("#answer")).to_have_text("56")
                expect(page.locator("#votes li .name").first).to_have_text("56")
                expect(page.locator("#cot .text")).to_have_text(REPLY)
                expect(page.locator("#pot .output")).to_have_text("→ 56")
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                assert violations(page) == []
                context.close()
