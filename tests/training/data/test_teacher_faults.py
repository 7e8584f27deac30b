"""Faults of a teacher's endpoint: one line, at the first request."""

import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.errors import ConfigurationError, EngineError, TwinpathError
from training.data import teacher_client, teacher_faults
from training.data.problem import Problem, read_rationales
from training.progress import Step
from training.recipe import Teacher
from training.rehearsal.endpoint import completion, serving
from training.stages.teacher import sample_all

PROBLEMS = [Problem(f"p{i}", f"What is {i} plus 1?", str(i + 1)) for i in range(20)]
FOUND = json.dumps({"object": "list", "data": [{"id": "small-1"}, {"id": "large-1"}]})


class Endpoint:
    """Endpoint with one reply for its list of models, and others for its samples. The last one repeats."""

    def __init__(self, models: tuple[int, str], *samples: tuple[int, str]) -> None:
        self.models = models
        self.samples = samples
        self.requests: Counter[str] = Counter()

    def reply(self, path: str, body: str) -> tuple[int, str, dict[str, str]]:
        status, text = self.models
        if path != "/v1/models":
            self.requests[path] += 1
            status, text = self.samples[min(self.requests.total(), len(self.samples)) - 1]
        return status, text, {"content-type": "text/html"} if text.startswith("<") else {}


def _teacher(url: str, **changes: object) -> Teacher:
    settings = {"base_url": url, "model": "small-2", "cot": 1, "pot": 1, "concurrency": 2}
    return Teacher.model_validate(settings | changes)


def _sample(teacher: Teacher, tmp_path: Path) -> None:
    sample_all(teacher, PROBLEMS, tmp_path, seed=1, cache=tmp_path / "cache")


def _fault(endpoint: Endpoint, tmp_path: Path, **changes: object) -> str:
    """Message of the error, with URL for the address."""
    began = time.monotonic()
    with serving(endpoint.reply) as url, pytest.raises(TwinpathError) as raised:
        _sample(_teacher(url, **changes), tmp_path)
    assert time.monotonic() - began < 5
    return str(raised.value).replace(url, "URL")


def _error(message: str, **fields: str) -> str:
    return json.dumps({"error": {"message": message, **fields}})


OK = 200, json.dumps(completion("The answer is 1"))


@pytest.mark.parametrize(
    ("models", "sample", "changes", "message"),
    [
        (
            (401, "{}"),
            (401, _error("Incorrect API key provided")),
            {},
            "the teacher at URL refuses the API key (401: Incorrect API key provided); set teacher.api_key_file to a "
            "file with a valid key",
        ),
        (
            (200, FOUND),
            (404, _error("The model `small-2` does not exist.")),
            {},
            "the teacher at URL does not have the model 'small-2' (404: The model `small-2` does not exist.); set "
            "teacher.model, for example to small-1",
        ),
        (
            (404, "{}"),
            (404, '{"detail": "Not Found"}'),
            {},
            "URL/chat/completions does not exist (404: Not Found); correct teacher.base_url (usually with /v1 at its "
            "end) or teacher.model",
        ),
        (
            (404, "{}"),
            (405, "<html>"),
            {"style": "solve"},
            "URL/solve does not exist (405: <html>); correct teacher.base_url (without /v1) or teacher.model",
        ),
        (
            (200, "<html>"),
            (200, "<html>"),
            {},
            "the teacher at URL does not reply in the style `chat` (not a completion: AttributeError(\"'str' object has "
            "no attribute 'choices'\")); correct teacher.base_url or teacher.style",
        ),
        (
            (200, FOUND),
            (429, _error("You exceeded your current quota", code="insufficient_quota")),
            {"model": "small-1"},
            "the teacher at URL has no credit for this key (You exceeded your current quota); add some, or use another "
            "key",
        ),
        (
            (200, FOUND),
            (400, _error("`max_tokens`\nis not\tsupported")),
            {"model": "small-1"},
            "the teacher at URL refuses the request (400: `max_tokens` is not supported)",
        ),
    ],
)
def test_a_lasting_fault_ends_the_run_at_the_first_request(
    models: tuple[int, str], sample: tuple[int, str], changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    endpoint = Endpoint(models, sample)
    assert _fault(endpoint, tmp_path, **changes) == message
    assert endpoint.requests.total() == 1


def test_a_dead_endpoint_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    began = time.monotonic()
    with pytest.raises(EngineError) as raised:
        _sample(_teacher(url), tmp_path)
    assert time.monotonic() - began < 5
    expected = f"the teacher at {url} cannot be reached: Connection refused; start it, or correct teacher.base_url"
    assert str(raised.value) == expected


def test_an_endpoint_that_accepts_and_is_silent_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(teacher_faults, "ANSWER_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with pytest.raises(EngineError, match=r"cannot be reached: no answer within 0\.3 s"):
            _sample(_teacher(url), tmp_path)


@pytest.mark.parametrize("url", ["127.0.0.1:1/v1", "http://[", "ftp://host/v1", "http://host:99999"])
def test_a_value_that_is_not_a_url_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        _sample(_teacher(url), tmp_path)
    assert str(raised.value) == f"teacher.base_url is {url!r}; it must be a URL such as http://HOST:PORT/v1"


def test_a_later_refusal_concerns_only_its_request(tmp_path: Path) -> None:
    endpoint = Endpoint((404, "{}"), OK, (400, _error("too long")), OK)
    message = _fault(endpoint, tmp_path)
    assert message.startswith("1 of 40 teacher requests failed (BadRequestError: ")
    assert message.endswith("; run the command again to send only these")
    assert endpoint.requests.total() == 40  # the refused one was not sent again


def test_an_endpoint_that_fails_later_gets_no_further_requests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(teacher_client, "WAIT_S", 0.001)
    monkeypatch.setattr(teacher_client, "GIVE_UP", 6)
    endpoint = Endpoint((404, "{}"), OK, OK, OK, (500, "oops"))
    message = _fault(endpoint, tmp_path, attempts=2)
    failed = int(message.split()[0])
    assert failed in (6, 7)  # two requests are open at a time
    assert f"and {40 - 3 - failed} were not sent; run the command again" in message
    open_at_end = endpoint.requests.total() - 3 - 2 * 6
    assert open_at_end in (range(1, 3) if failed == 7 else [0])  # without a further attempt


def test_a_model_that_is_not_listed_can_answer(tmp_path: Path) -> None:
    with serving(Endpoint((200, FOUND), OK).reply) as url:
        _sample(_teacher(url), tmp_path)
    assert len(read_rationales(tmp_path / "rationales.jsonl")) == 40


def test_nothing_is_sent_if_the_cache_has_every_answer(tmp_path: Path) -> None:
    with serving(Endpoint((200, FOUND), OK).reply) as url:
        _sample(_teacher(url), tmp_path)
    _sample(_teacher("http://127.0.0.1:1/v1"), tmp_path)
    assert len(read_rationales(tmp_path / "rationales.jsonl")) == 40


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ((502, "<html>bad gateway"), "the teacher at URL fails (502: <html>bad gateway); start it again, or correct "
         "teacher.base_url"),
        ((429, _error("slow down")), "the teacher at URL takes no further request now (429: slow down); run the "
         "command again later"),
    ],
)  # fmt: skip
def test_a_backend_that_fails_ends_the_run_after_two_attempts(
    sample: tuple[int, str], message: str, tmp_path: Path
) -> None:
    endpoint = Endpoint((502, "<html>"), sample)
    assert _fault(endpoint, tmp_path) == message
    assert endpoint.requests.total() == 2


def test_the_first_request_can_succeed_at_its_second_attempt(tmp_path: Path) -> None:
    endpoint = Endpoint((200, FOUND), (503, "loading"), OK)
    with serving(endpoint.reply) as url:
        _sample(_teacher(url), tmp_path)
    assert endpoint.requests.total() == 41


def test_a_long_wait_before_the_second_attempt_is_cut(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(teacher_client, "ANSWER_S", 0.1)

    class Busy(Endpoint):
        def reply(self, path: str, body: str) -> tuple[int, str, dict[str, str]]:
            status, text, headers = super().reply(path, body)
            return status, text, headers | {"retry-after": "50"}

    assert "(503: later)" in _fault(Busy((200, FOUND), (503, "later")), tmp_path)


def test_a_first_request_without_an_answer_is_sent_once(tmp_path: Path) -> None:
    class Silent(Endpoint):
        def reply(self, path: str, body: str) -> tuple[int, str, dict[str, str]]:
            found = super().reply(path, body)
            time.sleep(0 if path == "/v1/models" else 1)
            return found

    endpoint = Silent((200, FOUND), OK)
    assert _fault(endpoint, tmp_path, timeout_s=0.3) == (
        "the teacher at URL did not answer the first request within 0.3 s; start it again, correct teacher.base_url, "
        "or raise teacher.timeout_s"
    )
    assert endpoint.requests.total() == 1


def test_open_requests_of_a_failed_endpoint_get_no_further_attempt(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(teacher_client, "WAIT_S", 0.01)
    monkeypatch.setattr(teacher_client, "GIVE_UP", 1)
    endpoint = Endpoint((404, "{}"), OK, (400, "too long"), (500, "oops"))
    assert "2 of 40 teacher requests failed" in _fault(endpoint, tmp_path, attempts=6, concurrency=2)
    assert endpoint.requests.total() in (3, 4)  # 8 with every attempt


def test_only_answers_count_as_finished_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    steps: list[tuple[int, float]] = []

    @contextmanager
    def bar(title: str, total: int) -> Iterator[Step]:
        def step(advance: int = 1, **figures: float) -> None:
            steps.append((advance, figures.get("failed", 0)))

        yield step

    monkeypatch.setattr(teacher_client, "bar", bar)
    _fault(Endpoint((404, "{}"), OK, (400, _error("too long")), OK), tmp_path, concurrency=1)
    assert steps == [(0, 0), (1, 0), (0, 1), *[(1, 1)] * 38]


@pytest.mark.parametrize("status", [401, 404, 400, 500])
def test_no_message_holds_the_password_of_the_url(status: int, tmp_path: Path) -> None:
    with serving(Endpoint((404, "{}"), (status, "no")).reply) as url, pytest.raises(TwinpathError) as raised:
        _sample(_teacher(url.replace("//", "//me:secret@")), tmp_path)
    assert url in str(raised.value)
    assert "secret" not in str(raised.value)


def test_the_refusal_of_a_value_holds_no_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        _sample(_teacher("ftp://me:secret@host"), tmp_path)
    assert "is 'ftp://host'; it must be" in str(raised.value)
