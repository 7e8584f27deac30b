"""A faulty teacher endpoint: nothing is paid twice, and the cap holds."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.errors import ConfigurationError, EngineError
from training.data import teacher_client
from training.data.problem import Problem, read_rationales
from training.recipe import Teacher
from training.rehearsal.endpoint import completion, serving
from training.stages.teacher import sample_all

PROBLEMS = [Problem(f"p{i}", f"What is {i} plus 1?", str(i + 1)) for i in range(6)]


class Hostile:
    """Endpoint with faults. `faults` holds those of the next requests, `served` counts answers by request.

    A slow request is answered once `left` is set.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.served: Counter[str] = Counter()
        self.always: str = ""
        self.left = threading.Event()

    def reply(self, path: str, body: str) -> tuple[int, str, dict[str, str]]:
        if path.endswith("/models"):
            return 404, "{}", {}
        fault = self.always or (self.faults.pop() if self.faults else "")
        if fault == "slow":
            self.left.wait(60)
        if fault == "limit":
            return 429, "{}", {"retry-after": "0.01"}
        if fault == "broken":
            return 500, "oops", {}
        if fault == "garbage":
            return 200, '{"choices": "none"}', {}
        if fault == "superscript":
            return 429, "{}", {"retry-after": "\u00b2"}
        if fault == "surrogate":
            return 200, json.dumps(completion("The answer is 1 \ud83d", "stop")), {}
        if fault == "html":
            return 200, "<html>busy</html>", {}
        if fault != "slow":
            self.served[body] += 1
        return 200, json.dumps(completion("The answer is 1", "length" if fault == "cut" else "stop")), {}


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Hostile, str]]:
    monkeypatch.setattr(teacher_client, "WAIT_S", 0.001)
    script = Hostile()

    with serving(script.reply) as url:
        yield script, url
        script.left.set()


def _teacher(url: str, **changes: Any) -> Teacher:
    settings = {"base_url": url, "model": "t", "cot": 2, "pot": 1, "timeout_s": 30, "concurrency": 3, "max_tokens": 20}
    return Teacher(**(settings | changes))


def _run(teacher: Teacher, tmp_path: Path) -> int:
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    sample_all(teacher, PROBLEMS, out, seed=1, cache=tmp_path / "cache")
    return len(read_rationales(out / "rationales.jsonl"))


def test_faults_are_outlived_and_nothing_is_paid_twice(hostile: tuple[Hostile, str], tmp_path: Path) -> None:
    script, url = hostile
    script.faults = ["slow", "limit", "broken", "garbage", "html", "limit", "cut"]
    assert _run(_teacher(url, timeout_s=1), tmp_path) == 17  # 18 samples, one of them cut off
    assert len(script.served) == 18
    assert set(script.served.values()) == {1}
    assert _run(_teacher(url), tmp_path) == 17
    assert script.served.total() == 18
    assert json.loads((tmp_path / "out/log/cost.json").read_text())["prompt_tokens"] == 18 * 50


def test_an_endpoint_that_fails_is_reported_and_the_next_run_sends_the_rest(
    hostile: tuple[Hostile, str], tmp_path: Path
) -> None:
    script, url = hostile
    script.faults = ["broken"] * 34 + [""]  # the first request is answered
    with pytest.raises(EngineError, match="17 of 18 teacher requests failed"):
        _run(_teacher(url, attempts=2), tmp_path)
    assert script.faults == []
    assert _run(_teacher(url), tmp_path) == 18


def test_the_cap_holds_and_raising_it_goes_on(hostile: tuple[Hostile, str], tmp_path: Path) -> None:
    script, url = hostile
    priced = {"price_prompt": 1000.0, "price_completion": 1000.0}  # an answer costs 6 cents, at worst 30
    with pytest.raises(ConfigurationError, match=r"cap of \$1.0 is reached"):
        _run(_teacher(url, cap_dollars=1.0, **priced), tmp_path)
    cost = json.loads((tmp_path / "out/log/cost.json").read_text())
    assert 0 < cost["dollars"] <= 1.0
    assert cost["dollars"] == pytest.approx(script.served.total() * 0.06)
    assert _run(_teacher(url, cap_dollars=9.0, **priced), tmp_path) == 18
    assert script.served.total() == 18


def test_a_torn_cache_file_cannot_be_seen(hostile: tuple[Hostile, str], tmp_path: Path) -> None:
    """A kill during a write leaves a `.new` file, which does not count."""
    script, url = hostile
    assert _run(_teacher(url), tmp_path) == 18
    victim = next((tmp_path / "cache").glob("*/*.json"))
    victim.rename(victim.with_suffix(".new"))
    assert _run(_teacher(url), tmp_path) == 18
    assert script.served.total() == 19


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "teacher.api_key_file {} cannot be read: No such file or directory."),
        (b"", "teacher.api_key_file {} must hold one API key on one line"),
        (b"tp_secret\ntp_other\n", "teacher.api_key_file {} must hold one API key on one line"),
        (b"tp secret", "teacher.api_key_file {} must hold one API key on one line"),
        (b"tp_secr\xe9t", "teacher.api_key_file {} cannot be read: byte 8 is not UTF-8 text."),
        ("tp_secr\u00e9t".encode(), "teacher.api_key_file {} must hold one API key on one line"),
    ],
)
def test_a_wrong_key_file_is_refused_without_the_key(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        _run(_teacher("http://127.0.0.1:1", api_key_file=str(path)), tmp_path)
    assert str(raised.value) == reason.format(path)


def test_a_damaged_answer_of_the_cache_is_sampled_again(hostile: tuple[Hostile, str], tmp_path: Path) -> None:
    script, url = hostile
    key = tmp_path / "key"
    key.write_bytes(b"\xef\xbb\xbftp_secret\r\n")
    assert _run(_teacher(url, api_key_file=str(key)), tmp_path) == 18
    first, second, third, *_ = sorted((tmp_path / "cache").rglob("*.json"))
    first.write_text("")
    second.write_text("[1]")
    third.write_text('{"text": "x"}')
    assert _run(_teacher(url, api_key_file=str(key)), tmp_path) == 18
    assert sum(script.served.values()) == 21


def test_half_characters_and_odd_waits_of_an_endpoint_are_taken(hostile: tuple[Hostile, str], tmp_path: Path) -> None:
    script, url = hostile
    script.faults = ["superscript", "surrogate", "superscript"]
    assert _run(_teacher(url), tmp_path) == 18
    texts = [rationale.text for rationale in read_rationales(tmp_path / "out/rationales.jsonl")]
    assert sorted(set(texts)) == ["The answer is 1", "The answer is 1 ?"]
