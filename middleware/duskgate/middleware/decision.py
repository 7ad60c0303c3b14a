"""Deciding: the core says which flags it needs, they are evaluated here, the core concludes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send
from duskgate.middleware.clock import Clock, system_clock
from duskgate.middleware.exchange import Exchange, exchange_of
from duskgate.policy.decide import NO_FLAGS, conclude, flags_for
from duskgate.policy.identify import Who
from duskgate.policy.route import Route, route


class FlagSource(Protocol):
    """Evaluates boolean flags for a caller; ``told`` hears (flag, variant) for each."""

    def evaluate(
        self,
        names: Iterable[str],
        who: Who,
        attributes: Mapping[str, str],
        told: Callable[[str, str], None],
    ) -> Mapping[str, bool]: ...


def flag_attributes(api: str, who: Who) -> dict[str, str]:
    """What a flag's rule may look at besides the targeting key."""
    return {"api": api, "consumer": who.consumer or ""}


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
            flags = self._evaluate(bound, exchange) if bound.version is None else NO_FLAGS
            exchange.decision = conclude(bound, request, flags, now)
        else:
            exchange.decision = bound
        await self.app(scope, receive, send)

    def _evaluate(self, bound: Route, exchange: Exchange) -> Mapping[str, bool]:
        names = flags_for(bound)
        if not names or self.flags is None:
            return NO_FLAGS
        told: list[tuple[str, str]] = []
        who = exchange.who
        attributes = flag_attributes(bound.api.name, who)
        values = self.flags.evaluate(
            names, who, attributes, lambda flag, variant: told.append((flag, variant))
        )
        exchange.flags = tuple(told)
        return values
