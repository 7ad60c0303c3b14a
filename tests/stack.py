"""The whole stack in this process: any plan, any moment, and a backend that notes what it is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection

from duskgate.middleware.asgi import ASGIApp, Message, Scope
from duskgate.middleware.exchange import Exchange, exchange_of
from duskgate.policy import Decision, Header, Plan, Request
from duskgate.proxy.app import build_app
from duskgate.proxy.upstream.protocol import UpstreamRequest

HOST: Header = (b"host", b"gw.example")


def exchange_with(plan: Plan, request: Request, decision: Decision) -> Exchange:
    """An exchange that has come as far as its decision."""
    exchange = Exchange()
    exchange.plan, exchange.request, exchange.decision = plan, request, decision
    return exchange


class Asked(NamedTuple):
    """One request, and the moment (ms) at which it is made."""

    at: int
    method: str = "GET"
    target: str = "/"
    headers: tuple[Header, ...] = ()
    websocket: bool = False


@dataclass
class Answer:
    """What came back. ``exchange`` is what the stack noted."""

    exchange: Exchange
    status: int = 0
    headers: list[Header] = field(default_factory=list)
    body: bytes = b""

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]

    @property
    def members(self) -> dict[str, Any]:
        """The problem's members."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def without_reference(self) -> tuple[int, list[Header], bytes]:
        """Everything but what is drawn by lot."""
        reference = (self.exchange.reference or "-" * 16).encode()
        return self.status, self.headers, self.body.replace(reference, b"-" * 16)


@dataclass
class Reply:
    """What the backend answers."""

    status: int
    headers: list[Header]
    content: bytes

    def whole(self) -> bytes | None:
        return self.content

    async def body(self) -> AsyncIterator[bytes]:
        yield self.content

    async def aclose(self) -> None: ...


@dataclass
class Backend:
    """An upstream that always answers the same, and keeps what it was asked."""

    headers: tuple[Header, ...] = ((b"content-type", b"text/plain"), (b"cache-control", b"max-age=60"))
    content: bytes = b"from the backend"
    asked: list[UpstreamRequest] = field(default_factory=list)
    longest: float | None = None
    idle: float | None = None
    crowded: bool = False

    async def send(self, request: UpstreamRequest) -> Reply:
        self.asked.append(request)
        return Reply(200, list(self.headers), self.content)

    def websocket(
        self, path: bytes, headers: list[Header], subprotocols: Sequence[str]
    ) -> AbstractAsyncContextManager[ClientConnection]:
        raise AssertionError("no WebSocket is opened here")

    async def aclose(self) -> None: ...


class Finished:
    """Stands where metrics do: keeps every exchange that ended."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def record(self, scope: Scope, exchange: Exchange, seconds: float) -> None:
        self.exchanges.append(exchange)


def answers(
    plan: Plan, asked: Sequence[Asked], *, backend: Backend | None = None, rehearsal_key: bytes = b""
) -> list[Answer]:
    """Ask the stack of a plan, one request after the other, each at its moment."""
    now = 0
    upstream = backend or Backend()

    async def run() -> list[Answer]:
        nonlocal now
        app = build_app(
            lambda: plan,
            dict.fromkeys(plan.backends, upstream),
            Finished(),
            clock=lambda: now,
            rehearsal_key=rehearsal_key,
        )
        found = []
        for one in asked:
            now = one.at
            found.append(await _answer(app, one))
        return found

    return asyncio.run(run())


async def _answer(app: ASGIApp, asked: Asked) -> Answer:
    path, _, query = asked.target.partition("?")
    scope: Scope = {
        "type": "websocket" if asked.websocket else "http",
        "http_version": "1.1",
        "scheme": "ws" if asked.websocket else "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [HOST, *asked.headers],
        "client": ("192.0.2.1", 1234),
        "server": ("127.0.0.1", 80),
        "extensions": {"websocket.http.response": {}},
    }
    if not asked.websocket:
        scope["method"] = asked.method
    answer = Answer(exchange_of(scope))

    async def receive() -> Message:
        return {"type": "websocket.connect"} if asked.websocket else {"type": "http.request"}

    async def send(message: Message) -> None:
        if message["type"].endswith("response.start"):
            answer.status, answer.headers = message["status"], list(message["headers"])
        else:
            answer.body += message.get("body", b"")

    await app(scope, receive, send)
    return answer
