"""The connections to one target: reused youngest first, bounded, and waited for in a bounded queue."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass

from duskgate.policy.plan import Timeouts
from duskgate.proxy.deadlines import Deadlines
from duskgate.proxy.upstream.address import Address
from duskgate.proxy.upstream.connection import Connection
from duskgate.proxy.upstream.protocol import ConnectError, Overloaded


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of a pool, times in seconds.

    ``age`` is how long a connection is reused at all: new ones resolve the target's name anew.
    """

    connections: int = 512
    waiting: int = 1024
    wait: float = 5.0
    idle: float = 30.0
    age: float = 300.0


_DEFAULTS = PoolLimits()


class Pool:
    """Connections to one target."""

    def __init__(
        self,
        address: Address,
        tls: ssl.SSLContext | None,
        timeouts: Timeouts,
        deadlines: Deadlines,
        limits: PoolLimits = _DEFAULTS,
        *,
        server_name: str | None = None,
    ) -> None:
        self._address = address
        self._tls = tls
        self._timeouts = timeouts
        self._deadlines = deadlines
        self._limits = limits
        self._server_name = server_name
        self._idle: deque[Connection] = deque()
        self._open = 0
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self._loop = asyncio.get_running_loop()  # kept: asking for it costs a system call in Python 3.11

    @property
    def active(self) -> int:
        """Connections in use, and requests that wait for one."""
        return self._open - len(self._idle) + len(self._waiters)

    def take(self) -> Connection | None:
        """The youngest idle connection that is still good, if there is one."""
        now = self._loop.time()
        while self._idle:
            connection = self._idle.pop()
            if now - connection.idle_since < self._limits.idle:
                return connection
            self._drop(connection)
        return None

    async def connect(self) -> Connection:
        """A new connection, or one that becomes free. Raises ConnectError or Overloaded."""
        if self._open >= self._limits.connections:
            waited = await self._wait()
            if waited is not None:
                return waited
        else:
            self._open += 1
        try:
            async with asyncio.timeout(self._timeouts.connect):
                return await self._dial()
        except TimeoutError:
            self._slot_freed()
            raise ConnectError("no connection to the backend in time") from None
        except OSError as error:
            self._slot_freed()
            raise ConnectError(f"no connection to the backend: {error.strerror or error}") from None
        except BaseException:
            self._slot_freed()
            raise

    async def _dial(self) -> Connection:
        loop = self._loop

        def make() -> Connection:
            return Connection(self, self._deadlines, self._timeouts)

        address = self._address
        if address.path is not None:
            _, connection = await loop.create_unix_connection(make, address.path)
        else:
            name = self._server_name or address.host if self._tls is not None else None
            _, connection = await loop.create_connection(
                make, address.host, address.port, ssl=self._tls, server_hostname=name
            )
        return connection

    async def _wait(self) -> Connection | None:
        """A connection that became free, or ``None`` for the right to open one."""
        if len(self._waiters) >= self._limits.waiting:
            raise Overloaded("too many requests wait for the backend")
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(self._limits.wait):
                return await waiter
        except TimeoutError:
            self._pass_on(waiter)
            raise Overloaded("the backend had no capacity for too long") from None
        except asyncio.CancelledError:
            self._pass_on(waiter)
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _pass_on(self, waiter: asyncio.Future[Connection | None]) -> None:
        """Whoever waited was cancelled in the moment it was served: serve the next one."""
        if not waiter.done() or waiter.cancelled():
            return
        connection = waiter.result()
        if connection is None:
            self._slot_freed()
        else:
            self.released(connection, reusable=not connection.lost)

    # what connections call

    def released(self, connection: Connection, *, reusable: bool) -> None:
        """An exchange ended."""
        if not reusable:
            self._slot_freed()
            return
        now = self._loop.time()
        if self._closed or now - connection.born > self._limits.age:
            self._drop(connection)
            return
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(connection)
            return
        connection.idle_since = now
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self._limits.idle, self._sweep)

    def died(self, connection: Connection) -> None:
        """A connection ended outside an exchange."""
        if connection in self._idle:
            self._idle.remove(connection)
            self._slot_freed()

    def _drop(self, connection: Connection) -> None:
        connection.close()
        self._slot_freed()

    def _slot_freed(self) -> None:
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(None)
        else:
            self._open -= 1

    def _next_waiter(self) -> asyncio.Future[Connection | None] | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    def _sweep(self) -> None:
        """Close what has been idle for too long; the oldest stand on the left."""
        self._sweeper = None
        loop = self._loop
        while self._idle and loop.time() - self._idle[0].idle_since >= self._limits.idle:
            self._drop(self._idle.popleft())
        if self._idle:
            self._sweeper = loop.call_later(self._limits.idle / 2, self._sweep)

    def close(self) -> None:
        """Close every idle connection, and the busy ones as they become free."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        while self._idle:
            self._drop(self._idle.pop())
