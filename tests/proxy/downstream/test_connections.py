"""What callers' connections take, and what ends them: exact bytes on real sockets, and short bounds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from duskgate.middleware.asgi import Message, Receive, Scope, Send
from duskgate.middleware.errors import CutShort
from duskgate.proxy.downstream.limits import Limits
from duskgate.proxy.downstream.refusals import Refusals
from duskgate.proxy.downstream.server import FrontServer
from tests.backends import read_response
from tests.proxy.sockets import upgrade
from tests.running import eventually

BRIEF = Limits(head_seconds=0.4, idle_seconds=0.8, linger_seconds=0.6)
GET = b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n"
LARGE = b"x" * 16 * 2**20
"""More than the system keeps for a caller that takes nothing."""


@dataclass
class App:
    """Answers as the path says, and notes what it was asked."""

    asked: list[Scope] = field(default_factory=list)
    got: list[bytes] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    reading: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            other = self._websocket if scope["type"] == "websocket" else self._lifespan
            await other(scope, receive, send)
            return
        self.asked.append(scope)
        path = scope["path"]
        if path.startswith("/early"):
            await respond(send, b"early")
            return
        if path == "/endless":
            await self._endless(send)
            return
        if path.startswith("/wait"):
            while (message := await receive())["type"] != "http.disconnect":
                pass
            self.ended.append(message["type"])
            return
        body = await self._body(receive)
        if path.startswith("/slow"):
            await asyncio.sleep(0.3)
        if path.startswith("/fault"):
            raise ValueError("as asked")
        if path.startswith("/break"):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"a\r\nb: c")]})
        if path.startswith("/short"):
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]}
            )
            await send({"type": "http.response.body", "body": b"four", "more_body": True})
            raise CutShort("as asked")
        await respond(send, LARGE if path == "/large" else body or path.encode())

    async def _endless(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
                await asyncio.sleep(0)
        finally:
            self.ended.append("endless")

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        if scope["path"] == "/flood":
            await send({"type": "websocket.send", "bytes": LARGE})
            return
        await self.reading.wait()
        while (message := await receive())["type"] != "websocket.disconnect":
            self.got.append(message["bytes"])

    async def _body(self, receive: Receive) -> bytes:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.ended.append("disconnect")
                return body
            piece: bytes = message["body"]
            body += piece
            if not message["more_body"]:
                self.got.append(body)
                return body

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def respond(send: Send, body: bytes) -> None:
    start: Message = {"type": "http.response.start", "status": 200, "headers": [(b"x-from", b"app")]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


class InThread(FrontServer):
    """The server without its signals, which belong to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Served:
    """A server, its application, and callers of it."""

    port: int
    app: App
    server: InThread

    def caller(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def send(self, *pieces: bytes) -> bytes:
        """Send bytes and read one response."""
        with self.caller() as caller:
            for piece in pieces:
                caller.sendall(piece)
            return read_response(caller)


@contextmanager
def serving(limits: Limits, most: int = 100) -> Iterator[Served]:
    app = App()
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = InThread(app, max_connections=most, refusals=Refusals("urn:x:"), limits=limits, tick=0.05)
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listening]),), daemon=True)
    thread.start()
    eventually(lambda: server.started or None, "the server")
    try:
        yield Served(port, app, server)
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(Limits()) as one:
        yield one


@pytest.fixture(scope="module")
def brief() -> Iterator[Served]:
    with serving(BRIEF) as one:
        yield one


def head_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[0]


# framing of answers, RFC 9112 sections 6 and 9


def test_a_whole_answer_says_its_length_and_date(served: Served) -> None:
    answer = served.send(GET % b"x")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\ncontent-length: 2\r\n" in answer
    assert answer.count(b"\r\ndate: ") == 1
    assert answer.endswith(b"\r\n\r\n/x")


def test_http_1_0_is_kept_only_if_asked(served: Served) -> None:
    assert b"\r\nconnection: close" in head_of(served.send(b"GET /x HTTP/1.0\r\n\r\n"))
    kept = served.send(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert b"\r\nconnection: keep-alive" in head_of(kept)


def test_an_answer_cut_short_is_seen_to_be(served: Served) -> None:
    with served.caller() as caller:
        caller.sendall(GET % b"short")
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while more := caller.recv(100):
                got += more
    assert len(got.partition(b"\r\n\r\n")[2]) < 10


@pytest.mark.parametrize("path", [b"fault", b"break"])
def test_a_failing_application_is_a_500_without_a_word_of_it(served: Served, path: bytes) -> None:
    answer = served.send(GET % path)
    assert answer.startswith(b"HTTP/1.1 500 ") or answer == b""
    assert b"as asked" not in answer
    assert b"\r\nb: c" not in answer


# requests, RFC 9112 sections 2, 3, 6 and 9.3.2


def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    """RFC 9112 section 9.3.2."""
    with served.caller() as caller:
        caller.sendall(b"".join(GET % path for path in (b"slow", b"b", b"c")))
        caller.settimeout(5)
        data = b""
        while data.count(b"HTTP/1.1 200") < 3 or not data.endswith(b"/c"):
            data += caller.recv(65536)
    assert data.index(b"/slow") < data.index(b"\r\n\r\n/b") < data.index(b"\r\n\r\n/c")


def test_many_requests_at_once_are_all_answered(served: Served) -> None:
    with served.caller() as caller:
        sender = threading.Thread(target=caller.sendall, args=((GET % b"x") * 2000,))
        sender.start()
        count = 0
        while count < 2000:
            more = caller.recv(1 << 20)
            assert more
            count += more.count(b"HTTP/1.1 200")
        sender.join()


@pytest.mark.parametrize(
    ("line", "path", "query", "host"),
    [
        (b"GET /a?b=c HTTP/1.1", b"/a", b"b=c", b"h"),
        (b"GET http://other.example/a?b HTTP/1.1", b"/a", b"b", b"other.example"),
        (b"GET HTTPS://other.example:8443 HTTP/1.1", b"/", b"", b"other.example:8443"),
    ],
)
def test_an_absolute_target_names_the_host(
    served: Served, line: bytes, path: bytes, query: bytes, host: bytes
) -> None:
    """RFC 9112 section 3.2.2."""
    assert served.send(line + b"\r\nHost: h\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    scope = served.app.asked[-1]
    assert (scope["raw_path"], scope["query_string"]) == (path, query)
    assert [value for name, value in scope["headers"] if name == b"host"] == [host]


@pytest.mark.parametrize("method", ["BREW", "get", "VERSION-CONTROL", "PURGE", "M-SEARCH"])
def test_any_token_is_a_method(served: Served, method: str) -> None:
    """RFC 9110 section 9.1."""
    assert served.send(method.encode() + b" /x HTTP/1.1\r\nHost: h\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert served.app.asked[-1]["method"] == method


REFUSED = [
    ("length and chunked", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("chunked in HTTP/1.0", b"POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("bare line feed", b"GET /x HTTP/1.1\nHost: h\n\n", 400),
    ("fragment", b"GET /x#y HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("no HTTP", b"hello\r\n\r\n", 400),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("HTTP/0.9", b"GET /x HTTP/0.9\r\nHost: h\r\n\r\n", 505),
    ("long target", b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n", 414),
    ("large head", b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 140_000, 431),
    ("many headers", b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 201 + b"\r\n", 431),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "status"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_is_no_request_is_refused_in_words(served: Served, sent: bytes, status: int) -> None:
    before = len(served.app.asked)
    answer = served.send(sent)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert problem["status"] == status
    assert problem["type"].startswith("urn:x:")
    assert b"\r\nconnection: close" in head_of(answer)
    assert len(served.app.asked) == before


def test_a_body_that_breaks_off_is_never_complete(served: Served) -> None:
    got = len(served.app.got)
    with served.caller() as caller:
        caller.sendall(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
    eventually(lambda: "disconnect" in served.app.ended or None, "the end")
    assert len(served.app.got) == got


def test_a_large_body_waits_for_whoever_reads_it(served: Served) -> None:
    size = 5_000_000
    head = b"POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size
    assert served.send(head, b"x" * size).endswith(b"x" * 1000)


def test_an_early_answer_can_be_read_during_an_upload(served: Served) -> None:
    with served.caller() as caller:
        caller.sendall(b"POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(20):
            caller.sendall(b"x" * 100_000)
            time.sleep(0.01)
        answer = read_response(caller)
    assert answer.endswith(b"early")
    assert b"\r\nconnection: keep-alive" not in answer


def test_a_caller_that_leaves_is_noticed(served: Served) -> None:
    with served.caller() as caller:
        caller.sendall(GET % b"wait")
        eventually(lambda: served.app.asked[-1]["path"] == "/wait" or None, "the request")
    eventually(lambda: "http.disconnect" in served.app.ended or None, "the end")


# bounds in time


def refused(caller: socket.socket, more: bytes = b"x") -> bool | None:
    """Whether nobody takes what is sent any more."""
    try:
        caller.sendall(more)
    except OSError:
        return True
    return None


@pytest.mark.parametrize("sent", [b"", GET % b"x"], ids=["nothing", "a whole request"])
def test_silence_ends_a_connection(brief: Served, sent: bytes) -> None:
    with brief.caller() as caller:
        caller.sendall(sent)
        if sent:
            assert read_response(caller).endswith(b"/x")
        assert caller.recv(1) == b""


def test_half_a_head_is_told_that_it_is_late(brief: Served) -> None:
    with brief.caller() as caller:
        caller.sendall(b"GET /x HTTP/1.1\r\nHo")
        assert read_response(caller).startswith(b"HTTP/1.1 408 ")


def test_a_request_that_takes_its_time_is_not_late(brief: Served) -> None:
    with brief.caller() as caller:
        caller.sendall(b"POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab")
        time.sleep(1.2)
        caller.sendall(b"cd")
        assert read_response(caller).endswith(b"abcd")


def test_what_comes_behind_an_early_answer_ends(brief: Served) -> None:
    with brief.caller() as caller:
        caller.sendall(b"POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 50000000\r\n\r\n")
        assert read_response(caller).endswith(b"early")
        eventually(lambda: refused(caller), "the end of the connection", 5)


TAKES_NOTHING = {
    "kept": GET % b"large",
    "pipelined": GET % b"large" * 20,
    "closed": b"GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "websocket": upgrade(b"/flood"),
}


@pytest.mark.parametrize("sent", TAKES_NOTHING.values(), ids=TAKES_NOTHING)
def test_a_caller_that_takes_no_answer_is_let_go(sent: bytes) -> None:
    with serving(BRIEF) as served, served.caller() as caller:
        caller.sendall(sent)
        open_ones = served.server.server_state.connections
        eventually(lambda: open_ones or None, "the connection")
        eventually(lambda: not open_ones or None, "the end of the connection", 5)


def frame(opcode: int, data: bytes) -> bytes:
    """A whole frame of a caller with a mask of zeros, RFC 6455 section 5.2."""
    return bytes((0x80 | opcode, 0x80 | len(data))) + bytes(4) + data


@contextmanager
def websocket(served: Served) -> Iterator[socket.socket]:
    with served.caller() as caller:
        caller.sendall(upgrade(b"/wait"))
        assert read_response(caller).startswith(b"HTTP/1.1 101 ")
        yield caller


def test_pings_are_read_no_faster_than_their_answers_are(served: Served) -> None:
    with websocket(served) as caller:
        caller.settimeout(0.5)
        pings, sent = frame(9, b"p" * 125) * 10_000, 0
        with contextlib.suppress(TimeoutError):
            while sent < 2 * len(LARGE):
                sent += caller.send(pings[sent % len(pings) :])
        assert sent < 2 * len(LARGE), "what the system keeps, and no more"


def test_few_messages_are_read_ahead_and_none_is_lost(served: Served) -> None:
    before = len(served.app.got)
    with websocket(served) as caller:
        caller.setblocking(False)
        frames = frame(2, b"") * 20_000
        sent = caller.send(frames)
        caller.setblocking(True)
        (one,) = served.server.server_state.connections
        eventually(lambda: one.queue.qsize() or None, "the first messages")  # type: ignore[union-attr]
        time.sleep(0.2)
        assert one.queue.qsize() < 3_000  # type: ignore[union-attr]
        one.loop.call_soon_threadsafe(served.app.reading.set)
        eventually(lambda: len(served.app.got) - before == sent // 6 or None, "all of them")
        caller.sendall(frames[sent : sent + -sent % 6])
        caller.sendall(frame(8, (1000).to_bytes(2, "big")))
        assert caller.recv(100).startswith(b"\x88")


def test_a_caller_that_asked_for_more_and_left_is_noticed(served: Served) -> None:
    before = served.app.ended.count("http.disconnect")
    with served.caller() as caller:
        asked = len(served.app.asked)
        caller.sendall(GET % b"wait")
        eventually(lambda: len(served.app.asked) > asked or None, "the request")
        caller.sendall(b"G")
        time.sleep(0.1)
    eventually(lambda: served.app.ended.count("http.disconnect") > before or None, "its end")


def test_a_caller_that_takes_its_answer_slowly_gets_it_all() -> None:
    with serving(BRIEF) as served, served.caller() as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        caller.sendall(GET % b"large")
        taken, until = b"", time.monotonic() + 4 * BRIEF.linger_seconds
        while time.monotonic() < until:
            taken += caller.recv(2**18)
            time.sleep(0.05)
        while len(taken) < len(LARGE):
            more = caller.recv(2**20)
            assert more, "the end of the connection"
            taken += more


def test_pipelined_requests_wait_until_the_answers_before_them_are_taken(served: Served) -> None:
    before = len(served.app.asked)
    with served.caller() as caller:
        caller.sendall(GET % b"large" * 3)
        eventually(lambda: len(served.app.asked) > before or None, "the first request")
        time.sleep(0.3)
        caller.sendall(GET % b"last")
        time.sleep(0.1)
        assert len(served.app.asked) == before + 1
        taken = b""
        while not taken.endswith(b"/last"):
            taken += caller.recv(2**20)
    assert taken.count(b"HTTP/1.1 200 ") == 4
    assert taken.count(b"x") > 3 * len(LARGE)


def test_more_connections_than_allowed_wait_for_one_to_end() -> None:
    with serving(Limits(), most=2) as served, served.caller() as first, served.caller() as second:
        for caller in (first, second):
            caller.sendall(GET % b"x")
            assert read_response(caller)
        with served.caller() as third:
            third.sendall(GET % b"x")
            third.settimeout(0.4)
            with pytest.raises(TimeoutError):
                third.recv(1)
            first.close()
            third.settimeout(5)
            assert read_response(third).endswith(b"/x")


def test_what_is_under_way_is_answered_before_the_end() -> None:
    with serving(Limits()) as served, served.caller() as idle, served.caller() as busy:
        idle.sendall(GET % b"x")
        assert read_response(idle)
        busy.sendall(GET % b"slow")
        eventually(lambda: served.app.asked[-1]["path"] == "/slow" or None, "the request")
        served.server.should_exit = True
        answer = read_response(busy)
        assert answer.endswith(b"/slow")
        assert busy.recv(1) == b""
        assert idle.recv(1) == b""


ENDLESS = {
    "a trailer": b"0\r\nX: ",
    "trailers": b"0\r\n" + b"X: y\r\n" * 10,
    "a chunk's extension": b"1;x=",
}


@pytest.mark.parametrize("begun", ENDLESS.values(), ids=ENDLESS)
def test_what_is_no_content_and_never_ends_is_cut_off(brief: Served, begun: bytes) -> None:
    more = b"X: y\r\n" * 10_000 if begun.endswith(b"\n") else b"y" * 65536
    with brief.caller() as caller:
        caller.sendall(b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + begun)
        eventually(lambda: refused(caller, more), "the end of the connection", 5)


def test_pipelined_requests_with_content_are_answered_in_order(served: Served) -> None:
    posts = b"".join(
        b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(content) + content
        for content in (b"%05d" % number * 40 for number in range(2_000))
    )
    with served.caller() as caller:
        threading.Thread(target=caller.sendall, args=(posts,), daemon=True).start()
        got = b""
        while got.count(b"HTTP/1.1 200 ") < 2_000 or not got.endswith(b"01999"):
            got += caller.recv(2**20)
    order = [part[-5:] for part in got.split(b"HTTP/1.1 200 ")[1:]]
    assert order == [b"%05d" % number for number in range(2_000)]


def test_a_caller_of_whom_nothing_is_read_is_noticed_when_it_leaves(served: Served) -> None:
    before, asked = served.app.ended.count("http.disconnect"), len(served.app.asked)
    with served.caller() as caller:
        caller.sendall(GET % b"wait" + GET % (b"y" * 60_000))
        eventually(lambda: len(served.app.asked) > asked or None, "the request")
        time.sleep(0.1)
    eventually(lambda: served.app.ended.count("http.disconnect") > before or None, "its end", 5)


def test_an_answer_that_nobody_gets_any_more_ends(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    with served.caller() as caller:
        caller.sendall(GET % b"endless")
        assert caller.recv(100).startswith(b"HTTP/1.1 200 ")
    eventually(lambda: "endless" in served.app.ended or None, "the end of the answer", 5)
    assert caplog.messages == []


def test_text_that_is_none_ends_a_websocket_without_a_word_in_the_log(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """RFC 6455 section 8.1."""
    with websocket(served) as caller:
        caller.sendall(frame(1, b"\xff\xfe"))
        assert caller.recv(100)[:4] == b"\x88\x02" + (1007).to_bytes(2, "big")
    assert [line for line in caplog.messages if "UTF-8" in line or "Exception" in line] == []


HEADS = {"a request": (GET % b"x", b"HTTP/1.1 200 "), "a WebSocket": (upgrade(b"/flood"), b"HTTP/1.1 503 ")}


@pytest.mark.parametrize(("head", "answer"), HEADS.values(), ids=HEADS)
def test_what_was_being_asked_for_is_answered_before_the_end(head: bytes, answer: bytes) -> None:
    with serving(Limits()) as served, served.caller() as caller:
        caller.sendall(head[:20])
        eventually(lambda: served.server.server_state.connections or None, "the connection")
        time.sleep(0.1)
        served.server.should_exit = True
        eventually(lambda: not served.server.servers[0]._accepting or None, "the end's beginning")  # type: ignore[attr-defined]
        caller.sendall(head[20:])
        got = read_response(caller)
        assert got.startswith(answer)
        assert b"\r\nconnection: close\r\n" in got.lower()
        assert caller.recv(1) == b""
