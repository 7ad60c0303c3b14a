"""What every test starts with."""

import logging
from collections.abc import Iterator

import pytest

OURS = ("duskgate", "duskgate.access", "uvicorn.error")


@pytest.fixture(autouse=True)
def loggers_as_they_were() -> Iterator[None]:
    """A command that a test runs in this process sets up logging for good: take that back."""
    before = [
        (one, one.handlers[:], one.level, one.propagate, one.disabled) for one in map(logging.getLogger, OURS)
    ]
    yield
    for logger, handlers, level, propagate, disabled in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate
        logger.disabled = disabled
