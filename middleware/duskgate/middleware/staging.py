"""Saying on every answer what time it is for a gateway whose clock is shifted."""

from __future__ import annotations

from duskgate.middleware.asgi import STARTS, ASGIApp, Message, Receive, Scope, Send
from duskgate.middleware.clock import Clock
from duskgate.policy.instants import rfc3339

CLOCK = b"duskgate-clock"


class StagingMiddleware:
    """Puts ``Duskgate-Clock`` on whatever goes out; a backend's own gives way.

    It is the outermost room, and only there while the clock is shifted: nobody is to take what such a gateway
    answers for what the real one would answer now.
    """

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self.app = app
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] in STARTS:
                kept = [header for header in message.get("headers", ()) if header[0].lower() != CLOCK]
                message["headers"] = [*kept, (CLOCK, rfc3339(self.clock()).encode())]
            await send(message)

        await self.app(scope, receive, dated)
