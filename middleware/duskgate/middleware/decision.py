"""Deciding: the core says which flags it needs, they are evaluated here, the core concludes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Protocol

from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send
from duskgate.middleware.clock import Clock, system_clock
from duskgate.middleware.exchange import Exchange, exchange_of
from duskgate.policy.attributes import flag_attributes
from duskgate.policy.decide import NO_FLAGS, conclude, flags_for
from duskgate.policy.identify import Who
from duskgate.policy.plan import Plan
from duskgate.policy.request import Request
from duskgate.policy.route import Route, route


class FlagSource(Protocol):
    """Evaluates boolean flags for a caller.

    ``attributes`` gives what rules may look at besides, and is called only if one has to be looked at.
    ``told`` hears (flag, variant) for each; docs/flags.md lists the variants that are none of the provider's.
    The values are there at once, as a dict, or have to be awaited where somebody far away is asked.
    """

    def evaluate(
        self,
        names: tuple[str, ...],
        who: Who,
        attributes: Callable[[], Mapping[str, str]],
        told: Callable[[str, str], None],
    ) -> dict[str, bool] | Awaitable[dict[str, bool]]: ...


class DecisionMiddleware:
    """Puts the decision into the exchange. Needs ``IdentityMiddleware`` outside it."""

    def __init__(self, app: ASGIApp, flags: FlagSource | None = None, clock: Clock = system_clock) -> None:
        self.app = app
        self.flags = flags
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        plan, request = exchange.plan, exchange.request
        if plan is None or request is None:
            raise RuntimeError("DecisionMiddleware needs IdentityMiddleware outside it")
        now = exchange.now = self.clock() if exchange.at is None else exchange.at
        bound = route(plan, request)
        if isinstance(bound, Route):
            names = flags_for(bound)
            flags = NO_FLAGS
            if names and self.flags is not None:
                flags = await self._evaluate(self.flags, names, exchange, plan, bound, request)
            exchange.decision = conclude(bound, request, flags, now)
        else:
            exchange.decision = bound
        await self.app(scope, receive, send)

    async def _evaluate(
        self,
        source: FlagSource,
        names: tuple[str, ...],
        exchange: Exchange,
        plan: Plan,
        bound: Route,
        request: Request,
    ) -> Mapping[str, bool]:
        told: list[tuple[str, str]] = []
        attributes = partial(flag_attributes, plan, bound, request)
        values = source.evaluate(
            names, exchange.who, attributes, lambda flag, variant: told.append((flag, variant))
        )
        if not isinstance(values, dict):
            values = await values
        exchange.flags = tuple(told)
        return values
