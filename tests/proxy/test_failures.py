"""Backends that fail, callers that leave: what each side sees."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import replace

import httpx
import pytest

from tests.backends import Conversation, replying
from tests.proxy.conftest import Proxy
from tests.proxy.test_responses import body_of, values
from tests.running import eventually


def problem(answer: bytes) -> tuple[int, str]:
    body = json.loads(body_of(answer))
    assert values(answer, b"content-type") == [b"application/problem+json"]
    return int(answer.split(b" ")[1]), body["type"].rsplit(":", 1)[1]


def test_a_backend_that_is_not_there(proxy: Proxy) -> None:
    answer = proxy.get(b"/v3/x")
    assert problem(answer) == (502, "backend-unavailable")
    assert values(answer, b"cache-control") == [b"no-store"]


BROKEN = [
    ("nothing", b""),
    ("half a head", b"HTTP/1.1 200 OK\r\ncontent-le"),
    ("no HTTP", b"SSH-2.0-OpenSSH_9\r\n\r\n"),
    ("no status", b"HTTP/1.1 \r\n\r\n"),
    ("length is no number", b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nab"),
    ("two lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc"),
    ("space before the colon", b"HTTP/1.1 200 OK\r\nx : 1\r\ncontent-length: 0\r\n\r\n"),
    ("only an interim response", b"HTTP/1.1 100 Continue\r\n\r\n"),
]


@pytest.mark.parametrize("reply", [case[1] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_an_answer_that_cannot_be_understood(proxy: Proxy, reply: bytes) -> None:
    proxy.backend.scripts[b"/x"] = replying(reply, close=True)
    assert problem(proxy.get(b"/v1/x")) == (502, "backend-unavailable")


def test_a_backend_that_says_nothing(proxy: Proxy) -> None:
    proxy.backend.scripts[b"/x"] = lambda conversation: time.sleep(3)
    answer = proxy.get(b"/v1/x")
    assert problem(answer) == (504, "backend-timeout")
    assert values(answer, b"deprecation") == [b"@1772323200"]


CUT = [
    ("length", b"content-length: 100\r\n\r\nhello"),
    ("chunked", b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    ("inside a chunk", b"transfer-encoding: chunked\r\n\r\n50\r\nhello"),
]


@pytest.mark.parametrize("framing", [case[1] for case in CUT], ids=[case[0] for case in CUT])
def test_a_response_cut_short_is_seen_as_cut_short(proxy: Proxy, framing: bytes) -> None:
    """RFC 9112 section 8: an incomplete message must not look complete."""

    def script(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\n" + framing)
        time.sleep(0.1)
        raise ConnectionError

    proxy.backend.scripts[b"/x"] = script
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://127.0.0.1:{proxy.port}{proxy.path(b'/v2/x').decode()}", trust_env=False)


def test_a_response_that_stalls_is_cut(proxy: Proxy) -> None:
    def script(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello")
        time.sleep(3)

    proxy.backend.scripts[b"/x"] = script
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://127.0.0.1:{proxy.port}{proxy.path(b'/v2/x').decode()}", trust_env=False)


UPLOADS = [
    ("length", b"Content-Length: 100\r\n\r\nhello"),
    ("chunked", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
]


@pytest.mark.parametrize("framing", [case[1] for case in UPLOADS], ids=[case[0] for case in UPLOADS])
def test_a_broken_upload_never_reaches_the_backend_as_complete(proxy: Proxy, framing: bytes) -> None:
    bodies: list[bytes] = []
    done = threading.Event()

    def script(conversation: Conversation) -> None:
        bodies.append(conversation.body())
        done.set()

    proxy.backend.scripts[b"/x"] = script
    with socket.create_connection(("127.0.0.1", proxy.port)) as caller:
        caller.sendall(b"POST " + proxy.path(b"/v2/x") + b" HTTP/1.1\r\nHost: h\r\n" + framing)
        eventually(lambda: proxy.backend.seen or None, "the request's head at the backend")
    assert done.wait(5)
    assert not bodies[0].endswith(b"0\r\n\r\n")
    assert len(bodies[0]) < 100


def test_a_caller_that_hangs_up_ends_the_backends_work(proxy: Proxy) -> None:
    def script(conversation: Conversation) -> None:
        if conversation.socket.recv(1) == b"":
            proxy.backend.ended.set()

    proxy.backend.scripts[b"/x"] = script
    with socket.create_connection(("127.0.0.1", proxy.port)) as caller:
        caller.sendall(b"GET " + proxy.path(b"/v2/x") + b" HTTP/1.1\r\nHost: h\r\n\r\n")
        eventually(lambda: proxy.backend.seen or None, "the request at the backend")
    assert proxy.backend.ended.wait(0.65)  # before the timeout would end it anyway


def test_a_caller_that_hangs_up_in_a_download_ends_it(proxy: Proxy) -> None:
    def script(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            while True:
                conversation.send(b"5\r\nhello\r\n")
                time.sleep(0.02)
        except OSError:
            proxy.backend.ended.set()

    proxy.backend.scripts[b"/x"] = script
    with socket.create_connection(("127.0.0.1", proxy.port)) as caller:
        caller.sendall(b"GET " + proxy.path(b"/v2/x") + b" HTTP/1.1\r\nHost: h\r\n\r\n")
        assert caller.recv(10)
    assert proxy.backend.ended.wait(3)


def test_a_declared_body_that_is_too_large(proxy: Proxy) -> None:
    answer = proxy.send(b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n")
    assert problem(answer) == (413, "body-too-large")
    assert proxy.backend.seen == []


def test_a_chunked_body_that_becomes_too_large(proxy: Proxy) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    head = b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = proxy.send(head, *[chunk] * 17, b"0\r\n\r\n")
    assert problem(answer) == (413, "body-too-large")


def test_a_refusal_stays_readable_during_an_upload(proxy: Proxy) -> None:
    head = b"POST @/v0/x HTTP/1.1\r\nHost: h\r\nContent-Length: 400000\r\n\r\n"
    assert problem(proxy.send(head, b"x" * 100_000)) == (410, "sunset")
    assert not any(b"/v0/" in seen for seen in proxy.backend.seen)


def test_an_early_answer_of_the_backend_stays_readable_during_an_upload(proxy: Proxy) -> None:
    """By the native transport; httpx reads no response before it has sent the whole request."""
    proxy = replace(proxy, via="native")

    def script(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
        conversation.receive()
        raise ConnectionError

    proxy.backend.scripts[b"/x"] = script
    head = b"POST @/v2/x HTTP/1.1\r\nHost: h\r\nContent-Length: 400000\r\n\r\n"
    answer = proxy.send(head, b"x" * 1000)
    assert answer.startswith(b"HTTP/1.1 403 ")


def test_an_exchange_that_takes_too_long_in_all(proxy: Proxy) -> None:
    """Each piece comes in time, so that no other bound would end it."""

    def script(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
        for _ in range(60):
            conversation.send(b".")
            time.sleep(0.05)

    proxy.backend.scripts[b"/slow"] = script
    proxy.backend.scripts[b"/silent"] = lambda conversation: time.sleep(0.6)
    assert problem(proxy.get(b"/v5/silent")) == (504, "backend-timeout")
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://127.0.0.1:{proxy.port}{proxy.path(b'/v5/slow').decode()}", trust_env=False)


def test_callers_that_leave_take_no_capacity_with_them(proxy: Proxy) -> None:
    """Whatever was under way when they left, as many requests as before can be under way afterwards."""
    proxy.backend.scripts[b"/stuck"] = lambda conversation: time.sleep(0.6)
    callers = []
    for number in range(30):
        caller = socket.create_connection(("127.0.0.1", proxy.port))
        body = b"POST %b HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc" % proxy.path(b"/v2/stuck")
        whole = b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n" % proxy.path(b"/v2/stuck")
        caller.sendall(body if number % 2 else whole)
        callers.append(caller)
    eventually(lambda: len(proxy.backend.seen) >= 15 or None, "the requests at the backend")
    for caller in callers:
        caller.close()
    for _ in range(40):
        assert proxy.get(b"/v2/echo").startswith(b"HTTP/1.1 200 ")
