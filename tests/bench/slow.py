"""A backend that takes its time, as most do, and little processor time: ``python -m tests.bench.slow PORT``.

It answers as the quick one does.
"""

from __future__ import annotations

import asyncio
import sys

from tests.bench.backend import SMALL, answer, spaced

WAIT_SECONDS = 0.02


def framed(document: str) -> bytes:
    """A whole answer."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(document)}\r\n\r\n"
    return (head + document).encode()


class Slow(asyncio.Protocol):
    """Answers each request, which has no content, after a while."""

    _answers = framed(answer(SMALL)), framed(spaced(answer(SMALL)))

    def __init__(self) -> None:
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._data.endswith(b"\r\n\r\n"):
            line, self._data = self._data.split(b"\r\n", 1)[0], b""
            asyncio.get_running_loop().call_later(WAIT_SECONDS, self._answer, b" /api/v2/" in line)

    def _answer(self, second: bool) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._answers[second])


async def serve(port: int) -> None:
    """Until cancelled."""
    server = await asyncio.get_running_loop().create_server(Slow, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
