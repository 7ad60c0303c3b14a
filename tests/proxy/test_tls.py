"""TLS to backends: verified always, with names, and with a client's certificate where one is wanted."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from duskgate.policy.plan import Backend, Timeouts, Tls
from duskgate.proxy.upstream.backend import Transport
from duskgate.proxy.upstream.httpx import HttpxTransport
from duskgate.proxy.upstream.native import NativeTransport
from duskgate.proxy.upstream.protocol import UpstreamError, UpstreamRequest


class Context(ssl.SSLContext):
    asked: str | None = None


class Handler(BaseHTTPRequestHandler):
    """Answers with the name asked for by SNI and with who the client proved to be."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        connection = self.connection
        assert isinstance(connection, ssl.SSLSocket)
        assert isinstance(connection.context, Context)
        content = f"{connection.context.asked} {shown_by(connection)}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


def shown_by(connection: ssl.SSLSocket) -> str:
    """The name in the certificate that the client showed."""
    proof: dict[str, Any] = connection.getpeercert() or {}
    return ",".join(value for kind, value in proof.get("subjectAltName", ()) if kind == "DNS")


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Failed handshakes are what some tests are about."""


@contextmanager
def https(authority: trustme.CA, name: str, *, wants_client: bool = False) -> Iterator[int]:
    context = Context(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    if wants_client:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    context.sni_callback = lambda _, asked, used: setattr(context, "asked", asked)
    server = Quiet(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(params=[NativeTransport, HttpxTransport], ids=["native", "httpx"])
def transport(request: pytest.FixtureRequest) -> type[Transport]:
    kind: type[Transport] = request.param
    return kind


def ask(kind: type[Transport], port: int, tls: Tls, host: str = "localhost") -> str:
    base = f"https://{host}:{port}"
    backend = Backend("b", (base,), Timeouts(3, 3, 3), tls=tls)

    async def once() -> str:
        one = kind(base, backend)  # type: ignore[call-arg]
        try:
            response = await one.send(UpstreamRequest("GET", b"/", [(b"host", b"h")], None))
            content = response.whole() or b"".join([chunk async for chunk in response.body()])
            await response.aclose()
            return content.decode()
        finally:
            await one.aclose()
            await asyncio.sleep(0.05)  # asyncio closes the socket of a failed handshake a moment later

    return asyncio.run(once())


def test_a_trusted_target_is_asked_by_its_name(
    transport: type[Transport], authority: trustme.CA, trusted: str
) -> None:
    with https(authority, "localhost") as port:
        assert ask(transport, port, Tls(ca=trusted)) == "localhost "


def test_the_name_to_verify_can_be_given(
    transport: type[Transport], authority: trustme.CA, trusted: str
) -> None:
    with https(authority, "api.internal.example") as port:
        tls = Tls(ca=trusted, server_name="api.internal.example")
        assert ask(transport, port, tls) == "api.internal.example "


def test_a_client_certificate_is_shown(
    transport: type[Transport], authority: trustme.CA, trusted: str, tmp_path: Path
) -> None:
    mine = authority.issue_cert("gateway.example")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    mine.private_key_pem.write_to_path(key)
    cert.write_bytes(b"".join(blob.bytes() for blob in mine.cert_chain_pems))
    with https(authority, "localhost", wants_client=True) as port:
        shown = ask(transport, port, Tls(ca=trusted, cert=str(cert), key=str(key)))
    assert shown == "localhost gateway.example"


def test_an_unknown_authority_is_refused(transport: type[Transport], authority: trustme.CA) -> None:
    with https(authority, "localhost") as port, pytest.raises(UpstreamError):
        ask(transport, port, Tls())


def test_another_name_is_refused(transport: type[Transport], authority: trustme.CA, trusted: str) -> None:
    with https(authority, "other.example") as port, pytest.raises(UpstreamError):
        ask(transport, port, Tls(ca=trusted))
