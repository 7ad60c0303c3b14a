"""Requests that two servers could read differently are refused: RFC 9112 sections 3.2, 6.3 and 11.2."""

from __future__ import annotations

import socket

import pytest

from tests.proxy.conftest import Proxy
from tests.proxy.test_responses import body_of

CODED = b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: %b\r\n\r\n0\r\n\r\n"

REFUSED = [
    ("no Host", b"GET @/v2/x HTTP/1.1\r\n\r\n"),
    ("two Hosts", b"GET @/v2/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("malformed Host", b"GET @/v2/x HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ("Host with a path", b"GET @/v2/x HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ("Host with a user", b"GET @/v2/x HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    ("two lengths", b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    ("length is no number", b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n"),
    ("negative length", b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"),
    ("plus sign", b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na"),
    ("unknown coding", b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("coding before chunked", CODED % b"gzip, chunked"),
    ("chunked twice", CODED % b"chunked, chunked"),
    ("space before the colon", b"GET @/v2/x HTTP/1.1\r\nHost: h\r\nX : 1\r\n\r\n"),
    ("folded header", b"GET @/v2/x HTTP/1.1\r\nHost: h\r\nX: 1\r\n 2\r\n\r\n"),
    ("dot segments", b"GET @/v2/../v1/x HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("asterisk", b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("tunnel", b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("no HTTP", b"hello\r\n\r\n"),
]  # fmt: skip


@pytest.mark.parametrize("request_bytes", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused_before_any_backend_hears_of_it(proxy: Proxy, request_bytes: bytes) -> None:
    answer = proxy.send(request_bytes)
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert proxy.backend.seen == []


def test_length_and_chunked_together_are_read_one_way_only(proxy: Proxy) -> None:
    """RFC 9112 section 6.1: refused, or chunked overrides the length and the connection ends afterwards.

    granian applies the second before the gateway sees the request; what counts there is that the backend gets
    one framing, and that nothing behind the body is taken for another request.
    """
    answer = proxy.send(
        b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET @/v2/smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    if proxy.server != "granian":
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert proxy.backend.seen == []
    elif not answer.startswith(b"HTTP/1.1 400 "):
        (head,) = proxy.backend.seen
        assert b"content-length" not in head.lower()
        assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET @/v2/" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", b"414"),
        (b"GET @/v2/x HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 500_000 + b"\r\n\r\n", b"431"),
        (b"GET @/v2/x HTTP/1.1\r\nHost: h\r\n" + b"X: 1\r\n" * 300 + b"\r\n", b"431"),
    ],
    ids=["target", "header", "headers"],
)
def test_heads_are_bounded(on_own: Proxy, request_bytes: bytes, status: bytes) -> None:
    assert on_own.send(request_bytes).startswith(b"HTTP/1.1 " + status)


def test_too_many_headers_reach_no_backend(proxy: Proxy) -> None:
    answer = proxy.get(b"/v2/x", *[b"X: 1"] * 300)
    assert answer.split(b" ")[1] == {"own": b"431", "granian": b"431", "uvicorn": b"400"}[proxy.server]
    assert proxy.backend.seen == []


def test_http_1_0_needs_no_host(proxy: Proxy) -> None:
    answer = proxy.send(b"GET @/v2/x HTTP/1.0\r\n\r\n")
    assert answer.split(b" ")[1] == b"200"
    assert b"via: 1.0 duskgate" in proxy.backend.seen[-1].lower()


CONTENT = {
    "by length": (b"Content-Length: 5\r\n\r\nhello", b"\r\n\r\nhello"),
    "chunked": (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "none": (b"\r\n", b"\r\n\r\n"),
}


@pytest.mark.parametrize(("content", "seen"), CONTENT.values(), ids=CONTENT)
def test_another_protocol_is_not_spoken_and_the_content_stays_content(
    proxy: Proxy, content: bytes, seen: bytes
) -> None:
    """RFC 9110 section 7.8: Upgrade may be ignored. Whoever took its content for the other protocol's bytes
    would leave the backend to take the next request for the content."""
    head = b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    answer = proxy.send(head + content)
    if proxy.server != "uvicorn" or seen == CONTENT["none"][1]:
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert seen in body_of(answer)
    elif b"Content-Length" in content:  # it leaves the content out, so nothing may reach the backend as whole
        assert answer.startswith(b"HTTP/1.1 400 ")


def test_behind_a_declined_upgrade_the_next_request_is_the_next(on_own: Proxy) -> None:
    head = (
        b"POST @/v2/one HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n\r\n"
    )
    after = b"GET @/v2/two HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", on_own.port), timeout=5) as caller:
        caller.sendall((head + b"hello" + after).replace(b"@", on_own.path(b"")))
        got = b""
        while more := caller.recv(65536):
            got += more
    assert got.count(b"HTTP/1.1 200 ") == 2
    lines = [one.split(b"\r\n")[0].split(b" ")[:2] for one in on_own.backend.seen]
    assert [(method, target[-4:]) for method, target in lines] == [(b"POST", b"/one"), (b"GET", b"/two")]
