"""Backends and callers that try to speak for others, or to take what is not theirs."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from dataclasses import replace

import httpx
import pytest

from duskgate.policy.plan import Backend, Timeouts
from duskgate.proxy.upstream.native import NativeTransport
from duskgate.proxy.upstream.protocol import UpstreamRequest, UpstreamTimeout
from tests.backends import Conversation, raw_backend, read_response, replying
from tests.proxy.conftest import Proxy
from tests.proxy.test_failures import problem
from tests.proxy.test_requests import seen
from tests.proxy.test_responses import values

EVIL = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nEVIL"


@pytest.mark.parametrize(
    ("method", "reply"),
    [
        (b"GET", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi" + EVIL),
        (b"HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\npartial"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n" + EVIL),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\nEVIL" + EVIL),
    ],
    ids=["surplus response", "content after HEAD", "response after 204", "content after 304"],
)
def test_bytes_behind_a_response_never_answer_the_next_request(
    proxy: Proxy, method: bytes, reply: bytes
) -> None:
    """RFC 9112 section 9.2."""
    proxy.backend.scripts[b"/first"] = replying(reply)
    for _ in range(3):
        proxy.get(b"/v2/first", b"Connection: close", method=method)
        assert b"EVIL" not in proxy.get(b"/v2/victim")


@pytest.mark.parametrize("pieces", [1, 2])
def test_trailers_do_not_become_headers(proxy: Proxy, pieces: int) -> None:
    """RFC 9110 section 6.5.1: a recipient that does not know the field must not merge it."""
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
    trailers = b"set-cookie: sid=evil\r\nsunset: tomorrow\r\n\r\n"
    parts = [head + trailers] if pieces == 1 else [head, trailers]
    proxy.backend.scripts[b"/x"] = replying(*parts)
    answer = proxy.get(b"/v2/x")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert values(answer, b"set-cookie") == values(answer, b"sunset") == []


REFUSED = [
    ("length and chunked", b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
    ("coding before chunked", b"transfer-encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
    ("control character", b"x: a\x01b\r\ncontent-length: 0\r\n\r\n"),
    ("escape", b"x: a\x1b[31m\r\ncontent-length: 0\r\n\r\n"),
    ("long name", b"x" * 300 + b": 1\r\ncontent-length: 0\r\n\r\n"),
    ("many headers", b"x: 1\r\n" * 300 + b"content-length: 0\r\n\r\n"),
    ("large head", (b"x: " + b"a" * 1000 + b"\r\n") * 200 + b"content-length: 0\r\n\r\n"),
]


@pytest.mark.parametrize("rest", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_heads_that_cannot_be_passed_on_are_a_bad_answer(proxy: Proxy, rest: bytes) -> None:
    proxy.backend.scripts[b"/x"] = replying(b"HTTP/1.1 200 OK\r\n" + rest)
    answer = proxy.get(b"/v1/x")
    assert problem(answer) == (502, "backend-unavailable")
    assert values(answer, b"deprecation") == [b"@1772323200"]


SHADOWS = [
    b"X_Api_Key",
    b"X-Api_Key",
    b"X_Forwarded-For",
    b"X-Real_IP",
    b"Content_Length",
    b"Transfer_Encoding",
]


@pytest.mark.parametrize("name", SHADOWS)
def test_underscores_do_not_shadow_what_the_gateway_reads_or_writes(proxy: Proxy, name: bytes) -> None:
    _, fields, _ = seen(proxy.get(b"/v2/x", name + b": 6", b"X_Mine: 7"))
    assert name.lower() not in fields
    assert fields[b"x_mine"] == [b"7"]


@pytest.mark.parametrize("name", [b"X-Original-URL", b"X-Rewrite-URL", b"X-Forwarded-Uri"])
def test_the_path_cannot_be_overridden_by_a_header(proxy: Proxy, name: bytes) -> None:
    _, fields, _ = seen(proxy.get(b"/v2/x", name + b": /v0/x"))
    assert name.lower() not in fields


@pytest.mark.parametrize("host", [b"a;proto=https,b", b"a,b", b"'a'", b"a" * 300])
def test_a_host_that_is_none_is_refused(proxy: Proxy, host: bytes) -> None:
    answer = proxy.send(b"GET @/v2/x HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    assert problem(answer) == (400, "bad-request")


def test_a_method_in_small_letters_is_under_the_same_rule(on_own: Proxy) -> None:
    """Uvicorn lets none pass."""
    assert on_own.get(b"/v0/x", method=b"get").startswith(b"HTTP/1.1 410 ")


def test_a_caller_that_stops_sending_is_told_so_and_the_backend_not_blamed(proxy: Proxy) -> None:
    """By the native transport; by httpx only ``total`` bounds the time that a caller takes."""
    proxy = replace(proxy, via="native")
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as caller:
        head = b"POST " + proxy.path(b"/v2/x") + b" HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nab"
        caller.sendall(head)
        answer = read_response(caller)
    assert problem(answer) == (408, "request-timeout")


def test_a_broken_chunk_is_a_bad_request(on_own: Proxy) -> None:
    """Uvicorn answers by itself."""
    head = b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert problem(on_own.send(head + b"zz\r\nab\r\n")) == (400, "bad-request")


class TestHttp2:
    """What HTTP/2 has otherwise is put into HTTP/1.1's form (RFC 9113 section 8). Uvicorn has none."""

    @staticmethod
    def ask(proxy: Proxy, path: bytes, **more: object) -> httpx.Response:
        with httpx.Client(http1=False, http2=True, trust_env=False) as client:
            url = f"http://127.0.0.1:{proxy.port}{proxy.path(path).decode()}"
            return client.request(str(more.pop("method", "GET")), url, **more)  # type: ignore[arg-type]

    def test_a_request_without_content_stays_one(self, on_granian: Proxy) -> None:
        answer = self.ask(on_granian, b"/v2/x")
        assert answer.http_version == "HTTP/2"
        assert b"transfer-encoding" not in answer.content.lower()
        assert b"via: 2 duskgate" in answer.content.lower()
        assert b"\r\nhost: 127.0.0.1:" in answer.content.lower()

    def test_content_of_unknown_length(self, on_granian: Proxy) -> None:
        answer = self.ask(on_granian, b"/v2/x", method="POST", content=iter([b"hel", b"lo"]))
        assert answer.content.count(b"transfer-encoding: chunked") == 1
        assert answer.content.endswith(b"0\r\n\r\n")

    def test_cookies_are_one_line(self, on_granian: Proxy) -> None:
        answer = self.ask(on_granian, b"/v2/x", headers=[("Cookie", "a=1"), ("Cookie", "b=2")])
        assert b"cookie: a=1; b=2\r\n" in answer.content

    def test_notices_and_refusals(self, on_granian: Proxy) -> None:
        assert self.ask(on_granian, b"/v1/x").headers["deprecation"] == "@1772323200"
        assert self.ask(on_granian, b"/v0/x").status_code == 410


def test_a_response_without_framing_that_is_cut_by_a_timeout_is_not_complete() -> None:
    """RFC 9112 section 8: the connection's end is the content's only if the backend ended it."""

    def script(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        time.sleep(1)

    async def read() -> bytes:
        transport = NativeTransport(base, backend)
        response = await transport.send(UpstreamRequest("GET", b"/x", [(b"host", b"h")], None))
        content = response.body()
        got = await anext(content)
        with pytest.raises(UpstreamTimeout):
            await anext(content)
        await response.aclose()
        assert transport.active == 0
        await transport.aclose()
        return got

    with raw_backend() as target:
        target.scripts[b"/x"] = script
        base = f"http://127.0.0.1:{target.port}"
        backend = Backend("b", (base,), Timeouts(1, 1, 0.2))
        assert asyncio.run(read()) == b"hello"


def test_a_slow_caller_does_not_make_the_backend_late() -> None:
    """Reading pauses for the caller's sake; meanwhile the backend's silence is not its own."""
    size = 4_000_000

    async def read() -> int:
        transport = NativeTransport(base, backend)
        response = await transport.send(UpstreamRequest("GET", b"/x", [(b"host", b"h")], None))
        got = 0
        async for chunk in response.body():
            if not got:
                await asyncio.sleep(0.8)
            got += len(chunk)
        await response.aclose()
        await transport.aclose()
        return got

    with raw_backend() as target:
        target.scripts[b"/x"] = replying(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size, b"x" * size)
        base = f"http://127.0.0.1:{target.port}"
        backend = Backend("b", (base,), Timeouts(1, 1, 0.3))
        assert asyncio.run(read()) == size


def test_a_response_given_back_is_given_back_once() -> None:
    """``aclose`` after ``whole`` must not end the exchange that the connection carries by then."""
    release = threading.Event()

    def slow(conversation: Conversation) -> None:
        release.wait(5)
        conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow")

    async def both() -> bytes | None:
        transport = NativeTransport(base, backend)
        first = await transport.send(UpstreamRequest("GET", b"/x", [(b"host", b"h")], None))
        assert first.whole()
        second = asyncio.create_task(
            transport.send(UpstreamRequest("GET", b"/slow", [(b"host", b"h")], None))
        )
        await asyncio.sleep(0.05)
        await first.aclose()
        release.set()
        content = (await second).whole()
        await transport.aclose()
        return content

    with raw_backend() as target:
        target.scripts[b"/slow"] = slow
        base = f"http://127.0.0.1:{target.port}"
        backend = Backend("b", (base,), Timeouts(1, 1, 1))
        assert asyncio.run(both()) == b"slow"
        assert target.connections == 1
