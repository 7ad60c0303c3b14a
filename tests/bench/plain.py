"""A backend and a caller made of bare sockets, which can stop reading whenever they like."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

MIB = 1024 * 1024
PIECE = bytes(256 * 1024)
STILL_SECONDS = 1.0
LONGEST_SECONDS = 60.0


class Broken(Exception):
    """The other side did not do what was asked of it."""


class PlainBackend:
    """Sends as much as it is asked for, takes what it is sent, or reads nothing.

    ``moved`` counts the bytes of bodies that it has sent or taken.
    """

    def __init__(self) -> None:
        self.moved = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []

    def serve(self) -> None:
        """Accept until closed."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def close(self) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes whoever waits on it
            one.close()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, Broken):
            while True:
                self._exchange(connection)

    def _exchange(self, connection: socket.socket) -> None:
        head, rest = read_head(connection)
        path = head.split(b" ")[1].decode("ascii").rpartition("/")[2]
        if path == "stall":
            time.sleep(LONGEST_SECONDS)
        elif path == "take":
            self.moved += len(rest)
            left = content_length(head) - len(rest)
            for size in receive(connection, left):
                self.moved += size
            connection.sendall(answer_head(0))
        else:
            size = int(path) if path.isdigit() and int(path) >= MIB else 0
            connection.sendall(answer_head(size))
            for _ in range(size // len(PIECE)):
                connection.sendall(PIECE)
                self.moved += len(PIECE)


@contextlib.contextmanager
def plain_backend() -> Iterator[PlainBackend]:
    """A backend until the block ends."""
    backend = PlainBackend()
    threading.Thread(target=backend.serve, daemon=True).start()
    try:
        yield backend
    finally:
        backend.close()


class PlainCaller:
    """One connection to the proxy. ``moved`` counts the bytes of bodies that went through it."""

    def __init__(self, port: int) -> None:
        self.moved = 0
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=LONGEST_SECONDS)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def ask(self, path: str) -> bytes:
        """Ask, and read no more than what comes with the answer's head, which is returned."""
        self._connection.sendall(f"GET {path} HTTP/1.1\r\nHost: gateway.example\r\n\r\n".encode())
        head, rest = read_head(self._connection)
        check(head)
        self.moved += len(rest)
        return head

    def take(self, path: str) -> None:
        """Ask for a body and read it to its end. Raises Broken."""
        left = content_length(self.ask(path)) - self.moved
        for size in receive(self._connection, left):
            self.moved += size

    def give(self, path: str, size: int) -> None:
        """Send a body and read the answer. Raises Broken."""
        head = f"POST {path} HTTP/1.1\r\nHost: gateway.example\r\nContent-Length: {size}\r\n\r\n"
        self._connection.sendall(head.encode())
        for _ in range(size // len(PIECE)):
            self._connection.sendall(PIECE)
            self.moved += len(PIECE)
        check(read_head(self._connection)[0])

    def give_in_background(self, path: str, size: int) -> None:
        """Send a body from another thread, which ends with the connection."""

        def sending() -> None:
            with contextlib.suppress(OSError, Broken):
                self.give(path, size)

        threading.Thread(target=sending, daemon=True).start()


def settle(moving: PlainBackend | PlainCaller) -> None:
    """Wait until something moved and then nothing does any more. Raises Broken if that takes too long."""
    deadline = time.monotonic() + LONGEST_SECONDS
    seen, since = 0, time.monotonic()
    while time.monotonic() < deadline:
        if moving.moved != seen:
            seen, since = moving.moved, time.monotonic()
        elif seen and time.monotonic() - since > STILL_SECONDS:
            return
        time.sleep(0.05)
    raise Broken("the bytes never stopped, or never began, to move")


def read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """A message's head and what came with it. Raises Broken."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            raise Broken("the connection ended before a head")
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def receive(connection: socket.socket, left: int) -> Iterator[int]:
    """Read so many bytes and yield how many came each time. Raises Broken if they do not come."""
    buffer = bytearray(len(PIECE))
    while left > 0:
        size = connection.recv_into(buffer, min(left, len(buffer)))
        if not size:
            raise Broken(f"{left} bytes are missing")
        left -= size
        yield size


def content_length(head: bytes) -> int:
    """The announced length. Raises Broken if there is none."""
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    raise Broken("no length was announced")


def check(head: bytes) -> None:
    """Raise Broken unless the answer is 200."""
    if head.split(b" ")[1] != b"200":
        raise Broken(head.decode("latin-1").splitlines()[0])


def answer_head(size: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % size
