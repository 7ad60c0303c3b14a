"""A backend of one or more targets: which is asked, what happens when it fails, when to stop asking."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from duskgate.policy.plan import Backend
from duskgate.proxy.upstream.health import HealthRules, TargetHealth
from duskgate.proxy.upstream.probe import probe
from duskgate.proxy.upstream.protocol import (
    ConnectError,
    ConnectionLost,
    Overloaded,
    UpstreamError,
    UpstreamRequest,
    UpstreamResponse,
)

IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
"""RFC 9110 section 9.2.2: asking twice does no more than asking once."""

BUDGET = 0.2
MOST_SAVED = 10.0
"""Each request earns this part of a retry, up to so many: a backend in trouble is not asked twice as much."""


class Transport(Protocol):
    """Sends requests to one target. ``active`` is how many are under way."""

    @property
    def active(self) -> int: ...

    async def send(self, request: UpstreamRequest) -> UpstreamResponse: ...

    async def aclose(self) -> None: ...


class Observer(Protocol):
    """Hears what happens to a backend. Must not block."""

    def failed(self, backend: str, kind: str) -> None: ...

    def retried(self, backend: str) -> None: ...

    def ejected(self, backend: str, target: str) -> None: ...

    def health(self, backend: str, target: str, *, up: bool) -> None: ...


class Target:
    """One base URL of a backend."""

    __slots__ = ("base", "health", "transport")

    def __init__(self, base: str, transport: Transport, rules: HealthRules) -> None:
        self.base = base
        self.transport = transport
        self.health = TargetHealth(rules)


class BackendUpstream:
    """An ``Upstream`` that balances over a backend's targets by the fewest requests under way."""

    def __init__(
        self,
        backend: Backend,
        make: Callable[[str, Backend], Transport],
        observer: Observer,
        rules: HealthRules | None = None,
    ) -> None:
        """``make`` gives the transport for a base URL. Needs a running event loop if targets are probed."""
        self._backend = backend
        self.longest = backend.timeouts.total
        self.idle = backend.timeouts.idle
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        rules = rules or HealthRules()
        self._targets = [Target(base, make(base, backend), rules) for base in backend.targets]
        self._turn = 0
        self._saved = MOST_SAVED
        self._probes = [self._loop.create_task(self._probe(target)) for target in self._probed()]

    def _probed(self) -> list[Target]:
        return self._targets if self._backend.health is not None else []

    @property
    def active(self) -> int:
        """Requests under way."""
        return sum(target.transport.active for target in self._targets)

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send a request to the target that suits best; to another if it fails and it may be repeated."""
        limit = self._backend.max_requests
        if limit is not None and self.active >= limit:
            self._observer.failed(self._backend.name, "shed")
            raise Overloaded("the backend has as many requests under way as it may")
        if self._saved < MOST_SAVED:
            self._saved += BUDGET
        target = self._targets[0] if len(self._targets) == 1 else self._choose(None)
        attempts = self._backend.retries
        while True:
            try:
                response = await target.transport.send(request)
            except UpstreamError as error:
                self._failed(target, error)
                if attempts == 0 or self._saved < 1 or not repeatable(request, error):
                    raise
            else:
                target.health.succeeded()
                return response
            attempts -= 1
            self._saved -= 1
            self._observer.retried(self._backend.name)
            target = self._choose(target)

    def _choose(self, besides: Target | None) -> Target:
        """The available target with the fewest requests under way for its share; of all if none is."""
        now = self._loop.time()
        wanted = [one for one in self._targets if one.health.available(now) and one is not besides]
        if not wanted:
            wanted = [one for one in self._targets if one is not besides] or self._targets
        self._turn += 1
        start = self._turn % len(wanted)
        return min(
            [*wanted[start:], *wanted[:start]],
            key=lambda one: (one.transport.active + 1) / one.health.share(now),
        )

    def _failed(self, target: Target, error: UpstreamError) -> None:
        self._observer.failed(self._backend.name, type(error).__name__)
        if isinstance(error, Overloaded):
            return
        if target.health.failed(self._loop.time()):
            self._observer.ejected(self._backend.name, target.base)

    async def _probe(self, target: Target) -> None:
        async for good in probe(target.base, self._backend):
            if target.health.probed(good, self._loop.time()):
                self._observer.health(self._backend.name, target.base, up=good)

    async def aclose(self) -> None:
        """Stop probing and close every connection."""
        for task in self._probes:
            task.cancel()
        await asyncio.gather(*self._probes, return_exceptions=True)
        for target in self._targets:
            await target.transport.aclose()


def repeatable(request: UpstreamRequest, error: UpstreamError) -> bool:
    """Whether a failed request may be sent again: nothing of it was used up, and it does no harm.

    Where there was no connection, nothing was sent; then any request may be.
    """
    if isinstance(error, ConnectError):
        return True
    untouched = isinstance(error, ConnectionLost) and error.untouched
    return untouched and request.body is None and request.method in IDEMPOTENT
