"""One real gateway in front of a backend that each test scripts: by both transports, and on three servers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.backends import RawBackend, exchange, raw_backend
from tests.proxy.sockets import on_uvicorn
from tests.running import free_ports, process

YAML = """
server: {{listen: "127.0.0.1:{port}", max_request_body: 1MiB, access_log: false, http2: {http2}}}
admin: {{listen: "127.0.0.1:{admin}"}}
identity: [{{header: X-Api-Key, secret: true}}]
consumers: {{acme: {{match: {{X-Api-Key: acme-key}}}}}}
backends:
  native: {{url: "http://127.0.0.1:{backend}", timeouts: {{connect: 1s, response: 700ms, idle: 700ms}}}}
  httpx: {{url: "http://127.0.0.1:{backend}", transport: httpx, timeouts: {{response: 700ms, idle: 700ms}}}}
  brief: {{url: "http://127.0.0.1:{backend}", timeouts: {{total: 300ms}}}}
  brief-httpx: {{url: "http://127.0.0.1:{backend}", transport: httpx, timeouts: {{total: 300ms}}}}
  nobody: {{url: "http://127.0.0.1:{nobody}"}}
  nobody-httpx: {{url: "http://127.0.0.1:{nobody}", transport: httpx}}
apis:
  native: {{path: "/native/{{version}}", default: v1, versions: {{
    v1: {{backend: native, lifecycle: {{deprecated: 2026-03-01, sunset: 2036-01-01,
      guide: "https://docs.example.com/m", successor: v2}}}},
    v2: {{backend: native}}, v5: {{backend: brief}}, v3: {{backend: nobody}},
    v4: {{backend: native, rewrite: /internal/v4}},
    v0: {{backend: native, lifecycle: {{sunset: 2026-01-01, guide: "https://docs.example.com/m"}}}}}}}}
  httpx: {{path: "/httpx/{{version}}", default: v1, versions: {{
    v1: {{backend: httpx, lifecycle: {{deprecated: 2026-03-01, sunset: 2036-01-01,
      guide: "https://docs.example.com/m", successor: v2}}}},
    v2: {{backend: httpx}}, v5: {{backend: brief-httpx}}, v3: {{backend: nobody-httpx}},
    v4: {{backend: httpx, rewrite: /internal/v4}},
    v0: {{backend: httpx, lifecycle: {{sunset: 2026-01-01, guide: "https://docs.example.com/m"}}}}}}}}
"""


@dataclass(frozen=True)
class Proxy:
    """The gateway and its backend. ``via`` is the api, and so the transport, that a test goes through."""

    port: int
    backend: RawBackend
    via: str
    server: str = "own"

    def send(self, *pieces: bytes) -> bytes:
        """Send exact bytes; ``@`` stands for the api's path."""
        return exchange(self.port, *(piece.replace(b"@", b"/" + self.via.encode()) for piece in pieces))

    def get(self, path: bytes, *headers: bytes, method: bytes = b"GET") -> bytes:
        """A request without a body."""
        lines = b"".join(header + b"\r\n" for header in headers)
        return self.send(method + b" @" + path + b" HTTP/1.1\r\nHost: gw.example\r\n" + lines + b"\r\n")

    def path(self, path: bytes) -> bytes:
        return b"/" + self.via.encode() + path


@dataclass(frozen=True)
class Running:
    """The same gateway on each server, by the server's name."""

    ports: dict[str, int]
    backend: RawBackend

    def proxy(self, server: str, via: str) -> Proxy:
        self.backend.scripts.clear()
        self.backend.seen.clear()
        self.backend.ended.clear()
        return Proxy(self.ports[server], self.backend, via, server)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("proxy")
    own, granian, other, admin, admin_too, nobody = free_ports(6)
    served = {"own": (own, admin, "false"), "granian": (granian, admin_too, "true")}
    with ExitStack() as stack:
        backend = stack.enter_context(raw_backend())
        for name, (port, its_admin, http2) in served.items():
            config = folder / f"{name}.yaml"
            text = YAML.format(port=port, admin=its_admin, backend=backend.port, nobody=nobody, http2=http2)
            config.write_text(text)
            command = [sys.executable, "-m", "duskgate.cli", "serve", str(config)]
            log = folder / f"{name}.log"
            stack.enter_context(process(command, log, f"http://127.0.0.1:{its_admin}/readyz"))
        observed = stack.enter_context(on_uvicorn(folder / "own.yaml", other))
        yield Running({"own": own, "granian": granian, "uvicorn": other}, backend)
        for name in served:
            assert "Traceback" not in (folder / f"{name}.log").read_text()
        # uvicorn takes the length of a 304, which has no content, for a promise of content
        assert all(one.outcome != "internal-error" or one.status == 304 for one in observed.finished)


@pytest.fixture(params=["own-native", "own-httpx", "granian-native", "uvicorn-native"])
def proxy(running: Running, request: pytest.FixtureRequest) -> Proxy:
    """For what the stack does on any server."""
    return running.proxy(*request.param.split("-"))


@pytest.fixture(params=["native", "httpx"])
def on_own(running: Running, request: pytest.FixtureRequest) -> Proxy:
    """For what the server itself does, or another one cannot do."""
    return running.proxy("own", request.param)


@pytest.fixture(params=["native", "httpx"])
def on_granian(running: Running, request: pytest.FixtureRequest) -> Proxy:
    """For HTTP/2."""
    return running.proxy("granian", request.param)
