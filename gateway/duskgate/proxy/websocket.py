"""Relaying a WebSocket (RFC 6455): messages both ways, and who ended it and why.

Each side is a WebSocket of its own: the server answers the caller's pings and the library the backend's, and
messages pass whole, however they were cut into frames.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any, TypeVar, cast

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from duskgate.middleware.asgi import Message, Receive, Scope, Send, answer
from duskgate.middleware.exchange import Exchange, exchange_of
from duskgate.policy.decision import Forward
from duskgate.policy.request import Request
from duskgate.proxy.body import ClientGone
from duskgate.proxy.deadlines import NEVER
from duskgate.proxy.ending import StreamEnded, StreamEnding
from duskgate.proxy.headers import RequestHeaders
from duskgate.proxy.upstream.protocol import Upstream
from duskgate.proxy.upstream.websocket import (
    CLOSE_SECONDS,
    MOST_MESSAGE_BYTES,
    Refused,
    answered_headers,
)

NORMAL, GOING_AWAY, NO_STATUS, ABNORMAL, TOO_BIG = 1000, 1001, 1005, 1006, 1009
"""Close codes, RFC 6455 section 7.4.1."""

LOOKS = 4
"""How often in ``timeouts.idle`` it is looked for a side that takes nothing."""

Call = TypeVar("Call", Receive, Send)

_GONE = (OSError, RuntimeError)
"""What servers raise where the caller is gone: OSError by ASGI 2.4, RuntimeError in granian 2.8."""


@dataclass(frozen=True, slots=True)
class End:
    """Why a WebSocket ended. Each side is told its code and ``reason``; ``None``: it ended it itself."""

    to_caller: int | None
    to_backend: int | None
    reason: str = ""
    failure: str | None = None


SUNSET = End(GOING_AWAY, GOING_AWAY, "sunset", "ended")
TOO_LARGE = End(TOO_BIG, TOO_BIG, "message too large", "message-too-large")
TOO_LARGE_ANSWER = End(TOO_BIG, None, "message too large", "message-too-large")
BACKEND_LOST = End(GOING_AWAY, None, "backend lost", "cut-short")
BACKEND_STALLED = End(GOING_AWAY, GOING_AWAY, "backend stalled", "backend-timeout")
CALLER_LOST = End(None, GOING_AWAY, "caller lost", "cancelled")
CALLER_STALLED = End(GOING_AWAY, GOING_AWAY, "caller stalled", "cancelled")


class WebSockets:
    """Relays the WebSockets that are to be forwarded."""

    def __init__(
        self, upstreams: Mapping[str, Upstream], headers: RequestHeaders, ending: StreamEnding
    ) -> None:
        self.upstreams = upstreams
        self.headers = headers
        self.ending = ending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Relay one WebSocket to its end.

        Before anything has been answered: UpstreamError, or ClientGone. ``receive`` and ``send`` are such as
        ``noticing`` makes.
        """
        exchange = exchange_of(scope)
        upstream, opening = self._opening(scope, exchange)
        await receive()  # websocket.connect, the first message of every handshake
        started = perf_counter()
        async with AsyncExitStack() as held:
            try:
                connection = await _unless_gone(held.enter_async_context(opening), receive)
            except Refused as refused:
                await answer(scope, send, refused.status, refused.headers, refused.body)
                return
            finally:
                exchange.upstream_seconds = perf_counter() - started
            relay = _Relay(receive, send, connection, upstream.idle or None)
            end: End | None = None
            try:
                end = await self._relay(relay, exchange)
                exchange.failure = end.failure
            finally:
                await relay.close(end)

    def _opening(
        self, scope: Scope, exchange: Exchange
    ) -> tuple[Upstream, AbstractAsyncContextManager[ClientConnection]]:
        decision, request, plan = exchange.decision, exchange.request, exchange.plan
        if not isinstance(decision, Forward) or request is None or plan is None:
            raise RuntimeError("a WebSocket was to be relayed that is not to be forwarded")
        upstream = self.upstreams[decision.rule.backend]
        headers = self.headers.for_backend(scope, decision.renamed or request, plan, decision.rule.hidden)
        return upstream, upstream.websocket(decision.target, headers, subprotocols(request))

    async def _relay(self, relay: _Relay, exchange: Exchange) -> End:
        try:
            async with self.ending.over(exchange):
                return await relay.run()
        except StreamEnded:
            return SUNSET


async def _unless_gone(
    opening: Coroutine[None, None, ClientConnection], receive: Receive
) -> ClientConnection:
    """What ``opening`` gives. Raises ClientGone, and gives it up, if the caller leaves meanwhile."""
    opened, left = asyncio.create_task(opening), asyncio.ensure_future(receive())
    try:
        await asyncio.wait((opened, left), return_when=asyncio.FIRST_COMPLETED)
        if not left.done():
            return opened.result()
        if opened.done() and opened.exception() is None:
            opened.result().transport.abort()
        raise ClientGone
    finally:
        opened.cancel()
        left.cancel()
        await asyncio.gather(opened, left, return_exceptions=True)


def noticing(call: Call) -> Call:
    """An ASGI ``receive`` or ``send`` that raises ClientGone where the caller is gone."""

    async def noticed(*message: Message) -> Any:
        try:
            return await call(*message)
        except _GONE as error:
            raise ClientGone from error

    return cast(Call, noticed)


def subprotocols(request: Request) -> list[str]:
    """What the caller offers, in its order, RFC 6455 section 11.3.4; not every server splits the lines."""
    lines = b",".join(request.values(b"sec-websocket-protocol")).decode("latin-1")
    return [name for part in lines.split(",") if (name := part.strip())]


class _Relay:
    """One WebSocket: the caller's side in ASGI messages, the backend's as a connection.

    ``idle`` bounds how long one message waits for the side that is to take it, in seconds.
    """

    def __init__(self, receive: Receive, send: Send, backend: ClientConnection, idle: float | None) -> None:
        self._receive = receive
        self._send = send
        self._backend = backend
        self._idle = idle
        # since when each side is to take a message
        self._to_backend = self._to_caller = NEVER

    async def run(self) -> End:
        """Accept the caller and pass messages on until either side ends it."""
        await self._accept()
        up, down, patience = (
            asyncio.create_task(one) for one in (self._up(), self._down(), self._patience())
        )
        try:
            await asyncio.wait((up, down, patience), return_when=asyncio.FIRST_COMPLETED)
            if up.done() and up.result() is None:
                await asyncio.wait((down, patience), return_when=asyncio.FIRST_COMPLETED)
            ends = [task.result() for task in (up, down, patience) if task.done()]
            return next(end for end in ends if end is not None)
        finally:
            for task in (up, down, patience):
                task.cancel()
            await asyncio.gather(up, down, patience, return_exceptions=True)

    async def _patience(self) -> End:
        """Until a side has not taken a message for ``idle``. One look now and then for all messages: a timer
        for each costs more than the message does."""
        if self._idle is None:
            await asyncio.Event().wait()
        idle = self._idle or 0.0
        while True:
            await asyncio.sleep(idle / LOOKS)
            late = monotonic() - idle
            if self._to_backend < late:
                return BACKEND_STALLED
            if self._to_caller < late:
                return CALLER_STALLED

    async def _accept(self) -> None:
        response = self._backend.response
        message: Message = {
            "type": "websocket.accept",
            "subprotocol": self._backend.subprotocol,
            "headers": answered_headers(response.headers) if response is not None else [],
        }
        await self._send(message)

    async def _up(self) -> End | None:
        """From the caller to the backend. ``None``: the backend takes no more, and ``_down`` learns why."""
        while True:
            try:
                message = await self._receive()
            except ClientGone:
                return CALLER_LOST
            if message["type"] != "websocket.receive":
                return caller_left(message)
            text: str | None = message.get("text")
            data: bytes = message["bytes"] if text is None else text.encode()
            if len(data) > MOST_MESSAGE_BYTES:
                return TOO_LARGE
            self._to_backend = monotonic()
            try:
                await self._backend.send(data, text=text is not None)
            except ConnectionClosed:
                return None
            self._to_backend = NEVER

    async def _down(self) -> End:
        """From the backend to the caller."""
        while True:
            try:
                data = await self._backend.recv()
            except ConnectionClosed as closed:
                return backend_left(closed)
            kind = "text" if isinstance(data, str) else "bytes"
            self._to_caller = monotonic()
            try:
                await self._send({"type": "websocket.send", kind: data})
            except ClientGone:
                return CALLER_LOST
            self._to_caller = NEVER

    async def close(self, end: End | None) -> None:
        """Tell both sides of the end and drop what is left. ``None``: it came without one, so at once."""
        try:
            if end is not None:
                await asyncio.gather(self._close_caller(end), self._close_backend(end))
        finally:
            self._backend.transport.abort()

    async def _close_caller(self, end: End) -> None:
        if end.to_caller is not None:
            message = {"type": "websocket.close", "code": end.to_caller, "reason": end.reason}
            await _bounded(self._send(message))

    async def _close_backend(self, end: End) -> None:
        if end.to_backend is not None:
            await _bounded(asyncio.gather(self._backend.close(end.to_backend, end.reason), self._drain()))

    async def _drain(self) -> None:
        """Drop what the backend still sends: its answer to the close stands behind it."""
        with suppress(ConnectionClosed):
            while True:
                await self._backend.recv()


async def _bounded(closing: Awaitable[object]) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await closing
    except (ClientGone, TimeoutError):
        pass  # whoever does not answer is gone


def caller_left(message: Message) -> End:
    """The caller closed, or vanished. Granian says 1005 of both, so both are told as going away."""
    code = message.get("code") or NO_STATUS
    if code == ABNORMAL:
        return CALLER_LOST
    return End(None, code if sendable(code) else GOING_AWAY, message.get("reason") or "")


def backend_left(closed: ConnectionClosed) -> End:
    """The backend closed, broke the protocol, or vanished."""
    received, sent = closed.rcvd, closed.sent
    if received is not None and closed.rcvd_then_sent is not False:
        return End(received.code if sendable(received.code) else NORMAL, None, received.reason)
    if sent is not None and sent.code == TOO_BIG:
        return TOO_LARGE_ANSWER
    return BACKEND_LOST


def sendable(code: int) -> bool:
    """Whether a close code may stand in a close frame, RFC 6455 section 7.4."""
    return code in (1000, 1001, 1002, 1003, *range(1007, 1015)) or 3000 <= code < 5000
