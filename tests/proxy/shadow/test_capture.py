"""When a sample is whole: however the end of its request and the end of its answer fall together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from duskgate.policy import decide, request
from duskgate.policy.decision import Forward
from duskgate.proxy.shadow.capture import Capture, Sample
from duskgate.proxy.upstream.protocol import UpstreamRequest
from tests.policy.world import one_api
from tests.stack import exchange_with

PLAN = one_api(
    "{path: '/api/{version}', default: v1, versions:"
    " {v1: {backend: old, shadow: {to: v2, max_body: 10, idempotent: [{path: /x, methods: [POST]}]}},"
    " v2: {backend: new}}}"
)
START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"answer"}
LENGTH = ("Content-Length", "4")
CHUNKED = ("Transfer-Encoding", "chunked")


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def endless(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    """A body whose end is not said, or not yet."""
    for piece in pieces:
        yield piece
    await never()


async def ending(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def passed(
    header: tuple[str, str], body: AsyncIterator[bytes], *, failure: str | None = None
) -> tuple[str | None, bytes]:
    """What is said of a sample whose body is sent as far as it goes before the answer comes, and its body."""
    asked = request("POST", "/api/v1/x", [header])
    decision = decide(PLAN, asked, {}, 0)
    assert isinstance(decision, Forward)
    assert decision.rule.shadow is not None
    exchange = exchange_with(PLAN, asked, decision)
    exchange.failure = failure
    sample = Sample({}, exchange, PLAN, asked, decision.rule, decision.target, decision.rule.shadow, [])
    outgoing = UpstreamRequest("POST", decision.target, [], body)
    said: list[str | None] = []
    capture = Capture(sample, outgoing, lambda _, reason: said.append(reason))

    async def upload() -> None:
        assert outgoing.body is not None
        async for _ in outgoing.body:
            pass

    async def caller(message: Any) -> None: ...

    uploading = asyncio.create_task(upload())
    for _ in range(10):
        await asyncio.sleep(0)
    send = capture.passing(caller)
    await send(START)
    await send(END)
    uploading.cancel()  # as a transport does when it has the whole answer
    await asyncio.gather(uploading, return_exceptions=True)
    (reason,) = said
    return reason, capture.request_body()


@pytest.mark.parametrize("pieces", [[b"body"], [b"bo", b"dy"]], ids=["at once", "in pieces"])
def test_a_body_is_whole_when_as_much_came_as_was_announced(pieces: list[bytes]) -> None:
    """A backend may answer by then, before anybody looked whether more comes."""
    assert asyncio.run(passed(LENGTH, endless(pieces))) == (None, b"body")


def test_a_body_is_not_whole_before_that() -> None:
    assert asyncio.run(passed(LENGTH, endless([b"bod"])))[0] == "unanswered"
    assert asyncio.run(passed(CHUNKED, endless([b"body"])))[0] == "unanswered"


def test_a_body_of_unknown_length_is_whole_at_its_end() -> None:
    assert asyncio.run(passed(CHUNKED, ending([b"bo", b"dy"]))) == (None, b"body")


def test_one_that_is_larger_than_may_be_kept_is_given_up() -> None:
    assert asyncio.run(passed(CHUNKED, ending([b"x" * 11])))[0] == "too-large"


def test_a_failure_is_no_answer() -> None:
    assert asyncio.run(passed(LENGTH, ending([b"body"]), failure="cut-short"))[0] == "unanswered"
