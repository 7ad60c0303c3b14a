"""Server-sent events: a response that never ends, of which every piece arrives when it is sent."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.backends import Conversation, raw_backend
from tests.proxy.conftest import Proxy
from tests.proxy.sockets import on_uvicorn
from tests.proxy.test_responses import values
from tests.running import free_ports

HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"content-type: text/event-stream\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n"
)


class Reader:
    """A caller's end of a stream, on a raw socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.data = b""

    def until(self, wanted: bytes) -> bytes:
        """Everything up to some bytes, which must come."""
        while wanted not in self.data:
            more = self.connection.recv(65536)
            assert more, self.data
            self.data += more
        found, _, self.data = self.data.partition(wanted)
        return found + wanted


@contextlib.contextmanager
def listening(port: int, path: bytes, *headers: bytes) -> Iterator[Reader]:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        lines = b"".join(header + b"\r\n" for header in headers)
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n" + lines)
        connection.sendall(b"\r\n")
        yield Reader(connection)


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


Framing = Callable[[bytes], bytes]
FRAMINGS: list[tuple[bytes, Framing]] = [
    (b"transfer-encoding: chunked\r\n\r\n", chunked),
    (b"connection: close\r\n\r\n", lambda data: data),
]


@pytest.mark.parametrize(("framing", "frame"), FRAMINGS, ids=["chunked", "close"])
def test_each_event_arrives_before_the_next_is_sent(proxy: Proxy, framing: bytes, frame: Framing) -> None:
    received = Event()

    def script(conversation: Conversation) -> None:
        conversation.send(HEAD + framing)
        for number in range(5):
            assert received.wait(5)
            received.clear()
            conversation.send(frame(b"data: %d\n\n" % number))
        raise ConnectionError

    proxy.backend.scripts[b"/x"] = script
    with listening(proxy.port, proxy.path(b"/v1/x")) as reader:
        head = reader.until(b"\r\n\r\n")  # before there is any event
        for number in range(5):
            received.set()
            reader.until(b"data: %d\n\n" % number)
    assert values(head, b"content-type") == [b"text/event-stream"]
    assert values(head, b"cache-control") == [b"no-cache"]
    assert values(head, b"x-accel-buffering") == [b"no"]
    assert values(head, b"content-length") == values(head, b"content-encoding") == []
    assert values(head, b"deprecation") == [b"@1772323200"]


@pytest.mark.parametrize("transport", ["native", "httpx"])
def test_the_same_on_another_server_and_with_a_longer_silence(tmp_path: Path, transport: str) -> None:
    """Between two events it is ``idle`` that counts, not ``response``."""
    received = Event()

    def script(conversation: Conversation) -> None:
        conversation.send(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        for number in range(3):
            assert received.wait(5)
            received.clear()
            time.sleep(0.4)
            conversation.send(chunked(b"data: %d\n\n" % number))

    config = tmp_path / "gateway.yaml"
    (port,) = free_ports(1)
    with raw_backend() as backend:
        backend.scripts[b"/x"] = script
        config.write_text(
            f'backends: {{b: {{url: "http://127.0.0.1:{backend.port}", transport: {transport},'
            " timeouts: {response: 200ms, idle: 5s}}}\n"
            "apis: {a: {path: /a, default: v1, versions: {v1: {backend: b}}}}\n"
        )
        with on_uvicorn(config, port), listening(port, b"/a/x") as reader:
            reader.until(b"\r\n\r\n")
            for number in range(3):
                received.set()
                reader.until(b"data: %d\n\n" % number)


def test_a_stream_may_last_longer_than_any_timeout(proxy: Proxy) -> None:
    """``response`` and ``idle`` are 700 ms: the first is for the head, the second between two pieces."""

    def script(conversation: Conversation) -> None:
        conversation.send(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        for number in range(4):
            time.sleep(0.4)
            conversation.send(chunked(b"data: %d\n\n" % number))
        conversation.send(b"0\r\n\r\n")

    proxy.backend.scripts[b"/x"] = script
    with listening(proxy.port, proxy.path(b"/v2/x")) as reader:
        reader.until(b"data: 3\n\n")
        reader.until(b"0\r\n\r\n")


def test_many_events_arrive_in_order(proxy: Proxy) -> None:
    events = [b"id: %d\ndata: %b\n\n" % (number, b"x" * (number % 300)) for number in range(2000)]

    def script(conversation: Conversation) -> None:
        conversation.send(HEAD + b"connection: close\r\n\r\n")
        for event in events:
            conversation.send(event)
        raise ConnectionError

    proxy.backend.scripts[b"/x"] = script
    with listening(proxy.port, proxy.path(b"/v2/x")) as reader:
        reader.until(b"\r\n\r\n")
        raw = reader.until(b"\r\n0\r\n\r\n")
    content, rest = b"", raw
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        content, rest = content + rest[:length], rest[length + 2 :]
    assert content == b"".join(events)


def test_a_caller_that_hangs_up_between_two_events_ends_the_stream(proxy: Proxy) -> None:
    def script(conversation: Conversation) -> None:
        conversation.send(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunked(b"data: 1\n\n"))
        if conversation.socket.recv(1) == b"":
            proxy.backend.ended.set()

    proxy.backend.scripts[b"/x"] = script
    with listening(proxy.port, proxy.path(b"/v2/x")) as reader:
        reader.until(b"data: 1\n\n")
    assert proxy.backend.ended.wait(0.65)  # before the timeout would end it anyway


def test_a_caller_that_comes_back_says_where_it_was(proxy: Proxy) -> None:
    answer = proxy.get(b"/v2/x", b"Accept: text/event-stream", b"Last-Event-ID: 42")
    assert b"\r\nlast-event-id: 42\r\n" in answer.lower()
