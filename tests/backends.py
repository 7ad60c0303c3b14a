"""Backends that do exactly what a test says, byte by byte, on real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Script = Callable[["Conversation"], None]
CLOSE = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


@dataclass
class Conversation:
    """One connection to the backend, as its script sees it."""

    socket: socket.socket
    head: bytes
    _rest: bytes

    @property
    def method(self) -> bytes:
        return self.head.split(b" ", 1)[0]

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self, size: int = 65536) -> bytes:
        """Bytes behind the head, as they come; empty at the end of the connection."""
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        try:
            return self.socket.recv(size)
        except OSError:
            return b""

    def body(self) -> bytes:
        """The request's body as it was framed, to its end or the connection's."""
        lower = self.head.lower()
        data = b""
        if b"transfer-encoding: chunked" in lower:
            while not data.endswith(b"0\r\n\r\n"):
                data += self._more() or b""
                if not self._alive:
                    break
            return data
        length = next(
            (
                int(line.split(b":")[1])
                for line in lower.split(b"\r\n")
                if line.startswith(b"content-length:")
            ),
            0,
        )
        while len(data) < length and self._alive:
            data += self._more()
        return data

    _alive: bool = True

    def _more(self) -> bytes:
        data = self.receive()
        self._alive = bool(data)
        return data


def echo(conversation: Conversation) -> None:
    """Answer with the bytes of the request, head and body."""
    seen = conversation.head + conversation.body()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: %d\r\n\r\n"
    conversation.send(head % len(seen) + (b"" if conversation.method == b"HEAD" else seen))


def replying(*answers: bytes, close: bool = False) -> Script:
    """A script that reads the request and answers with these bytes; then it may hang up."""

    def script(conversation: Conversation) -> None:
        conversation.body()
        for answer in answers:
            conversation.send(answer)
        if close:
            raise ConnectionError

    return script


@dataclass
class RawBackend:
    """A TCP server; ``scripts`` maps a part of the request line to what is done with the request."""

    scripts: dict[bytes, Script] = field(default_factory=dict)
    seen: list[bytes] = field(default_factory=list)
    connections: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def start(self, address: tuple[str, int] | str = ("127.0.0.1", 0)) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._listener = socket.socket(family)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(address)
        self._listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(
                socket.SHUT_RDWR
            )  # closing alone would let a blocked accept take one more
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            rest = b""
            while True:
                while b"\r\n\r\n" not in rest:
                    data = connection.recv(65536)
                    if not data:
                        return
                    rest += data
                head, _, rest = rest.partition(b"\r\n\r\n")
                conversation = Conversation(connection, head + b"\r\n\r\n", rest)
                self.seen.append(conversation.head)
                self._script(head)(conversation)
                rest = b""

    def _script(self, head: bytes) -> Script:
        line = head.split(b"\r\n", 1)[0]
        return next((script for part, script in self.scripts.items() if part in line), echo)


@contextlib.contextmanager
def raw_backend(address: tuple[str, int] | str = ("127.0.0.1", 0)) -> Iterator[RawBackend]:
    """A backend for the length of a test."""
    backend = RawBackend()
    backend.start(address)
    try:
        yield backend
    finally:
        backend.stop()


def exchange(port: int, *pieces: bytes, seconds: float = 5.0) -> bytes:
    """Send bytes to a port and return what comes back until the connection ends or falls silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return read_response(connection)


def read_response(connection: socket.socket) -> bytes:
    """One response, by its framing: to the end of its content, or of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lower = head.lower() + b"\r\n"
    if b"\r\ntransfer-encoding: chunked\r\n" in lower:
        while not body.endswith(b"0\r\n\r\n"):
            more = connection.recv(65536)
            if not more:
                break
            body += more
    elif b"\r\ncontent-length: " in lower:
        length = int(lower.split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            more = connection.recv(65536)
            if not more:
                break
            body += more
    return head + b"\r\n\r\n" + body
