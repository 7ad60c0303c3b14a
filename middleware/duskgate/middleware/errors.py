"""The outermost catch: a fault of the gateway becomes a 500 problem and a log line, never a traceback."""

from __future__ import annotations

import logging

from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send, answer
from duskgate.middleware.exchange import exchange_of
from duskgate.middleware.problems import Problem, new_reference, render

logger = logging.getLogger("duskgate")

_FAULT = Problem(500, "internal-error", "Internal error", "The gateway failed. The fault has been logged.")


class CutShort(Exception):
    """Raised inside the stack when a response breaks off after its head was sent.

    It goes out to the server, which then ends the connection so that the caller sees an incomplete response.
    Whoever raises it has logged the reason.
    """


class ErrorsMiddleware:
    """Answers 500 when the app inside raises before it answered; afterwards the response is cut short.

    Needs ``NoticesMiddleware`` outside it, which notes in the exchange that an answer has begun.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except CutShort:
            raise
        except Exception as error:
            exchange = exchange_of(scope)
            exchange.failure = exchange.failure or "internal-error"
            if exchange.status:
                raise
            exchange.reference = new_reference()
            logger.error("internal error %s: %r", exchange.reference, error, exc_info=error)
            base = exchange.plan.problem_base if exchange.plan else "urn:duskgate:problem:"
            status, headers, body = render(_FAULT, exchange.request, base, exchange.reference)
            await answer(scope, send, status, headers, body)
