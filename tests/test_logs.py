"""JSON logs: times, levels, and records without text of a request."""

import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from service import logs
from service.errors import EngineError
from service.schemas import SolveRequest
from service.settings import LogLevel

Logged = Callable[[], list[dict[str, object]]]


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[Logged]:
    """Gives the records so far, once a test has configured the log."""
    names = ("", "service", "vllm", "uvicorn.access", "asgi_correlation_id", *logs._CLIENTS)
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def test_times_are_rfc_3339_in_any_time_zone(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    logs.configure("info")
    logger = logging.getLogger("service.x")
    record = logger.makeRecord("service.x", logging.INFO, "f", 1, "hi", (), None)
    record.created = 1_700_000_000.25
    logger.handle(record)
    record.created = 1_700_000_001.0
    logger.handle(record)
    monkeypatch.undo()
    time.tzset()
    assert logged() == [
        {
            "time": f"2023-11-14T22:13:2{end}+00:00",
            "level": "INFO",
            "logger": "service.x",
            "message": "hi",
            "request_id": None,
        }
        for end in ("0.250", "1.000")
    ]


def test_a_record_has_no_escape_sequences(logged: Logged) -> None:
    logs.configure("info")
    logging.getLogger("uvicorn.error").info("Started %d", 7, extra={"color_message": "\x1b[36m%d\x1b[0m", "port": 1})
    (record,) = logged()
    assert set(record) == {"time", "level", "logger", "message", "request_id", "port"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", str(record["time"]))


@pytest.mark.parametrize("level", LogLevel)
def test_debug_records_of_other_packages_are_left_out(logged: Logged, level: LogLevel) -> None:
    logs.configure(level)
    for name in ("service.x", "sse_starlette.sse", "vllm", "uvicorn.access", "httpx2", "huggingface_hub.utils"):
        for severity in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logging.getLogger(name).log(severity, name)
    least = logging.getLevelNamesMapping()[level.upper()]
    floors = {"service.x": 10, "sse_starlette.sse": 20, "vllm": 30, "uvicorn.access": 30}
    floors |= {"httpx2": 40, "huggingface_hub.utils": 40}
    assert [(record["logger"], record["level"]) for record in logged()] == [
        (name, logging.getLevelName(severity))
        for name, floor in floors.items()
        for severity in (10, 20, 30, 40)
        if severity >= max(floor, least)
    ]


class _Foreign(BaseModel):
    number: int


def test_an_exception_has_its_places_and_no_text_of_a_request(logged: Logged) -> None:
    logs.configure("debug")
    logger = logging.getLogger("uvicorn.error")
    text = "A s e c r e t".replace(" ", "")
    try:
        try:
            _Foreign.model_validate({"number": text})
        except ValidationError as error:
            raise EngineError("no memory") from error
    except EngineError:
        logger.exception("failed")
    (record,) = logged()
    shown = str(record["exc_info"])
    assert text not in shown
    assert shown.endswith("\nEngineError: no memory")
    assert shown.index("\nValidationError\n") < shown.index("EngineError: no memory")
    assert shown.count(f'File "{__file__}"') == 2


def test_an_endless_chain_of_causes_ends(logged: Logged) -> None:
    logs.configure("debug")
    first, second = OSError(28, "No space left"), ValueError("secret")
    first.__cause__, second.__cause__ = second, first
    logging.getLogger("service").error("failed", exc_info=first)
    text = str(logged()[0]["exc_info"])
    assert text.count("OSError: [Errno 28] No space left") == 5
    assert "secret" not in text


def test_an_error_of_a_request_does_not_quote_it() -> None:
    with pytest.raises(ValidationError) as raised:
        SolveRequest(problem="A secret problem", seed="secret")  # type: ignore[arg-type]
    assert "secret" not in str(raised.value)


def test_lines_for_a_terminal_have_the_fields_of_the_service(logged: Logged) -> None:
    logs.configure("info")
    lines: list[str] = []
    factory = logging.getLogRecordFactory()

    def with_process(*arguments: Any, **options: Any) -> logging.LogRecord:
        record = factory(*arguments, **options)
        record.vllm_process_name = "MainProcess"
        return record

    logging.setLogRecordFactory(with_process)
    try:
        with logs.also_written(lines.append):
            logging.getLogger("service.x").warning("slow %s", "worker", extra={"worker": "a:1", "seconds": 2})
            logging.getLogger("service.x").info("left out")
            logging.getLogger("sse_starlette").warning("left out")
            logging.getLogger("sse_starlette").error("broken")
        logging.getLogger("service.x").warning("after")
    finally:
        logging.setLogRecordFactory(factory)
    assert lines == ["Warning: slow worker (worker: a:1, seconds: 2)", "Error: broken"]
    assert [record["message"] for record in logged()] == ["slow worker", "left out", "left out", "broken", "after"]


def test_a_fork_writes_no_lines_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    with logs.also_written(lines.append):
        monkeypatch.setattr(os, "getpid", lambda: -1)
        logging.getLogger("service.x").warning("of the engine")
    assert lines == []
