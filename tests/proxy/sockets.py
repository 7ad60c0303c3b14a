"""WebSocket backends that each test scripts, callers, and a gateway on uvicorn, all on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from queue import Queue
from typing import Any

import uvicorn
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve, unix_serve
from websockets.typing import Subprotocol

from duskgate.config import load
from duskgate.middleware.asgi import Scope
from duskgate.middleware.clock import Clock, system_clock
from duskgate.middleware.exchange import Exchange
from duskgate.proxy.app import build_app
from duskgate.proxy.state import Upstreams
from tests.backends import read_response
from tests.running import eventually

Script = Callable[[ServerConnection], None]
KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example of RFC 6455 section 1.3, and its answer."""


def echo(connection: ServerConnection) -> None:
    """Send back what comes, as it came."""
    for message in connection:
        connection.send(message)


def choose(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The first of those that this backend speaks; of ``q`` it makes what nobody offered."""
    if "q" in offered:
        return Subprotocol("unasked")
    return next((one for one in offered if one in ("b", "c")), None)


@dataclass
class SocketBackend:
    """A WebSocket server; ``scripts`` maps a part of the path to what is done with a connection.

    What asks for no WebSocket is answered with ``health`` and ``name``. ``closed`` gets the code and reason
    with which each connection ended, as this side saw it.
    """

    name: str = ""
    health: HTTPStatus = HTTPStatus.OK
    scripts: dict[str, Script] = field(default_factory=dict)
    opened: list[Request] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    closed: Queue[tuple[int | None, str | None]] = field(default_factory=Queue)

    def reset(self) -> None:
        self.scripts.clear()
        self.opened.clear()
        self.closed = Queue()

    def asked(self, connection: ServerConnection, request: Request) -> Response | None:
        """Before a handshake is answered."""
        if "Upgrade" not in request.headers:
            self.requests.append(request)
            return connection.respond(self.health, self.name)
        self.opened.append(request)
        return None

    def __call__(self, connection: ServerConnection) -> None:
        request, closed = connection.request, self.closed
        assert request is not None
        script = next((script for part, script in self.scripts.items() if part in request.path), echo)
        with contextlib.suppress(ConnectionClosed):
            script(connection)
            connection.close()
        with contextlib.suppress(ConnectionClosed):
            while True:
                connection.recv(timeout=5)
        closed.put((connection.close_code, connection.close_reason))

    def header(self, name: str) -> list[str]:
        """A header's values in the last handshake."""
        return self.opened[-1].headers.get_all(name)


@contextlib.contextmanager
def socket_backend(
    backend: SocketBackend, at: Path | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Serve a backend on a free port, which is yielded, or on a Unix socket."""
    options: dict[str, Any] = {
        "process_request": backend.asked,
        "select_subprotocol": choose,
        "max_size": None,
        "ping_interval": None,
    }
    server: Server
    if at is not None:
        server = unix_serve(backend, str(at), **options)
    else:
        server = serve(backend, "127.0.0.1", 0, ssl=tls, **options)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield 0 if at is not None else server.socket.getsockname()[1]
    finally:
        server.shutdown()
        thread.join()


def opened(port: int, path: str, **options: Any) -> AbstractContextManager[ClientConnection]:
    """A caller's WebSocket."""
    given: dict[str, Any] = {"compression": None, "proxy": None, "max_size": None, "ping_interval": None}
    caller: AbstractContextManager[ClientConnection] = connect(
        f"ws://127.0.0.1:{port}{path}", **given | options
    )
    return caller


def ended(caller: ClientConnection, seconds: float = 5) -> tuple[int | None, str | None]:
    """The code and reason with which a WebSocket was closed; messages before that are dropped."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            caller.recv(timeout=seconds)
    return caller.close_code, caller.close_reason


def vanish(connection: ClientConnection | ServerConnection) -> None:
    """End the TCP connection without a word."""
    connection.socket.shutdown(socket.SHUT_RDWR)


def handshake(port: int, path: bytes, *headers: bytes) -> bytes:
    """What exactly comes back for a handshake."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        caller.sendall(upgrade(path, *headers))
        return read_response(caller)


def upgrade(path: bytes, *headers: bytes) -> bytes:
    """A handshake, byte by byte."""
    lines = b"".join(header + b"\r\n" for header in headers)
    head = b"GET " + path + b" HTTP/1.1\r\nHost: gw.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    return head + KEY + lines + b"\r\n"


class Observed:
    """Stands in for metrics: keeps finished exchanges, and is told of nothing else."""

    def __init__(self) -> None:
        self.finished: list[Exchange] = []

    def find(self, path: str) -> Exchange | None:
        """The finished exchange of a path."""
        asked = path.encode()
        return next((one for one in self.finished if one.request and one.request.path == asked), None)

    def record(self, scope: Scope, exchange: Exchange, seconds: float) -> None:
        self.finished.append(exchange)

    def probing(self, backend: str, targets: Sequence[str]) -> None: ...

    def failed(self, backend: str, kind: str) -> None: ...

    def retried(self, backend: str) -> None: ...

    def ejected(self, backend: str, target: str) -> None: ...

    def health(self, backend: str, target: str, *, up: bool) -> None: ...


@contextlib.contextmanager
def on_uvicorn(config: Path, port: int, clock: Clock = system_clock) -> Iterator[Observed]:
    """The same stack on another ASGI server, in a thread; the exchanges that ended are yielded."""
    loaded = load(config, {})
    observed = Observed()
    servers: list[uvicorn.Server] = []

    async def run() -> None:
        upstreams = Upstreams(loaded.plan.backends, observed)
        server = loaded.document.server
        app = build_app(
            lambda: loaded.plan,
            upstreams,
            observed,
            clock=clock,
            max_request_body=server.max_request_body,
            end_streams_after_sunset=server.end_streams_after_sunset,
        )
        options = uvicorn.Config(
            app,
            port=port,
            lifespan="off",
            log_level="critical",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=1,
        )
        servers.append(uvicorn.Server(options))
        await servers[0].serve()
        await upstreams.aclose()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    eventually(lambda: (servers and servers[0].started) or None, "uvicorn")
    try:
        yield observed
    finally:
        servers[0].should_exit = True
        thread.join()
