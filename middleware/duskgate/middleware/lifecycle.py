"""The whole policy as one middleware, for a Starlette or FastAPI application without a gateway."""

from __future__ import annotations

from collections.abc import Callable

from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send
from duskgate.middleware.clock import Clock, system_clock
from duskgate.middleware.decision import DecisionMiddleware, FlagSource
from duskgate.middleware.identity import IdentityMiddleware
from duskgate.middleware.notices import NoticesMiddleware
from duskgate.middleware.refusal import RefusalMiddleware
from duskgate.policy.plan import Plan


class LifecycleMiddleware:
    """Notices, 410 and version checks for the application's own routes; nothing is forwarded.

    ``plan`` is a Plan, or gives the one in force. Paths that no api is configured for pass untouched.
    """

    def __init__(
        self,
        app: ASGIApp,
        plan: Plan | Callable[[], Plan],
        *,
        flags: FlagSource | None = None,
        clock: Clock = system_clock,
    ) -> None:
        current = (lambda: plan) if isinstance(plan, Plan) else plan
        self.app = app
        stack: ASGIApp = RefusalMiddleware(app, clock, open_paths=True)
        stack = DecisionMiddleware(stack, flags, clock)
        stack = IdentityMiddleware(stack, current)
        self.stack: ASGIApp = NoticesMiddleware(stack)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stack = self.stack if scope["type"] in ("http", "websocket") else self.app
        await stack(scope, receive, send)
