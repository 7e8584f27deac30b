"""A hostile caller beside an ordinary caller: how much longer the ordinary caller waits."""

import json
import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from service.api.api_key import KeyScope
from service.api.api_keys import new_key
from tests.support.engines import lines
from tests.support.served import started

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.alone]

ORDINARY = {"problem": "A pen costs 3 dollars. How much do 7 pens cost in all, each at that price?", "policy": "fixed"}
LOOPS = {"problem": "Loop for ever, 3 and 4.", "paths": {"cot": 0, "pot": 64}, "policy": "fixed", "deadline_s": 600}
LONG = {"problem": "Write a lot, 3 and 4.", "paths": {"cot": 64, "pot": 64}, "policy": "fixed", "deadline_s": 600}
ROUNDS = 7


class Shared:
    """Service that two callers share, each with a key."""

    def __init__(self, url: str, keys: dict[str, str], pid: int) -> None:
        self.url = url
        self.pid = pid
        self._keys = keys

    def post(self, key: str, path: str, body: dict[str, Any], **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._keys[key]}"} if key else {}
        return httpx.post(f"{self.url}{path}", json=body, headers=headers, timeout=60, **options)

    def seconds(self, key: str) -> float:
        """Median time of an ordinary problem, one after another. Each must be answered."""
        times = []
        for seed in range(ROUNDS):
            began = time.monotonic()
            solved = self.post(key, "/solve", ORDINARY | {"seed": seed}).json()
            times.append(time.monotonic() - began)
            assert (solved["status"], solved["answer"]) == ("answered", "21")
            assert solved["votes"][0]["pot"] > 4
        return statistics.median(times)

    def batch(self, key: str, row: dict[str, Any], rows: int) -> httpx.Response:
        headers = {"Content-Type": "application/x-ndjson"}
        headers |= {"Authorization": f"Bearer {self._keys[key]}"} if key else {}
        content = (json.dumps(row) + "\n") * rows
        return httpx.post(f"{self.url}/solve/batch", content=content, headers=headers, timeout=60)


@contextmanager
def shared(folder: Path, *flags: object, limits: dict[str, int | None]) -> Iterator[Shared]:
    keys = {}
    tables = ""
    for name, concurrency in limits.items():
        keys[name], table = new_key(name, [KeyScope.SOLVE], None, concurrency)
        tables += table
    script = [{"problem": "Loop", "kind": "pot", "text": f"ans = {n}\nwhile True:\n    ans += 1"} for n in range(64)]
    script += [{"problem": "Write", "kind": kind, "text": "word " * 2000} for kind in ("cot", "pot")]
    used = ["--engine", "fake", "--fake-tokens-per-s", 200]
    used += ["--fake-script", lines(folder / "script", *map(json.dumps, script))]
    used += ["--api-keys-file", lines(folder / "keys", tables)] if keys else []
    with started(folder, *used, *flags) as (process, url):
        yield Shared(url, keys, process.pid)
        process.kill()


Attack = Callable[[Shared, str], httpx.Response]


def one_request_of_loops(service: Shared, key: str) -> httpx.Response:
    return service.post(key, "/solve", LOOPS)


def many_choices_of_loops(service: Shared, key: str) -> httpx.Response:
    options = {name: LOOPS[name] for name in ("paths", "policy", "deadline_s")}
    body = {"model": "twinpath", "prompt": LOOPS["problem"], "n": 64, "temperature": 1, "twinpath": options}
    return service.post(key, "/v1/completions", body)


def a_batch_of_loops(service: Shared, key: str) -> httpx.Response:
    return service.batch(key, LOOPS, 64)


def many_prompts(service: Shared, key: str) -> httpx.Response:
    options = {name: LONG[name] for name in ("paths", "policy", "deadline_s")}
    body = {"model": "twinpath", "prompt": [LONG["problem"]] * 64, "max_tokens": 2000, "twinpath": options}
    return service.post(key, "/v1/completions", body)


def a_batch_of_long_problems(service: Shared, key: str) -> httpx.Response:
    return service.batch(key, LONG | {"max_tokens": 2000}, 64)


def compare(service: Shared, ordinary: str, attack: Attack, hostile: str) -> None:
    """Measure the ordinary caller, with and without a caller who attacks again and again."""
    service.seconds(ordinary)
    alone = service.seconds(ordinary)

    def attack_for_ever() -> None:
        while True:
            attack(service, hostile)

    with ThreadPoolExecutor(1) as callers:
        attacking = callers.submit(attack_for_ever)
        time.sleep(3)
        beside = service.seconds(ordinary)
        assert not attacking.done()
        os.kill(service.pid, signal.SIGKILL)
        assert isinstance(attacking.exception(), httpx.TransportError)
    print(f"{attack.__name__}: {alone:.3f} s alone, {beside:.3f} s beside the attack")
    assert beside < 2 * alone


@pytest.mark.parametrize(
    ("attack", "concurrency"),
    [
        (one_request_of_loops, 1),
        (many_choices_of_loops, None),
        (a_batch_of_loops, None),
        (many_prompts, 1),
        (many_prompts, None),
        (a_batch_of_long_problems, None),
    ],
)
def test_a_hostile_caller_at_most_doubles_the_wait_of_an_ordinary_one(
    tmp_path: Path, attack: Attack, concurrency: int | None
) -> None:
    with shared(tmp_path, limits={"ann": None, "bob": concurrency}) as service:
        compare(service, "ann", attack, "bob")


def test_without_keys_a_request_of_loops_at_most_doubles_the_wait_of_another(tmp_path: Path) -> None:
    with shared(tmp_path, limits={}) as service:
        compare(service, "", one_request_of_loops, "")


def test_a_request_of_loops_ends_soon(tmp_path: Path) -> None:
    """Two programs use their time, and the others a part of it: not 64 x 2 s on two workers."""
    with shared(tmp_path, limits={}) as service:
        began = time.monotonic()
        solved = service.post("", "/solve", LOOPS | {"trace": True}).json()
        assert [path["outcome"] for path in solved["trace"]] == ["timeout"] * 64
        assert time.monotonic() - began < 30


def test_many_callers_do_not_keep_another_out_of_the_queue(tmp_path: Path) -> None:
    flags = ["--max-queue", 8]
    with shared(tmp_path, *flags, limits={"ann": None, "bob": None}) as service, ThreadPoolExecutor(32) as callers:
        hostile = [callers.submit(service.post, "bob", "/solve", LONG | {"max_tokens": 2000}) for _ in range(32)]
        time.sleep(2)
        assert service.post("ann", "/solve", ORDINARY | {"seed": 1}).json()["answer"] == "21"
        refused = [call.result() for call in hostile if call.done()]
        assert {response.status_code for response in refused} == {429}
        assert len(refused) == 32 - 1 - 6
        os.kill(service.pid, signal.SIGKILL)


def test_a_stopped_sandbox_is_replaced_within_seconds_whatever_the_deadlines(tmp_path: Path) -> None:
    with shared(tmp_path, limits={}) as service:
        body = ORDINARY | {"deadline_s": 10, "paths": {"cot": 0, "pot": 8}}
        assert service.post("", "/solve", body).json()["answer"] == "21"
        for zygote in psutil.Process(service.pid).children():
            zygote.suspend()
        began = time.monotonic()
        for seed in range(3):
            solved = service.post("", "/solve", body | {"seed": seed}).json()
            assert (solved["status"], solved["answer"]) == ("answered", "21")
        assert time.monotonic() - began < 8
