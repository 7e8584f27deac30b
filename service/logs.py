"""JSON logs on standard error: one object per line."""

import logging.config


def configure(level: str) -> None:
    """Send the records of all loggers to one JSON handler.

    Args:
        level: lowest level that is logged. vLLM and the access log start at WARNING at the lowest.
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
                "asgi_correlation_id": {"level": "ERROR"},  # an invalid id of a caller needs no record
            },
        }
    )
