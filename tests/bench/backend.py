"""The backend of every proxy: nginx with three fixed answers, and its count of requests."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.nginx import Nginx, frame
from tests.bench.ready import wait_for
from tests.bench.spawn import running
from tests.running import free_ports

SMALL, LARGE, HUGE = 200, 64 * 1024, 1024 * 1024

HTTP = """\
  open_file_cache max=10 inactive=1h;
  sendfile on;
  tcp_nopush on;
  default_type application/json;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{ return 200 '{small}'; }}
    location /api/v2/ {{ return 200 '{spaced}'; }}
    location = /bench-status {{ stub_status; }}
    location = /api/v1/bodies/{large} {{ alias {folder}/{large}; }}
    location = /api/v1/bodies/{huge} {{ alias {folder}/{huge}; }}
  }}"""


def answer(size: int) -> str:
    """A JSON document of exactly this many bytes."""
    frame = '{"id": 42, "name": ""}'
    return frame.replace('""', f'"{"x" * (size - len(frame))}"')


def spaced(document: str) -> str:
    """The same document, but not the same bytes: there is something to compare."""
    return document.replace(",", " ,")


def path_of(size: int) -> str:
    """The path that is answered with so many bytes, if it is not the small answer."""
    return f"/api/v1/bodies/{size}"


def config(folder: Path, port: int) -> str:
    """The backend's nginx.conf."""
    small = answer(SMALL)
    text = HTTP.format(port=port, folder=folder, small=small, spaced=spaced(small), large=LARGE, huge=HUGE)
    return frame(folder, text)


class Backend:
    """The running backend."""

    def __init__(self, port: int) -> None:
        self.port = port

    def requests(self) -> int:
        """How many requests it has had; asking counts as one."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"GET /bench-status HTTP/1.0\r\n\r\n")
            page = b"".join(iter(lambda: connection.recv(4096), b""))
        numbers = page.decode("ascii").splitlines()[-2].split()
        return int(numbers[2])


@contextmanager
def backend(folder: Path, cores: frozenset[int]) -> Iterator[Backend]:
    """The backend until the block ends."""
    (port,) = free_ports(1)
    folder.mkdir()
    for size in (LARGE, HUGE):
        (folder / str(size)).write_text(answer(size), encoding="ascii")
    (folder / "nginx.conf").write_text(config(folder, port), encoding="utf-8")
    command = [Nginx().program() or "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    log = folder / "log"
    with running(command, cores, log=log) as process:
        wait_for(process, port, "/", log)
        yield Backend(port)
