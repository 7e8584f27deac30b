"""JSON logs, one object a line on standard error, each with the request's id."""

import logging.config


def configure(level: str) -> None:
    """Send every logger's records to one JSON handler.

    Args:
        level: least level logged; the engine's own chatter starts at warning.
    """
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request": {"()": "asgi_correlation_id.CorrelationIdFilter", "default_value": None}},
            "formatters": {
                "json": {
                    "()": "pythonjsonlogger.json.JsonFormatter",
                    "format": "%(asctime)s %(levelname)s %(name)s %(message)s %(correlation_id)s",
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
            "root": {"level": level.upper(), "handlers": ["stderr"]},
            "loggers": {
                "vllm": {"level": "WARNING"},
                "uvicorn.access": {"level": "WARNING"},
                "asgi_correlation_id": {"level": "ERROR"},  # a caller's odd id is no reason for a line
            },
        }
    )
