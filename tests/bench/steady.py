"""A caller that asks at a steady rate: ``python -m tests.bench.steady PORT RATE SECONDS``.

Prints the time of each answer in microseconds, as a JSON list. Where an answer is so late that the next
request is due, that one's time counts from when it was due: a proxy that holds up its callers cannot hide it
by being asked less often. What the caller's own timers are late does not count.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from time import perf_counter
from typing import Any

from tests.bench.notices import API_KEY, PATH

CONNECTIONS = 32
WARM_UP_SECONDS = 0.5
REQUEST = f"GET {PATH} HTTP/1.1\r\nHost: bench\r\nX-Api-Key: {API_KEY}\r\n\r\n".encode()


class Connection(asyncio.Protocol):
    """Asks every ``period`` seconds from ``first`` on, as soon as the answer before is there."""

    def __init__(self, first: float, period: float, last: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._due, self._period, self._last = first, period, last
        self._asked = 0.0
        self._data = b""
        self._transport: Any = None
        self.done: asyncio.Future[None] = self._loop.create_future()
        self.times: list[tuple[float, float]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        wait = self._due - perf_counter()
        if self._due >= self._last:
            self._transport.close()
        elif wait > 0:
            self._loop.call_later(wait, self._ask)
        else:
            self._ask(self._due)

    def _ask(self, since: float | None = None) -> None:
        self._asked = since if since is not None else perf_counter()
        self._transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]
        if end and len(body) >= int(length):
            self._data = b""
            if not head.startswith(b"HTTP/1.1 200"):
                self._transport.close()
                return
            self.times.append((self._due, perf_counter() - self._asked))
            self._due += self._period
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set_result(None)


async def measure(port: int, rate: float, seconds: float) -> list[float]:
    """The times in microseconds of all answers but the first ones."""
    loop = asyncio.get_running_loop()
    start, period = perf_counter() + 0.1, CONNECTIONS / rate
    counted = start + WARM_UP_SECONDS
    connections = []
    for number in range(CONNECTIONS):
        first = start + period * number / CONNECTIONS
        make = partial(Connection, first, period, counted + seconds)
        _, one = await loop.create_connection(make, "127.0.0.1", port)
        connections.append(one)
    await asyncio.gather(*(one.done for one in connections))
    return [took * 1e6 for one in connections for due, took in one.times if due >= counted]


if __name__ == "__main__":
    port, rate, seconds = sys.argv[1:]
    json.dump(asyncio.run(measure(int(port), float(rate), float(seconds))), sys.stdout)
