"""The whole policy as one middleware, for a Starlette or FastAPI application without a gateway."""

from __future__ import annotations

from collections.abc import Callable

from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send
from duskgate.middleware.clock import Clock, system_clock
from duskgate.middleware.decision import DecisionMiddleware, FlagSource
from duskgate.middleware.identity import IdentityMiddleware
from duskgate.middleware.notices import NoticesMiddleware
from duskgate.middleware.refusal import RefusalMiddleware
from duskgate.policy.identify import ReadClaim, no_claim, reads_tokens
from duskgate.policy.plan import Plan


class LifecycleMiddleware:
    """Notices, 410 and version checks for the application's own routes; nothing is forwarded.

    ``plan`` is a Plan, or gives the one in force. Paths that no api is configured for pass untouched.
    ``claim`` verifies tokens, as ``duskgate.tokens.Tokens.claim`` does. Raises ValueError for a Plan that
    needs it, where it is missing.
    """

    def __init__(
        self,
        app: ASGIApp,
        plan: Plan | Callable[[], Plan],
        *,
        flags: FlagSource | None = None,
        claim: ReadClaim | None = None,
        clock: Clock = system_clock,
    ) -> None:
        if isinstance(plan, Plan) and claim is None and reads_tokens(plan.identity):
            raise ValueError("identity reads tokens: give claim=Tokens(plan.identity).claim")
        current = (lambda: plan) if isinstance(plan, Plan) else plan
        self.app = app
        stack: ASGIApp = RefusalMiddleware(app, clock, open_paths=True)
        stack = DecisionMiddleware(stack, flags, clock)
        stack = IdentityMiddleware(stack, current, claim or no_claim)
        self.stack: ASGIApp = NoticesMiddleware(stack)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stack = self.stack if scope["type"] in ("http", "websocket") else self.app
        await stack(scope, receive, send)
