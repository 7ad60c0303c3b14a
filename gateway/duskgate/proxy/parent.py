"""Noticing that the supervisor is gone, also when it was killed and could tell nobody."""

from __future__ import annotations

import asyncio
import os

LOOK_SECONDS = 0.5


async def parent_gone() -> None:
    """Return once the process that started this one is no more."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110  no event says that a parent died
        await asyncio.sleep(LOOK_SECONDS)
