"""Answering what is not forwarded, before any backend hears of it."""

from __future__ import annotations

from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send, answer
from duskgate.middleware.clock import Clock, system_clock
from duskgate.middleware.exchange import exchange_of
from duskgate.middleware.problems import new_reference, problem_of, render
from duskgate.policy.decision import Forward, NotFound


class RefusalMiddleware:
    """Passes forwarded requests on and answers all others with their problem.

    ``open_paths``: requests that no api is configured for pass too, as an application that is only partly
    versioned wants it.
    """

    def __init__(self, app: ASGIApp, clock: Clock = system_clock, *, open_paths: bool = False) -> None:
        self.app = app
        self.clock = clock
        self.open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        decision = exchange.decision
        if decision is None or isinstance(decision, Forward):
            await self.app(scope, receive, send)
            return
        if self.open_paths and isinstance(decision, NotFound):
            await self.app(scope, receive, send)
            return
        exchange.reference = new_reference()
        problem = problem_of(decision, exchange.now or self.clock())
        base = exchange.plan.problem_base if exchange.plan is not None else ""
        status, headers, body = render(problem, exchange.request, base, exchange.reference)
        await answer(scope, send, status, headers, body)
