"""Sending a request to its backend and the answer to its caller, both as streams."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from time import perf_counter

from duskgate.middleware.asgi import Receive, Scope, Send, answer
from duskgate.middleware.errors import CutShort
from duskgate.middleware.exchange import Exchange, exchange_of
from duskgate.middleware.problems import Problem, new_reference, render
from duskgate.policy.decision import Forward
from duskgate.proxy.body import BodyTooLarge, ClientGone, RequestBody, request_body
from duskgate.proxy.ending import StreamEnded, StreamEnding
from duskgate.proxy.headers import RequestHeaders, response_headers
from duskgate.proxy.shadow.shadows import Shadows
from duskgate.proxy.upstream.protocol import (
    CallerTimeout,
    Overloaded,
    Upstream,
    UpstreamError,
    UpstreamRequest,
    UpstreamResponse,
    UpstreamTimeout,
)
from duskgate.proxy.watch import DisconnectWatch, Watched
from duskgate.proxy.websocket import WebSockets, noticing

logger = logging.getLogger("duskgate")

_NO_STORE = (b"cache-control", b"no-store")
_BROKEN_BODY = Problem(400, "bad-request", "Bad request", "The request body is broken.")
_TOO_SLOW = Problem(408, "request-timeout", "Request timeout", "The request body stopped coming.")
_TOO_LARGE = Problem(
    413, "body-too-large", "Body too large", "The request body is larger than this gateway takes."
)


def problem_of_error(error: UpstreamError) -> Problem:
    """The one place where a backend's failure becomes a status."""
    if isinstance(error, UpstreamTimeout):
        return Problem(504, "backend-timeout", "Backend timeout", "The backend did not answer in time.")
    if isinstance(error, Overloaded):
        headers = (_NO_STORE, (b"retry-after", b"1"))
        return Problem(503, "overloaded", "Overloaded", "The backend has no capacity left.", {}, headers)
    return Problem(502, "backend-unavailable", "Backend unavailable", "The backend could not be reached.")


class ForwardApp:
    """The innermost app: forwards what the decision says to forward."""

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        headers: RequestHeaders,
        max_body: int | None,
        ending: StreamEnding,
        shadows: Shadows | None = None,
    ) -> None:
        self.upstreams = upstreams
        self.headers = headers
        self.max_body = max_body
        self.ending = ending
        self.shadows = shadows
        self.watch = DisconnectWatch()
        self.websockets = WebSockets(upstreams, headers, ending)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        decision, request = exchange.decision, exchange.request
        plan = exchange.plan
        if not isinstance(decision, Forward) or request is None or plan is None:
            raise RuntimeError("ForwardApp was asked to forward what is not to be forwarded")
        if scope["type"] == "websocket":
            await self._relay(scope, noticing(receive), noticing(send), exchange)
            return
        body = request_body(request.fields, scope["http_version"], receive, self.max_body)
        if body.too_large:
            await self._refuse(scope, send, exchange, _TOO_LARGE)
            return
        if body.unknown and not await self._begun(scope, send, exchange, body):
            return
        outgoing = UpstreamRequest(
            request.method,
            decision.target,
            self.headers.for_backend(scope, decision.renamed or request, plan, decision.rule.hidden),
            body.chunks() if body.has_content else None,
        )
        if decision.rule.shadow is not None and self.shadows is not None:
            send = self.shadows.beside(scope, exchange, outgoing, send)
        upstream = self.upstreams[decision.rule.backend]
        watched = self.watch.start(receive, body, upstream.longest)
        try:
            await self._exchange(scope, send, exchange, upstream, outgoing, watched)
        except asyncio.CancelledError:
            if watched.late:
                await self._late(scope, send, exchange)
            elif watched.gone:
                exchange.failure = "cancelled"
            else:
                raise
        except ClientGone:
            await self._broken(scope, send, exchange)
        finally:
            self.watch.stop(watched)

    async def _begun(self, scope: Scope, send: Send, exchange: Exchange, body: RequestBody) -> bool:
        """Look for the body of a request whose head does not say whether it has one."""
        try:
            await body.look()
        except ClientGone:
            await self._broken(scope, send, exchange)
            return False
        except BodyTooLarge:
            await self._refuse(scope, send, exchange, _TOO_LARGE)
            return False
        return True

    async def _broken(self, scope: Scope, send: Send, exchange: Exchange) -> None:
        """The body ended too soon. Servers say so in one way for callers who left and for broken chunks."""
        if not exchange.status:
            await self._refuse(scope, send, exchange, _BROKEN_BODY)
        exchange.failure = "cancelled"

    async def _late(self, scope: Scope, send: Send, exchange: Exchange) -> None:
        error = UpstreamTimeout("the request took longer than it may in all")
        if exchange.status:
            exchange.failure = "cut-short"
            logger.warning("response cut short: %s", error)
            raise CutShort(str(error))
        await self._failed(scope, send, exchange, error)

    async def _relay(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        try:
            try:
                await self.websockets(scope, receive, send)
            except UpstreamError as error:
                await self._failed(scope, send, exchange, error)
        except ClientGone:
            exchange.failure = "cancelled"

    async def _exchange(
        self,
        scope: Scope,
        send: Send,
        exchange: Exchange,
        upstream: Upstream,
        outgoing: UpstreamRequest,
        watched: Watched,
    ) -> None:
        started = perf_counter()
        try:
            response = await upstream.send(outgoing)
        except UpstreamError as error:
            await self._failed(scope, send, exchange, error)
            return
        except BodyTooLarge:
            await self._refuse(scope, send, exchange, _TOO_LARGE)
            return
        except CallerTimeout:
            await self._refuse(scope, send, exchange, _TOO_SLOW)
            return
        finally:
            exchange.upstream_seconds = perf_counter() - started
        start = {
            "type": "http.response.start",
            "status": response.status,
            "headers": response_headers(response.headers),
        }
        try:
            whole = response.whole()
            await send(start)
            if whole is None:
                await self._stream(send, response, exchange, watched, upstream.idle)
            else:
                await send({"type": "http.response.body", "body": whole})
                return
        except StreamEnded:
            exchange.failure = "ended"
            raise CutShort("ended after its sunset") from None
        except BodyTooLarge:
            exchange.failure = _TOO_LARGE.name
            raise CutShort("the request body became too large") from None
        except (UpstreamError, CallerTimeout) as error:
            if not exchange.status and isinstance(error, UpstreamError):
                await self._failed(scope, send, exchange, error)
                return
            exchange.failure = "cut-short"
            logger.warning("response cut short: %s", error)
            raise CutShort(str(error)) from None
        finally:
            await response.aclose()

    async def _stream(
        self, send: Send, response: UpstreamResponse, exchange: Exchange, watched: Watched, idle: float | None
    ) -> None:
        async with self.ending.over(exchange):
            async for chunk in response.body():
                watched.sending(idle)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                watched.sent()
        await send({"type": "http.response.body", "body": b""})

    async def _failed(self, scope: Scope, send: Send, exchange: Exchange, error: UpstreamError) -> None:
        problem = problem_of_error(error)
        await self._refuse(scope, send, exchange, problem)
        backend = exchange.decision.rule.backend if isinstance(exchange.decision, Forward) else ""
        logger.warning("%s: backend %s: %s (reference %s)", problem.name, backend, error, exchange.reference)

    async def _refuse(self, scope: Scope, send: Send, exchange: Exchange, problem: Problem) -> None:
        exchange.failure = problem.name
        exchange.reference = new_reference()
        base = exchange.plan.problem_base if exchange.plan is not None else ""
        status, headers, body = render(problem, exchange.request, base, exchange.reference)
        await answer(scope, send, status, headers, body)
