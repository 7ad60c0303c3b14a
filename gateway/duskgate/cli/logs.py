"""Where log lines go: requests as JSON to standard output, everything else as text to standard error."""

from __future__ import annotations

import logging
import sys
from typing import Any

from duskgate.middleware.errors import CutShort
from duskgate.usage.access_log import HeldBackHandler


def not_cut_short(record: logging.LogRecord) -> bool:
    """Leave out the server's traceback of a response that was cut short on purpose and is logged already."""
    return f"\n{CutShort.__name__}: " not in record.getMessage()  # granian puts the traceback in the text


SERVER_LOG: dict[str, Any] = {
    "filters": {"not-cut-short": {"()": lambda: not_cut_short}},
    "formatters": {"text": {"format": "%(asctime)s %(levelname)s server: %(message)s"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "filters": ["not-cut-short"],
            "formatter": "text",
            "stream": "ext://sys.stderr",
        }
    },
    "loggers": {"_granian": {"handlers": ["stderr"], "propagate": False}},
}
"""Granian's own lines: to standard error too, so that standard output holds requests only."""


def set_up_logging() -> None:
    """Set up the loggers ``duskgate.access`` and ``duskgate``. Safe to call again after a fork."""
    _only_handler("duskgate.access", HeldBackHandler(sys.stdout), "%(message)s")
    _only_handler("duskgate", logging.StreamHandler(sys.stderr), "%(asctime)s %(levelname)s %(message)s")
    server = logging.StreamHandler(sys.stderr)
    _only_handler("uvicorn.error", server, "%(asctime)s %(levelname)s server: %(message)s", logging.WARNING)
    # a line for each evaluation that fails, or for every anonymous caller of a fractional rule; we count them
    logging.getLogger("openfeature").setLevel(logging.CRITICAL)


def _only_handler(name: str, handler: logging.Handler, form: str, level: int = logging.INFO) -> None:
    logger = logging.getLogger(name)
    handler.setFormatter(logging.Formatter(form))
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
