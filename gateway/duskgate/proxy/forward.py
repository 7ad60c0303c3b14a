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
from duskgate.proxy.body import BodyTooLarge, ClientGone, RequestBody
from duskgate.proxy.ending import StreamEnded, StreamEnding
from duskgate.proxy.headers import RequestHeaders, response_headers
from duskgate.proxy.upstream.protocol import (
    Overloaded,
    Upstream,
    UpstreamError,
    UpstreamRequest,
    UpstreamResponse,
    UpstreamTimeout,
)
from duskgate.proxy.watch import DisconnectWatch
from duskgate.proxy.websocket import WebSockets, noticing

logger = logging.getLogger("duskgate")

_NO_STORE = (b"cache-control", b"no-store")
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
    ) -> None:
        self.upstreams = upstreams
        self.headers = headers
        self.max_body = max_body
        self.ending = ending
        self.watch = DisconnectWatch()
        self.websockets = WebSockets(headers, ending)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        decision, request = exchange.decision, exchange.request
        if not isinstance(decision, Forward) or request is None:
            raise RuntimeError("ForwardApp was asked to forward what is not to be forwarded")
        if scope["type"] == "websocket":
            await self._relay(scope, noticing(receive), noticing(send), exchange)
            return
        body = RequestBody(request.fields, scope["http_version"], receive, self.max_body)
        if body.too_large:
            await self._refuse(scope, send, exchange, _TOO_LARGE)
            return
        outgoing = UpstreamRequest(
            request.method,
            decision.target,
            self.headers.for_backend(scope, request),
            None if body.ended else body.chunks(),
        )
        watched = self.watch.start(receive, body)
        try:
            await self._exchange(scope, send, exchange, self.upstreams[decision.rule.backend], outgoing)
        except asyncio.CancelledError:
            if not watched.fired:
                raise
            exchange.failure = "cancelled"
        except ClientGone:
            exchange.failure = "cancelled"
        finally:
            self.watch.stop(watched)

    async def _relay(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        try:
            try:
                await self.websockets(scope, receive, send)
            except UpstreamError as error:
                await self._failed(scope, send, exchange, error)
        except ClientGone:
            exchange.failure = "cancelled"

    async def _exchange(
        self, scope: Scope, send: Send, exchange: Exchange, upstream: Upstream, outgoing: UpstreamRequest
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
        finally:
            exchange.upstream_seconds = perf_counter() - started
        try:
            await self._answer(send, response, exchange)
        except StreamEnded:
            exchange.failure = "ended"
            raise CutShort("ended after its sunset") from None
        except UpstreamError as error:
            exchange.failure = "cut-short"
            logger.warning("response cut short by a backend: %s", error)
            raise CutShort(str(error)) from None
        finally:
            await response.aclose()

    async def _answer(self, send: Send, response: UpstreamResponse, exchange: Exchange) -> None:
        headers = response_headers(response.headers)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        whole = response.whole()
        if whole is not None:
            await send({"type": "http.response.body", "body": whole})
            return
        async with self.ending.over(exchange):
            async for chunk in response.body():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _failed(self, scope: Scope, send: Send, exchange: Exchange, error: UpstreamError) -> None:
        problem = problem_of_error(error)
        await self._refuse(scope, send, exchange, problem)
        logger.warning("%s (reference %s): %s", problem.name, exchange.reference, error)

    async def _refuse(self, scope: Scope, send: Send, exchange: Exchange, problem: Problem) -> None:
        exchange.failure = problem.name
        exchange.reference = new_reference()
        base = exchange.plan.problem_base if exchange.plan is not None else ""
        status, headers, body = render(problem, exchange.request, base, exchange.reference)
        await answer(scope, send, status, headers, body)
