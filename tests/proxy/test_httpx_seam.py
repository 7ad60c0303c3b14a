"""The seam to httpx: what is asked of it, and that every error of it becomes one of ours."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator

import httpx
import pytest
import respx

from duskgate.policy.plan import Backend
from duskgate.proxy.forward import problem_of_error
from duskgate.proxy.upstream.httpx import HttpxTransport, translated
from duskgate.proxy.upstream.protocol import UpstreamError, UpstreamRequest

BACKEND = Backend("b", ("http://backend.example",))
RAISED = sorted(
    (
        one
        for _, one in inspect.getmembers(httpx, inspect.isclass)
        if issubclass(one, (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError))
    ),
    key=lambda one: one.__name__,
)


@pytest.mark.parametrize("error", RAISED, ids=lambda one: one.__name__)
def test_every_error_of_httpx_becomes_a_status(error: type[Exception]) -> None:
    raised = error.__new__(error)
    Exception.__init__(raised, "for this test")
    with pytest.raises(UpstreamError) as caught, translated():
        raise raised
    expected = {"ReadTimeout": 504, "WriteTimeout": 504, "TimeoutException": 504, "PoolTimeout": 503}
    assert problem_of_error(caught.value).status == expected.get(error.__name__, 502)


async def body(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def send(request: UpstreamRequest) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    transport = HttpxTransport(BACKEND.targets[0], BACKEND)
    try:
        response = await transport.send(request)
        content = b"".join([chunk async for chunk in response.body()])
        await response.aclose()
        assert transport.active == 0
        return response.status, response.headers, content
    finally:
        await transport.aclose()


def test_a_request_goes_out_as_it_is_and_nothing_is_added(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.post("http://backend.example/a/b").respond(
        201, headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Location", "/elsewhere")], content=b"ok"
    )
    headers = [(b"host", b"gw.example"), (b"x-one", b"1"), (b"x-one", b"2"), (b"content-length", b"5")]
    status, answered, content = asyncio.run(
        send(UpstreamRequest("POST", b"/a/b?c=%zz", headers, body(b"he", b"llo")))
    )
    asked = route.calls.last.request
    assert asked.headers.raw == headers
    assert asked.extensions["target"] == b"/a/b?c=%zz"
    assert (status, content) == (201, b"ok")
    assert [value for name, value in answered if name == b"set-cookie"] == [b"a=1", b"b=2"]
    assert route.call_count == 1, "redirects are not followed"


def test_a_body_of_unknown_length_is_chunked(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.post("http://backend.example/").respond(200)
    asyncio.run(send(UpstreamRequest("POST", b"/", [(b"host", b"h")], body(b"x"))))
    assert (b"transfer-encoding", b"chunked") in route.calls.last.request.headers.raw


@pytest.mark.parametrize(
    ("error", "status"),
    [(httpx.ConnectError, 502), (httpx.ReadTimeout, 504), (httpx.PoolTimeout, 503), (httpx.ReadError, 502)],
)
def test_a_failing_backend(respx_mock: respx.MockRouter, error: type[Exception], status: int) -> None:
    respx_mock.get("http://backend.example/").mock(side_effect=error)
    with pytest.raises(UpstreamError) as caught:
        asyncio.run(send(UpstreamRequest("GET", b"/", [(b"host", b"h")], None)))
    assert problem_of_error(caught.value).status == status
