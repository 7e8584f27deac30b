"""JSON logs on standard error, without text of a request.

An exception has its type and its place. Its message is left out unless Twinpath or the operating system wrote it,
because messages of libraries quote their input.
"""

import logging
import logging.config
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter as _JsonFormatter

from service.errors import TwinpathError

_MAX_CAUSES = 10
_COLORED = "color_message"  # uvicorn's message with escape sequences
_CLIENTS = ("httpx", "httpx2", "httpcore", "httpcore2", "huggingface_hub")  # their records hold passwords in URLs


def configure(level: str) -> None:
    """Send the records of all loggers to one JSON handler.

    Args:
        level: lowest level that is logged. Other packages start at INFO at the lowest, because their debug records
            hold texts. vLLM and the access log start at WARNING. HTTP clients start at ERROR.
    """
    own, others = level.upper(), _higher(level.upper(), "INFO")
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request": {"()": "asgi_correlation_id.CorrelationIdFilter", "default_value": None}},
            "formatters": {
                "json": {
                    "()": "service.logs.JsonFormatter",
                    "format": "%(asctime)s %(levelname)s %(name)s %(message)s %(correlation_id)s",
                    "reserved_attrs": [*RESERVED_ATTRS, _COLORED],
                    "rename_fields": {
                        "asctime": "time",
                        "levelname": "level",
                        "name": "logger",
                        "correlation_id": "request_id",
                    },
                }
            },
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["request"]},
            },
            "root": {"level": others, "handlers": ["stderr"]},
            "loggers": {
                "service": {"level": own},
                "vllm": {"level": _higher(own, "WARNING"), "propagate": True},
                "uvicorn.access": {"level": _higher(own, "WARNING"), "propagate": True},
                "asgi_correlation_id": {"level": "ERROR"},  # an invalid id of a caller needs no record
                **{name: {"level": "ERROR"} for name in _CLIENTS},
            },
        }
    )


@contextmanager
def also_written(write: Callable[[str], None]) -> Iterator[None]:
    """Write the service's own warnings, and all errors, as one line each too.

    Args:
        write: called with each line.
    """
    handler = _LineHandler(write)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


class _LineHandler(logging.Handler):
    """Records as lines, such as `Warning: a worker does not answer (worker: 10.0.0.7:8000)`."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._write = write
        self._process = os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record. A forked engine has only the log, because locks of the terminal may be held in it."""
        is_own = record.name.partition(".")[0] == "service"
        if os.getpid() != self._process or not (is_own or record.levelno >= logging.ERROR):
            return
        usual = {*RESERVED_ATTRS, _COLORED, "correlation_id", *vars(logging.makeLogRecord({}))}  # libraries add some
        extra = [f"{name}: {value}" for name, value in vars(record).items() if name not in usual]
        details = f" ({', '.join(extra)})" if extra else ""
        self._write(f"{record.levelname.capitalize()}: {record.getMessage()}{details}")


class JsonFormatter(_JsonFormatter):
    """Records as JSON, with times of RFC 3339 in UTC."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Time of a record with the offset of UTC."""
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Types and places of an exception and its causes, the first cause first."""
        parts: list[str] = []
        error: BaseException | None = ei[1]
        while error is not None and len(parts) < _MAX_CAUSES:
            quoted = f": {error}" if isinstance(error, TwinpathError | OSError) else ""
            frames = "".join(traceback.format_tb(error.__traceback__))
            parts.append(f"Traceback (most recent call last):\n{frames}{type(error).__qualname__}{quoted}")
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n\n".join(reversed(parts))


def _higher(level: str, least: str) -> str:
    return max(level, least, key=logging.getLevelNamesMapping().__getitem__)
