"""A backend of one or more targets: which is asked, what happens when it fails, when to stop asking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

from websockets.asyncio.client import ClientConnection

from duskgate.policy.plan import Backend
from duskgate.policy.request import Header
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
from duskgate.proxy.upstream.websocket import Refused, WebSocketTransport

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
    """Hears what happens to a backend. Must not block. ``probing`` names targets that count as up so far."""

    def probing(self, backend: str, targets: Sequence[str]) -> None: ...

    def failed(self, backend: str, kind: str) -> None: ...

    def retried(self, backend: str) -> None: ...

    def ejected(self, backend: str, target: str) -> None: ...

    def health(self, backend: str, target: str, *, up: bool) -> None: ...


class Target:
    """One base URL of a backend. ``websockets`` is how many are open there, or about to be."""

    __slots__ = ("base", "health", "transport", "websockets")

    def __init__(self, base: str, transport: Transport, rules: HealthRules) -> None:
        self.base = base
        self.transport = transport
        self.health = TargetHealth(rules)
        self.websockets = 0

    @contextmanager
    def one_websocket(self) -> Iterator[None]:
        """Count a WebSocket as under way here until the block ends."""
        self.websockets += 1
        try:
            yield
        finally:
            self.websockets -= 1


class BackendUpstream:
    """An ``Upstream`` that balances over a backend's targets by the fewest requests under way.

    A WebSocket is under way from its handshake to its end.
    """

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
        self._websocket_transport = WebSocketTransport(backend)
        self._turn = 0
        self._saved = MOST_SAVED
        probed = self._targets if backend.health is not None else []
        observer.probing(backend.name, [target.base for target in probed])
        self._probes = [self._loop.create_task(self._probe(target)) for target in probed]

    @property
    def active(self) -> int:
        """Requests and WebSockets under way."""
        return sum(target.transport.active + target.websockets for target in self._targets)

    @property
    def crowded(self) -> bool:
        """Whether half of what may be under way is."""
        limit = self._backend.max_requests
        return limit is not None and self.active * 2 >= limit

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send a request to the target that suits best; to another if it fails and it may be repeated."""
        target = self._admit()
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
            target = self._another(target)

    @asynccontextmanager
    async def websocket(
        self, path: bytes, headers: list[Header], subprotocols: Sequence[str]
    ) -> AsyncIterator[ClientConnection]:
        """Open a WebSocket to the target that suits best; to another if there is no connection to it."""
        target = self._admit()
        attempts = self._backend.retries
        while True:
            with target.one_websocket():
                try:
                    connection = await self._websocket_transport.open(
                        target.base, path, headers, subprotocols
                    )
                except UpstreamError as error:
                    self._failed(target, error)
                    if attempts == 0 or self._saved < 1 or not isinstance(error, ConnectError):
                        raise
                except Refused:
                    target.health.succeeded()
                    raise
                else:
                    target.health.succeeded()
                    yield connection
                    return
            attempts -= 1
            target = self._another(target)

    def _admit(self) -> Target:
        """The first target to ask. Raises Overloaded if as much is under way as may be."""
        limit = self._backend.max_requests
        if limit is not None and self.active >= limit:
            self._observer.failed(self._backend.name, "shed")
            raise Overloaded("the backend has as many requests under way as it may")
        if self._saved < MOST_SAVED:
            self._saved += BUDGET
        return self._targets[0] if len(self._targets) == 1 else self._choose(None)

    def _another(self, failed: Target) -> Target:
        """The target to ask after one failed, at the cost of a saved retry."""
        self._saved -= 1
        self._observer.retried(self._backend.name)
        return self._choose(failed)

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
            key=lambda one: (one.transport.active + one.websockets + 1) / one.health.share(now),
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

    def stop_probing(self) -> None:
        """Ask no target for its health any more, and tell the observer of no change."""
        for task in self._probes:
            task.cancel()

    async def aclose(self) -> None:
        """Stop probing and close every connection."""
        self.stop_probing()
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
