"""What the backend gets: as sent, byte for byte, but for what a gateway must change."""

from __future__ import annotations

import pytest

from tests.backends import exchange
from tests.proxy.conftest import Proxy
from tests.running import eventually


def seen(answer: bytes) -> tuple[bytes, dict[bytes, list[bytes]], bytes]:
    """The request line, the headers and the body that the backend saw, from its echo."""
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    head, _, body = answer.partition(b"\r\n\r\n")[2].partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    fields: dict[bytes, list[bytes]] = {}
    for header in headers:
        name, _, value = header.partition(b": ")
        fields.setdefault(name.lower(), []).append(value)
    return line, fields, body


TARGETS = [
    b"/v2/users/42",
    b"/v2/users/42?a=1&b[]=%zz&c=%20",
    b"/v2/a%2Fb/%7Ec;p=1/",
    b"/v2//doubled///slashes",
    b"/v2/a%5C%00b".replace(b"%00", b""),
    b"/v2/caf%C3%A9/%e9",
    b"/v2",
    b"/v2/?",
    b"/unversioned/42",
]


@pytest.mark.parametrize("target", TARGETS)
def test_the_target_is_forwarded_byte_for_byte(proxy: Proxy, target: bytes) -> None:
    line, _, _ = seen(proxy.get(target))
    expected = proxy.path(target).removesuffix(b"?")
    assert line == b"GET " + expected + b" HTTP/1.1"


@pytest.mark.parametrize(
    ("target", "asked"),
    [(b"/v4/users/1?q", b"/internal/v4/users/1?q"), (b"/v4", b"/internal/v4"), (b"/v4/", b"/internal/v4/")],
)
def test_a_rewrite_replaces_the_apis_path(proxy: Proxy, target: bytes, asked: bytes) -> None:
    assert seen(proxy.get(target))[0] == b"GET " + asked + b" HTTP/1.1"


@pytest.mark.parametrize("method", [b"GET", b"DELETE", b"OPTIONS", b"PATCH", b"PROPFIND", b"TRACE"])
def test_any_method_passes(proxy: Proxy, method: bytes) -> None:
    assert seen(proxy.get(b"/v2/x", method=method))[0].startswith(method + b" ")


def test_end_to_end_headers_pass_in_order_and_number(proxy: Proxy) -> None:
    headers = [b"X-A: 1", b"Accept: text/*;q=0.5", b"X-A: 2", b"Cookie: a=b; c=d", b"User-Agent: t/1"]
    _, fields, _ = seen(proxy.get(b"/v2/x", *headers, b"X-Bytes: \xe9\xff", b"Authorization: Bearer t"))
    assert fields[b"x-a"] == [b"1", b"2"]
    assert fields[b"cookie"] == [b"a=b; c=d"]
    assert fields[b"user-agent"] == [b"t/1"]
    assert fields[b"accept"] == [b"text/*;q=0.5"]
    assert fields[b"x-bytes"] == [b"\xe9\xff"]
    assert fields[b"authorization"] == [b"Bearer t"]
    assert fields[b"host"] == [b"gw.example"]


def test_nothing_is_added_but_what_a_gateway_says_of_itself(proxy: Proxy) -> None:
    _, fields, _ = seen(proxy.get(b"/v2/x"))
    assert set(fields) == {
        b"host",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"forwarded",
        b"via",
    }


def test_hop_by_hop_headers_end_here(proxy: Proxy) -> None:
    """RFC 9110 section 7.6.1."""
    _, fields, _ = seen(
        proxy.get(
            b"/v2/x",
            b"Connection: keep-alive, X-Mine, x-also",
            b"X-Mine: 1",
            b"X-Also: 2",
            b"X-Kept: 3",
            b"Keep-Alive: timeout=5",
            b"TE: trailers",
            b"Proxy-Authorization: Basic eA==",
            b"Proxy-Connection: keep-alive",
            b"Upgrade: h2c",
        )
    )
    assert fields[b"x-kept"] == [b"3"]
    gone = (b"connection", b"x-mine", b"x-also", b"keep-alive", b"te", b"proxy-authorization")
    for name in (*gone, b"proxy-connection", b"upgrade"):
        assert name not in fields


def test_host_cannot_be_nominated_away(proxy: Proxy) -> None:
    _, fields, _ = seen(proxy.get(b"/v2/x", b"Connection: host"))
    assert fields[b"host"] == [b"gw.example"]


def test_a_strangers_forwarding_headers_are_replaced(proxy: Proxy) -> None:
    _, fields, _ = seen(
        proxy.get(
            b"/v2/x",
            b"X-Forwarded-For: 6.6.6.6",
            b"X-Forwarded-Host: evil.example",
            b"X-Forwarded-Proto: https",
            b"X-Real-IP: 6.6.6.6",
            b"X_Forwarded_For: 6.6.6.6",
            b"Forwarded: for=6.6.6.6",
        )
    )
    assert fields[b"x-forwarded-for"] == [b"127.0.0.1"]
    assert fields[b"x-forwarded-host"] == [b"gw.example"]
    assert fields[b"x-forwarded-proto"] == [b"http"]
    assert fields[b"forwarded"] == [b'for=127.0.0.1;host="gw.example";proto=http']
    assert b"x-real-ip" not in fields
    assert b"x_forwarded_for" not in fields


def test_via_names_this_hop(proxy: Proxy) -> None:
    """RFC 9110 section 7.6.3."""
    _, fields, _ = seen(proxy.get(b"/v2/x", b"Via: 1.0 before"))
    assert b", ".join(fields[b"via"]) == b"1.0 before, 1.1 duskgate"


def test_a_body_of_known_length(proxy: Proxy) -> None:
    _, fields, body = seen(
        proxy.send(b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", b"he", b"llo")
    )
    assert fields[b"content-length"] == [b"5"]
    assert body == b"hello"


def test_a_chunked_body_stays_chunked(proxy: Proxy) -> None:
    _, fields, body = seen(
        proxy.send(
            b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"5\r\nhello\r\n",
            b"6;ext=1\r\n world\r\n0\r\n\r\n",
        )
    )
    assert fields[b"transfer-encoding"] == [b"chunked"]
    assert b"content-length" not in fields
    assert b"".join(body.split(b"\r\n")[1::2]) == b"hello world"


def test_an_empty_body_of_known_length(proxy: Proxy) -> None:
    _, fields, body = seen(proxy.send(b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"))
    assert fields[b"content-length"] == [b"0"]
    assert body == b""


def test_the_server_itself_answers_expect_100_continue(proxy: Proxy) -> None:
    """RFC 9110 section 10.1.1: the expectation is for the next hop, which is the gateway."""
    head = b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    answer = exchange(proxy.port, head.replace(b"@", proxy.path(b"")), b"hello")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    (seen_head,) = eventually(lambda: proxy.backend.seen or None, "the request at the backend")
    assert b"expect" not in seen_head.lower()


def test_every_line_of_connection_counts(proxy: Proxy) -> None:
    """RFC 9110 section 7.6.1: a header that one line names is for this hop, whatever the last line says."""
    lines = (b"Connection: X-Hop", b"Connection: keep-alive", b"X-Hop: 1", b"X-End: 2")
    _, fields, _ = seen(proxy.get(b"/v2/x", *lines))
    assert b"x-hop" not in fields
    assert fields[b"x-end"] == [b"2"]
