"""A real gateway whose v1 has a shadow, in front of two backends that each test scripts."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from duskgate.proxy.shadow.store import Results, path_in, read
from tests.backends import Conversation, RawBackend, Script, raw_backend
from tests.gateway.test_serve import counted
from tests.running import eventually, free_ports, process

YAML = """
server: {{listen: "127.0.0.1:{port}", access_log: false, {server}}}
admin: {{listen: "127.0.0.1:{admin}"}}
backends:
  old: {{url: "http://127.0.0.1:{old}"}}
  new: {{url: "http://127.0.0.1:{new}", {backend}}}
apis:
  accounts:
    path: /api/{{version}}
    resolve: [path, {{header: Api-Version}}]
    default: v1
    versions:
      v1: {{backend: old, shadow: {{to: v2, sample: 100%, rate: {rate}, {shadow}}}}}
      v2: {{backend: new, {v2}}}
    endpoints:
      - {{path: "/users/{{id}}", versions: {{v1: {{lifecycle: {{}}}}}}}}
"""


def answering(make: Callable[[], Any], status: int = 200, kind: str = "application/json") -> Script:
    """A script that answers with what ``make`` gives: JSON, or bytes as they are."""

    def script(conversation: Conversation) -> None:
        conversation.body()
        made = make()
        body = made if isinstance(made, bytes) else json.dumps(made).encode()
        head = f"HTTP/1.1 {status} Fine\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        conversation.send(head.encode() + (b"" if conversation.method == b"HEAD" else body))

    return script


@dataclass(frozen=True)
class World:
    """The running gateway."""

    port: int
    admin: int
    old: RawBackend
    new: RawBackend
    folder: Path
    config: Path

    def both(self, old: Callable[[], Any], new: Callable[[], Any] | None = None) -> None:
        """What the backends answer from now on; the second as the first unless said otherwise."""
        self.old.scripts[b"/"] = answering(old)
        self.new.scripts[b"/"] = answering(new or old)

    def ask(self, path: str = "/api/v1/users/7", method: str = "GET", **more: Any) -> httpx.Response:
        return httpx.request(method, f"http://127.0.0.1:{self.port}{path}", trust_env=False, **more)

    def count(self, name: str, **labels: str) -> float:
        page = httpx.get(f"http://127.0.0.1:{self.admin}/metrics", trust_env=False).text
        return counted(page, f"duskgate_shadow_{name}", **labels)

    def judged(self, number: int, **labels: str) -> None:
        """Wait until so many samples are judged."""
        eventually(lambda: self.count("samples_total", **labels) >= number or None, f"{number} samples", 15)

    def settle(self) -> None:
        """Wait until nothing comes of the requests before any more: no copy, no verdict."""
        before, since = -1.0, time.monotonic()
        while time.monotonic() < since + 0.4:
            told = self.count("samples_total") + self.count("dropped_total")
            now = len(self.old.seen) + len(self.new.seen) + told
            if now != before:
                before, since = now, time.monotonic()
            time.sleep(0.02)

    def results(self) -> Results:
        return read(path_in(self.folder))

    def log(self) -> str:
        return (self.folder / "gateway.log").read_text()


@contextmanager
def shadowing(
    folder: Path, shadow: str = "", *, v2: str = "", server: str = "", backend: str = "", rate: int = 10_000
) -> Iterator[World]:
    """A gateway with these additions to its shadow, its second version, its server and the new backend."""
    port, admin = free_ports(2)
    with ExitStack() as stack:
        old, new = stack.enter_context(raw_backend()), stack.enter_context(raw_backend())
        config = folder / "gateway.yaml"
        config.write_text(
            YAML.format(
                port=port,
                admin=admin,
                old=old.port,
                new=new.port,
                shadow=shadow,
                rate=rate,
                v2=v2,
                server=server,
                backend=backend,
            )
        )
        command = [sys.executable, "-m", "duskgate.cli", "serve", str(config)]
        stack.enter_context(process(command, folder / "gateway.log", f"http://127.0.0.1:{admin}/readyz"))
        eventually(lambda: listening(port), "the data port")  # a worker is ready a moment before it listens
        yield World(port, admin, old, new, folder, config)


def listening(port: int) -> bool | None:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0 or None


def timestamp() -> str:
    return f"{time.time():.6f}"
