"""Ending the streams that outlive the sunset of the rule they began under."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from duskgate.middleware.clock import Clock
from duskgate.middleware.exchange import Exchange
from duskgate.policy.decision import Forward

LONGEST = 3600.0
"""Seconds after which the time of day is looked at again, should it have been set meanwhile."""

_ENDLESS = nullcontext()


class StreamEnded(Exception):
    """The stream has lived as long after its sunset as ``server.end_streams_after_sunset`` lets it."""


class StreamEnding:
    """Knows when a stream has to end. ``after`` is in ms, ``None`` for never.

    The dates are those under which the stream began; a reload does not move them for streams under way.
    """

    def __init__(self, after: int | None, clock: Clock) -> None:
        self._after = after
        self._clock = clock

    def over(self, exchange: Exchange) -> AbstractAsyncContextManager[None]:
        """A context that raises StreamEnded in its middle when the exchange's stream has to end."""
        sunset = sunset_of(exchange) if self._after is not None else None
        if sunset is None or self._after is None:
            return _ENDLESS
        return self._until(sunset + self._after)

    @asynccontextmanager
    async def _until(self, end: int) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None

        def look() -> None:
            nonlocal timer
            left = (end - self._clock()) / 1000
            if left <= 0:
                limit.reschedule(loop.time())
            else:
                timer = loop.call_later(min(left, LONGEST), look)

        try:
            async with asyncio.timeout(None) as limit:
                look()
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise StreamEnded from None
        finally:
            if timer is not None:
                timer.cancel()


def sunset_of(exchange: Exchange) -> int | None:
    """When the sunset takes effect for this caller, in ms: by its rule, or later where it has grace."""
    decision, request = exchange.decision, exchange.request
    if not isinstance(decision, Forward):
        return None
    lifecycle = decision.rule.lifecycle
    enforced = lifecycle.enforced
    consumer = request.consumer if request is not None else None
    grace = lifecycle.grace.get(consumer) if consumer is not None else None
    return enforced if grace is None or enforced is None else max(enforced, grace.until)
