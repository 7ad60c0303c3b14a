"""What the caller gets: the backend's answer as it was, but for what a gateway must change."""

from __future__ import annotations

import pytest

from tests.backends import replying
from tests.proxy.conftest import Proxy


def head_of(answer: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    line, *headers = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")
    pairs = [header.partition(b": ") for header in headers]
    return line, [(name.lower(), value) for name, _, value in pairs]


def values(answer: bytes, name: bytes) -> list[bytes]:
    return [value for key, value in head_of(answer)[1] if key == name]


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


STATUSES = [200, 201, 202, 206, 301, 302, 400, 401, 404, 409, 410, 418, 429, 500, 503, 599]


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_passes(proxy: Proxy, status: int) -> None:
    reply = f"HTTP/1.1 {status} Whatever\r\ncontent-length: 2\r\nlocation: /elsewhere\r\n\r\nok"
    proxy.backend.scripts[b"/x"] = replying(reply.encode())
    answer = proxy.get(b"/v2/x")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert values(answer, b"location") == [b"/elsewhere"]
    assert body_of(answer) == b"ok"


def test_headers_pass_unjoined_and_content_undecoded(proxy: Proxy) -> None:
    body = b"\x1f\x8b not really gzip"
    proxy.backend.scripts[b"/x"] = replying(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nContent-Encoding: gzip\r\n"
        b"Server: mine/1\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nX-Odd:  \xe9 \r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    answer = proxy.get(b"/v2/x")
    assert values(answer, b"set-cookie") == [b"a=1; Path=/", b"b=2"]
    assert values(answer, b"content-encoding") == [b"gzip"]
    assert values(answer, b"server") == [b"mine/1"]
    assert values(answer, b"date") == [b"Mon, 01 Jan 2024 00:00:00 GMT"]
    assert values(answer, b"x-odd") == [b"\xe9"]
    assert body_of(answer) == body


def test_cookies_of_one_caller_do_not_reach_another(proxy: Proxy) -> None:
    proxy.backend.scripts[b"/set"] = replying(
        b"HTTP/1.1 200 OK\r\nset-cookie: s=secret; Path=/\r\ncontent-length: 0\r\n\r\n"
    )
    proxy.get(b"/v2/set")
    assert b"secret" not in proxy.get(b"/v2/echo")


def test_hop_by_hop_headers_end_here(proxy: Proxy) -> None:
    proxy.backend.scripts[b"/x"] = replying(
        b"HTTP/1.1 200 OK\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=9\r\n"
        b"proxy-authenticate: Basic\r\nx-end: 2\r\ncontent-length: 0\r\n\r\n"
    )
    answer = proxy.get(b"/v2/x")
    assert values(answer, b"x-end") == [b"2"]
    for name in (b"x-hop", b"keep-alive", b"proxy-authenticate"):
        assert values(answer, name) == []


FRAMINGS = [
    ("length", b"content-length: 11\r\n\r\nhello world", False),
    ("chunked", b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", False),
    (
        "chunk extensions",
        b"transfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        False,
    ),
    ("trailers", b"transfer-encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\nx-t: 1\r\n\r\n", False),
    ("end of connection", b"\r\nhello world", True),
]


@pytest.mark.parametrize(("framing", "close"), [case[1:] for case in FRAMINGS], ids=[c[0] for c in FRAMINGS])
def test_content_arrives_whole_however_it_was_framed(proxy: Proxy, framing: bytes, close: bool) -> None:
    """RFC 9112 section 6.3."""
    proxy.backend.scripts[b"/x"] = replying(b"HTTP/1.1 200 OK\r\n" + framing, close=close)
    answer = proxy.get(b"/v2/x", b"Connection: close")
    body = body_of(answer)
    if values(answer, b"transfer-encoding") == [b"chunked"]:
        assert body.endswith(b"0\r\n\r\n")
        body = b"".join(body.split(b"\r\n")[1::2])
    assert body == b"hello world"


def test_head_has_the_length_and_no_content(proxy: Proxy) -> None:
    """RFC 9110 section 9.3.2."""
    proxy.backend.scripts[b"/x"] = replying(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n")
    for _ in range(2):
        answer = proxy.get(b"/v2/x", b"Connection: close", method=b"HEAD")
        assert values(answer, b"content-length") == [b"999"]
        assert body_of(answer) == b""


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_no_content(proxy: Proxy, status: bytes) -> None:
    """RFC 9110 sections 15.3.5 and 15.4.5."""
    proxy.backend.scripts[b"/x"] = replying(b'HTTP/1.1 %b\r\netag: "1"\r\n\r\n' % status)
    for _ in range(2):
        answer = proxy.get(b"/v1/x", b"Connection: close")
        assert answer.startswith(b"HTTP/1.1 " + status[:3])
        assert body_of(answer) == b""
        assert values(answer, b"deprecation") == [b"@1772323200"]


@pytest.mark.parametrize("interim", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
def test_an_interim_response_is_never_the_final_one(proxy: Proxy, interim: bytes) -> None:
    """RFC 9110 section 15.2."""
    proxy.backend.scripts[b"/x"] = replying(
        b"HTTP/1.1 %b\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok" % interim
    )
    answer = proxy.get(b"/v2/x")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert values(answer, b"link") == []
    assert body_of(answer) == b"ok"


def test_range_requests_are_the_backends_business(proxy: Proxy) -> None:
    """RFC 9110 section 14: a proxy passes both sides on."""
    proxy.backend.scripts[b"/x"] = replying(
        b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-1/10\r\ncontent-length: 2\r\n\r\nab"
    )
    answer = proxy.get(b"/v2/x", b"Range: bytes=0-1")
    assert b"range: bytes=0-1" in proxy.backend.seen[-1].lower()
    assert values(answer, b"content-range") == [b"bytes 0-1/10"]


def test_notices_are_on_the_backends_answer_once(proxy: Proxy) -> None:
    proxy.backend.scripts[b"/x"] = replying(
        b'HTTP/1.1 404 Not Found\r\ndeprecation: true\r\nsunset: tomorrow\r\nlink: </own>; rel="next"\r\n'
        b"content-length: 0\r\n\r\n"
    )
    answer = proxy.get(b"/v1/x?a=1")
    assert values(answer, b"deprecation") == [b"@1772323200"]
    assert values(answer, b"sunset") == [b"Tue, 01 Jan 2036 00:00:00 GMT"]
    assert values(answer, b"link") == [
        b'</own>; rel="next"',
        b'<https://docs.example.com/m>; rel="deprecation"',
        b'<https://docs.example.com/m>; rel="sunset"',
        b"<" + proxy.path(b"/v2/x?a=1") + b'>; rel="successor-version"',
    ]


def test_a_length_that_stands_twice_is_not_passed_on_twice(proxy: Proxy) -> None:
    """RFC 9110 section 8.6: two that agree may be taken for one, or the message for broken."""
    proxy.backend.scripts[b"/x"] = replying(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nhi"
    )
    answer = proxy.get(b"/v2/x")
    assert answer.split(b" ")[1] == {"native": b"502", "httpx": b"200"}[proxy.via]
    assert len(values(answer, b"content-length")) == 1
