"""WebSockets through the gateway, on the server it comes with and on another one."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection
from websockets.typing import Subprotocol

from tests.backends import Conversation, RawBackend, raw_backend, replying
from tests.proxy.sockets import (
    ACCEPT,
    Observed,
    Script,
    SocketBackend,
    echo,
    ended,
    handshake,
    on_uvicorn,
    opened,
    socket_backend,
    upgrade,
    vanish,
)
from tests.proxy.test_responses import body_of, values
from tests.running import eventually, free_ports, installed, process

YAML = """
server: {{listen: "127.0.0.1:{port}", access_log: false, http2: {http2}}}
admin: {{listen: "127.0.0.1:{admin}"}}
backends:
  ws: {{url: "http://127.0.0.1:{ws}", timeouts: {{connect: 1s, response: 700ms, idle: 700ms}}}}
  named: {{url: "http://127.0.0.1:{ws}/base", host_header: target}}
  raw: {{url: "http://127.0.0.1:{raw}", timeouts: {{connect: 1s, response: 700ms}}}}
  patient: {{url: "http://127.0.0.1:{raw}"}}
  nobody: {{url: "http://127.0.0.1:{nobody}"}}
  either: {{targets: ["http://127.0.0.1:{nobody}", "http://127.0.0.1:{ws}"], retries: 1}}
  single: {{url: "http://127.0.0.1:{ws}", max_requests: 1}}
  unix: {{url: "unix:{folder}/ws.sock"}}
  tls: {{url: "https://localhost:{tls}", tls: {{ca: "{folder}/cert.pem"}}}}
  strange: {{url: "https://localhost:{tls}"}}
apis:
  ws:
    path: "/ws/{{version}}"
    default: v1
    versions:
      v1: {{backend: ws, lifecycle: &told {{deprecated: 2026-03-01, sunset: 2036-01-01,
        guide: "https://docs.example.com/m", successor: v2}}}}
      v2: {{backend: ws}}
      v0: {{backend: ws, lifecycle: {{sunset: 2026-01-01, guide: "https://docs.example.com/m"}}}}
      v4: {{backend: ws, rewrite: /internal/v4}}
      named: {{backend: named}}
      either: {{backend: either}}
      single: {{backend: single, lifecycle: *told}}
      unix: {{backend: unix}}
      tls: {{backend: tls}}
      strange: {{backend: strange}}
  moved: {{path: "/moved/{{version}}", resolve: [path, {{header: Api-Version}}], versions: {{
    v1: {{backend: nobody, rollout: {{to: v2, percent: 100, promote: true,
      override: {{header: X-Canary, token: a-token-that-is-long}}}}}}, v2: {{backend: ws}}}}}}
  raw: {{path: "/raw/{{version}}",
    versions: {{v1: {{backend: raw, lifecycle: *told}}, v2: {{backend: raw}}, v3: {{backend: patient}}}}}}
  nobody: {{path: "/nobody/{{version}}",
    versions: {{v1: {{backend: nobody, lifecycle: *told}}, v2: {{backend: nobody}}}}}}
"""
NOTICES = [
    (b"deprecation", [b"@1772323200"]),
    (b"sunset", [b"Tue, 01 Jan 2036 00:00:00 GMT"]),
]


@dataclass(frozen=True)
class Gateway:
    """A gateway on one server, and what stands behind it."""

    server: str
    port: int
    admin: int
    ws: SocketBackend
    raw: RawBackend
    observed: Observed


def certificate(folder: Path) -> ssl.SSLContext:
    """A certificate for localhost that only who is told of it trusts."""
    command = [installed("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Gateway]]:
    folder = tmp_path_factory.mktemp("ws")
    own, granian, other, admin, admin_too, nobody = free_ports(6)
    served = {"own": (own, admin, "false"), "granian": (granian, admin_too, "true")}
    ws = SocketBackend()
    with ExitStack() as stack:
        places = {
            "ws": stack.enter_context(socket_backend(ws)),
            "tls": stack.enter_context(socket_backend(ws, tls=certificate(folder))),
        }
        stack.enter_context(socket_backend(ws, folder / "ws.sock"))
        raw = stack.enter_context(raw_backend())
        places |= {"raw": raw.port, "nobody": nobody}
        for name, (port, its_admin, http2) in served.items():
            config = folder / f"{name}.yaml"
            config.write_text(YAML.format(port=port, admin=its_admin, http2=http2, folder=folder, **places))
            command = [sys.executable, "-m", "duskgate.cli", "serve", str(config)]
            log = folder / f"{name}.log"
            stack.enter_context(process(command, log, f"http://127.0.0.1:{its_admin}/readyz"))
        observed = stack.enter_context(on_uvicorn(folder / "own.yaml", other))
        yield {
            "own": Gateway("own", own, admin, ws, raw, observed),
            "granian": Gateway("granian", granian, admin_too, ws, raw, observed),
            "uvicorn": Gateway("uvicorn", other, admin, ws, raw, observed),
        }
        written = "".join((folder / f"{name}.log").read_text() for name in served)
        assert "Traceback" not in written
        assert "panicked" not in written


@pytest.fixture(params=["own", "granian", "uvicorn"])
def gateway(gateways: dict[str, Gateway], request: pytest.FixtureRequest) -> Gateway:
    one = gateways[request.param]
    one.ws.reset()
    one.raw.scripts.clear()
    one.raw.seen.clear()
    return one


def problem(answer: bytes) -> tuple[int, str]:
    body = json.loads(body_of(answer))
    assert values(answer, b"content-type") == [b"application/problem+json"]
    return int(answer.split(b" ")[1]), body["type"].rsplit(":", 1)[1]


# messages

MESSAGES: list[str | bytes] = [
    "",
    "hello",
    "caf\u00e9 \U0001f600",
    b"",
    b"\x00\xff",
    b"x" * 2**20,
    "y" * 2**20,
]


@pytest.mark.parametrize("version", ["v2", "unix", "tls", "either"])
def test_messages_pass_both_ways_as_they_are(gateway: Gateway, version: str) -> None:
    with opened(gateway.port, f"/ws/{version}/x") as caller:
        for message in MESSAGES:
            caller.send(message)
            assert caller.recv(timeout=5) == message


def test_a_message_in_fragments_arrives_whole(gateway: Gateway) -> None:
    with opened(gateway.port, "/ws/v2/x") as caller:
        caller.send(["a", "b", "c"])
        assert caller.recv(timeout=5) == "abc"


def test_fragments_of_the_backend_arrive_whole(gateway: Gateway) -> None:
    gateway.ws.scripts["/x"] = lambda backend: backend.send([b"a", b"b", b"c"])
    with opened(gateway.port, "/ws/v2/x") as caller:
        assert caller.recv(timeout=5) == b"abc"


def test_each_message_arrives_before_the_next_is_sent(gateway: Gateway) -> None:
    signal = Event()

    def script(backend: ServerConnection) -> None:
        backend.send("first")
        assert signal.wait(5)
        backend.send("second")

    gateway.ws.scripts["/x"] = script
    with opened(gateway.port, "/ws/v2/x") as caller:
        assert caller.recv(timeout=5) == "first"
        signal.set()
        assert caller.recv(timeout=5) == "second"


def test_what_a_backend_sends_before_it_closes_arrives(gateway: Gateway) -> None:
    def script(backend: ServerConnection) -> None:
        for number in range(200):
            backend.send(str(number) * 100)

    gateway.ws.scripts["/x"] = script
    with opened(gateway.port, "/ws/v2/x") as caller:
        assert [message[:3] for message in caller] == [(str(number) * 100)[:3] for number in range(200)]


def test_pings_are_answered_by_the_gateway(gateway: Gateway) -> None:
    answered = Event()

    def script(backend: ServerConnection) -> None:
        if backend.ping().wait(5):
            answered.set()
        backend.recv(timeout=5)

    gateway.ws.scripts["/x"] = script
    with opened(gateway.port, "/ws/v2/x") as caller:
        assert caller.ping().wait(5)
        assert answered.wait(5)


def test_silence_ends_nothing(gateway: Gateway) -> None:
    """Neither ``response`` nor ``idle``, 700 ms here, is about how often there are messages."""
    with opened(gateway.port, "/ws/v2/x") as caller:
        time.sleep(1)
        caller.send("still there")
        assert caller.recv(timeout=5) == "still there"


# the handshake

TARGETS = [b"/ws/v2/a%2Fb;p=1?", b"/ws/v2/x;a=1?q=1&b[]=%zz", b"/ws/v2//x", b"/ws/v2/caf%C3%A9?%20"]


@pytest.mark.parametrize("target", TARGETS)
def test_the_target_passes_byte_for_byte(gateway: Gateway, target: bytes) -> None:
    assert handshake(gateway.port, target).startswith(b"HTTP/1.1 101 ")
    assert gateway.ws.opened[-1].path == target.decode().removesuffix("?")


def test_the_rules_path_and_the_targets_are_in_front(gateway: Gateway) -> None:
    handshake(gateway.port, b"/ws/v4/x?q")
    assert gateway.ws.opened[-1].path == "/internal/v4/x?q"
    handshake(gateway.port, b"/ws/named/x")
    assert gateway.ws.opened[-1].path == "/base/ws/named/x"
    assert gateway.ws.header("Host")[0].startswith("127.0.0.1:")


def test_headers_pass_as_those_of_requests_do(gateway: Gateway) -> None:
    headers = {"Cookie": "a=b", "Authorization": "Bearer t", "X-Forwarded-For": "6.6.6.6"}
    with opened(
        gateway.port,
        "/ws/v2/x",
        additional_headers=headers,
        user_agent_header="t/1",
        origin="https://app.example",
        compression="deflate",
    ):
        pass
    expected = {
        "cookie": ["a=b"],
        "authorization": ["Bearer t"],
        "origin": ["https://app.example"],
        "user-agent": ["t/1"],
        "host": [f"127.0.0.1:{gateway.port}"],
        "x-forwarded-for": ["127.0.0.1"],
        "x-forwarded-proto": ["http"],
        "x-forwarded-host": [f"127.0.0.1:{gateway.port}"],
        "forwarded": [f'for=127.0.0.1;host="127.0.0.1:{gateway.port}";proto=http'],
        "via": ["1.1 duskgate"],
        "upgrade": ["websocket"],
        "connection": ["Upgrade"],
        "sec-websocket-version": ["13"],
    }
    seen = gateway.ws.opened[-1].headers
    assert {name: seen.get_all(name) for name in expected} == expected
    assert {name.lower() for name in seen} - expected.keys() == {"sec-websocket-key"}


def test_a_handshake_that_a_rollout_moves_names_the_version_that_it_goes_to(gateway: Gateway) -> None:
    canary = b"X-Canary: always; token=a-token-that-is-long"
    answer = handshake(gateway.port, b"/moved/v1/x?q", b"Api-Version: v1", canary)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert gateway.ws.opened[-1].path == "/moved/v2/x?q"
    assert gateway.ws.header("Api-Version") == ["v2"]
    assert gateway.ws.header("X-Canary") == []


def test_what_belongs_to_one_hop_stays_there(gateway: Gateway) -> None:
    kept = handshake(gateway.port, b"/ws/v2/x", b"Content-Length: 0", b"Keep-Alive: 5", b"X-Kept: 1")
    assert kept.startswith(b"HTTP/1.1 101 ")
    assert values(kept, b"sec-websocket-accept") == [ACCEPT]
    assert values(kept, b"sec-websocket-extensions") == []
    assert gateway.ws.header("Sec-WebSocket-Key") != ["dGhlIHNhbXBsZSBub25jZQ=="]
    assert gateway.ws.header("Content-Length") == gateway.ws.header("Keep-Alive") == []
    assert gateway.ws.header("X-Kept") == ["1"]


OFFERS: list[tuple[list[str], str | None]] = [([], None), (["a", "b", "c"], "b"), (["c"], "c"), (["a"], None)]


@pytest.mark.parametrize(("offered", "chosen"), OFFERS)
def test_the_backend_chooses_among_the_callers_subprotocols(
    gateway: Gateway, offered: list[str], chosen: str | None
) -> None:
    names = [Subprotocol(name) for name in offered] or None
    with opened(gateway.port, "/ws/v2/x", subprotocols=names) as caller:
        assert caller.subprotocol == chosen
    assert gateway.ws.header("Sec-WebSocket-Protocol") == ([", ".join(offered)] if offered else [])


def test_subprotocols_on_several_lines_are_all_offered(gateway: Gateway) -> None:
    lines = (b"Sec-WebSocket-Protocol: a", b"Sec-WebSocket-Protocol: x, c")
    assert values(handshake(gateway.port, b"/ws/v2/x", *lines), b"sec-websocket-protocol") == [b"c"]
    assert gateway.ws.header("Sec-WebSocket-Protocol") == ["a, x, c"]


def test_notices_on_what_is_accepted(gateway: Gateway) -> None:
    """Granian 2.8 sends no header of an accepted handshake but the subprotocol; docs/what-callers-see.md."""
    answer = handshake(gateway.port, b"/ws/v1/x")
    assert answer.startswith(b"HTTP/1.1 101 ")
    for name, value in NOTICES:
        assert values(answer, name) == ([] if gateway.server == "granian" else value)


def test_the_sunset_is_told_at_the_handshake_before_any_backend_is_asked(gateway: Gateway) -> None:
    answer = handshake(gateway.port, b"/ws/v0/x")
    assert problem(answer) == (410, "sunset")
    assert values(answer, b"sunset") == [b"Thu, 01 Jan 2026 00:00:00 GMT"]
    assert values(answer, b"link") == [b'<https://docs.example.com/m>; rel="sunset"']
    assert len(values(answer, b"cache-control")) == 1
    assert json.loads(body_of(answer))["guide"] == "https://docs.example.com/m"
    assert gateway.ws.opened == []


# refusals

REFUSALS = [
    (b"401 Unauthorized", b"www-authenticate: Basic", b"who are you?"),
    (b"302 Found", b"location: /elsewhere", b"over there"),
    (b"426 Upgrade Required", b"sec-websocket-version: 13", b""),
    (b"500 Oh", b"x-odd: \xe9", b"\xff\x00"),
    (b"200 OK", b"x: 1", b"no WebSocket here"),
]


@pytest.mark.parametrize(("status", "header", "body"), REFUSALS, ids=[case[0].decode() for case in REFUSALS])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_backends_refusal_passes(
    gateway: Gateway, status: bytes, header: bytes, body: bytes, framing: str
) -> None:
    head = b"HTTP/1.1 " + status + b"\r\n" + header + b"\r\nconnection: close, x-hop\r\nx-hop: 1\r\n"
    frame = {
        "length": b"content-length: %d\r\n\r\n%b" % (len(body), body),
        "chunked": b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        if body
        else b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "close": b"\r\n" + body,
    }
    gateway.raw.scripts[b"/x"] = replying(head + frame[framing], close=True)
    answer = handshake(gateway.port, b"/raw/v1/x")
    assert answer.split(b" ")[1] == status.split(b" ")[0]
    assert body_of(answer) == body
    name, _, value = header.partition(b": ")
    assert values(answer, name) == ([value] if not name.startswith(b"sec-") else [])
    assert values(answer, b"x-hop") == values(answer, b"transfer-encoding") == []
    assert values(answer, b"content-length") == [str(len(body)).encode()]
    for name, notice in NOTICES:
        assert values(answer, name) == notice
    assert len(gateway.raw.seen) == 1  # no redirect is followed


def test_a_refusal_with_a_header_twice_kills_nobody(gateway: Gateway) -> None:
    head = b"HTTP/1.1 403 No\r\nx-a: 1\r\nx-a: 2\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n"
    gateway.raw.scripts[b"/x"] = replying(head + b"link: <z>\r\nlink: <y>\r\ncontent-length: 2\r\n\r\nno")
    with opened(gateway.port, "/ws/v2/x") as caller:
        answer = handshake(gateway.port, b"/raw/v1/x")
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert values(answer, b"x-a") == [b"1, 2"]
        assert values(answer, b"set-cookie") == [b"a=1"]
        assert len(values(answer, b"link")) == 1
        assert body_of(answer) == b"no"
        caller.send("the worker lives")
        assert caller.recv(timeout=5) == "the worker lives"


SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
BROKEN = [
    ("nothing", b""),
    ("no HTTP", b"SSH-2.0-OpenSSH_9\r\n\r\n"),
    ("half a head", SWITCHED),
    ("no proof", SWITCHED + b"\r\n"),
    ("a wrong proof", SWITCHED + b"sec-websocket-accept: " + ACCEPT + b"\r\n\r\n"),
    ("interim", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ("too large", b"HTTP/1.1 403 No\r\ncontent-length: 9999999\r\n\r\n"),
]


@pytest.mark.parametrize("reply", [case[1] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_handshake_that_cannot_be_understood(gateway: Gateway, reply: bytes) -> None:
    gateway.raw.scripts[b"/x"] = replying(reply, close=True)
    answer = handshake(gateway.port, b"/raw/v1/x")
    assert problem(answer) == (502, "backend-unavailable")
    for name, value in NOTICES:
        assert values(answer, name) == value


def test_a_backend_that_chooses_what_was_not_offered(gateway: Gateway) -> None:
    answer = handshake(gateway.port, b"/ws/v2/x", b"Sec-WebSocket-Protocol: q")
    assert problem(answer) == (502, "backend-unavailable")


def test_a_backend_that_is_not_there(gateway: Gateway) -> None:
    answer = handshake(gateway.port, b"/nobody/v1/x")
    assert problem(answer) == (502, "backend-unavailable")
    assert values(answer, b"cache-control") == [b"no-store"]
    for name, value in NOTICES:
        assert values(answer, name) == value


def test_a_backend_that_says_nothing(gateway: Gateway) -> None:
    gateway.raw.scripts[b"/x"] = lambda conversation: time.sleep(1.5)
    answer = handshake(gateway.port, b"/raw/v1/x")
    assert problem(answer) == (504, "backend-timeout")
    for name, value in NOTICES:
        assert values(answer, name) == value


def test_more_than_the_backend_may_have_are_shed(gateway: Gateway) -> None:
    with opened(gateway.port, "/ws/single/x") as caller:
        answer = handshake(gateway.port, b"/ws/single/x")
        assert problem(answer) == (503, "overloaded")
        assert values(answer, b"retry-after") == [b"1"]
        for name, value in NOTICES:
            assert values(answer, name) == value
        caller.send("the first one goes on")
        assert caller.recv(timeout=5) == "the first one goes on"

    def has_place() -> bool | None:
        return handshake(gateway.port, b"/ws/single/x").startswith(b"HTTP/1.1 101 ") or None

    eventually(has_place, "a place once the first one is closed", 5)


def test_a_certificate_nobody_trusts(gateway: Gateway) -> None:
    assert problem(handshake(gateway.port, b"/ws/strange/x")) == (502, "backend-unavailable")
    assert gateway.ws.opened == []


# the end

CODES = [1000, 1001, 1003, 1008, 1011, 1012, 3000, 4999]


@pytest.mark.parametrize("code", CODES)
def test_a_callers_close_reaches_the_backend(gateway: Gateway, code: int) -> None:
    with opened(gateway.port, "/ws/v2/x") as caller:
        caller.close(code, "bye")
    told = gateway.ws.closed.get(timeout=5)
    assert told == (code, "" if gateway.server == "granian" else "bye")  # granian passes no reason on


@pytest.mark.parametrize("code", CODES)
def test_a_backends_close_reaches_the_caller(gateway: Gateway, code: int) -> None:
    gateway.ws.scripts["/x"] = lambda backend: backend.close(code, "caf\u00e9")
    with opened(gateway.port, "/ws/v2/x") as caller:
        assert ended(caller) == (code, "caf\u00e9")


def test_a_close_without_a_code(gateway: Gateway) -> None:
    """ASGI has no way to send none, and granian none to tell it from a caller that vanished."""

    def script(backend: ServerConnection) -> None:
        backend.protocol.send_close()
        backend.socket.sendall(b"".join(backend.protocol.data_to_send()))

    gateway.ws.scripts["/x"] = script
    with opened(gateway.port, "/ws/v2/x") as caller:
        assert ended(caller) == (1000, "")
    gateway.ws.closed.get(timeout=5)
    with opened(gateway.port, "/ws/v2/y") as caller:
        caller.protocol.send_close()
        caller.socket.sendall(b"".join(caller.protocol.data_to_send()))
        assert gateway.ws.closed.get(timeout=5) == (1001, "")


def test_a_caller_that_vanishes(gateway: Gateway) -> None:
    with opened(gateway.port, "/ws/v2/x") as caller:
        caller.send("here")
        assert caller.recv(timeout=5) == "here"
        vanish(caller)
        assert gateway.ws.closed.get(timeout=2)[0] == 1001


def test_a_caller_that_vanishes_in_the_middle_of_a_flood(gateway: Gateway) -> None:
    def script(backend: ServerConnection) -> None:
        while True:
            backend.send(b"x" * 65536)

    gateway.ws.scripts["/x"] = script
    with opened(gateway.port, "/ws/v2/x") as caller:
        assert len(caller.recv(timeout=5)) == 65536
        vanish(caller)
        assert gateway.ws.closed.get(timeout=2)[0] == 1001


def test_a_caller_that_leaves_during_the_handshake(gateway: Gateway) -> None:
    gone = Event()

    def script(conversation: object) -> None:
        gone.wait(5)

    gateway.raw.scripts[b"/x"] = script
    with socket.create_connection(("127.0.0.1", gateway.port)) as caller:
        caller.sendall(upgrade(b"/raw/v2/x"))
        eventually(lambda: gateway.raw.seen or None, "the handshake at the backend")
    gone.set()
    assert problem(handshake(gateway.port, b"/nobody/v2/x")) == (502, "backend-unavailable")


def test_a_backend_that_vanishes(gateway: Gateway) -> None:
    gateway.ws.scripts["/x"] = vanish
    with opened(gateway.port, "/ws/v2/x") as caller:
        assert ended(caller) == (1001, "backend lost")


def test_a_backend_that_breaks_the_protocol(gateway: Gateway) -> None:
    gateway.ws.scripts["/x"] = lambda backend: backend.socket.sendall(b"\xff\xff\xff\xff")
    with opened(gateway.port, "/ws/v2/x") as caller:
        assert ended(caller) == (1001, "backend lost")


# bounds

LIMIT = 16 * 2**20


def test_the_largest_message_passes(gateway: Gateway) -> None:
    with opened(gateway.port, "/ws/v2/x") as caller:
        caller.send(b"x" * LIMIT)
        assert len(caller.recv(timeout=10)) == LIMIT


def test_a_larger_message_of_the_caller_ends_it(gateway: Gateway) -> None:
    with opened(gateway.port, "/ws/v2/x") as caller:
        with suppress(ConnectionClosed):  # the end may come while the last part is sent
            caller.send([b"x" * (LIMIT // 2), b"x" * (LIMIT // 2), b"x"])
        assert ended(caller)[0] == 1009
    assert gateway.ws.closed.get(timeout=5)[0] == 1009


def test_a_larger_message_of_the_backend_ends_it(gateway: Gateway) -> None:
    gateway.ws.scripts["/x"] = lambda backend: backend.send(b"x" * (LIMIT + 1))
    with opened(gateway.port, "/ws/v2/x") as caller:
        assert ended(caller) == (1009, "message too large")
    assert gateway.ws.closed.get(timeout=5)[0] == 1009


def test_a_caller_that_does_not_read_slows_the_backend_down_and_is_let_go(gateway: Gateway) -> None:
    sent = 0

    def script(backend: ServerConnection) -> None:
        nonlocal sent
        while True:
            backend.send(b"x" * 2**20)
            sent += 1

    gateway.ws.scripts["/x"] = script
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as caller:
        caller.sendall(upgrade(b"/ws/v2/x"))
        assert gateway.ws.closed.get(timeout=3) == (1001, "caller stalled")  # idle is 700 ms
        assert sent < 150


def test_a_backend_that_does_not_read_slows_the_caller_down_and_is_let_go(gateway: Gateway) -> None:
    done = Event()
    gateway.ws.scripts["/x"] = lambda backend: vanish(backend) if done.wait(10) else None
    with opened(gateway.port, "/ws/v2/x") as caller:
        sent = 0
        with suppress(ConnectionClosed):
            while sent < 1000:
                caller.send(b"x" * 2**20)
                sent += 1
        done.set()
        assert sent < 150
        # while a caller still sends, the end of the connection may overtake the close frame
        assert caller.close_code in (1001, 1006)


# what is counted


WAYS: list[tuple[str, Script, tuple[int, str]]] = [
    ("/ws/v2/counted", lambda backend: backend.close(4000), (101, "forwarded")),
    ("/ws/v2/counted", vanish, (101, "cut-short")),
    ("/ws/v2/counted", lambda backend: backend.send(b"x" * (LIMIT + 1)), (101, "message-too-large")),
    ("/ws/v0/counted", echo, (410, "refused")),
    ("/raw/v2/refused", echo, (403, "forwarded")),
    ("/raw/v2/silent", echo, (504, "backend-timeout")),
    ("/nobody/v2/counted", echo, (502, "backend-unavailable")),
]


@pytest.mark.parametrize(("path", "script", "seen"), WAYS, ids=[" ".join(map(str, way[2])) for way in WAYS])
def test_what_is_counted(
    gateways: dict[str, Gateway], path: str, script: Script, seen: tuple[int, str]
) -> None:
    gateway = gateways["uvicorn"]
    gateway.ws.reset()
    gateway.ws.scripts["/counted"] = script
    gateway.raw.scripts[b"/refused"] = replying(b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n")
    gateway.raw.scripts[b"/silent"] = lambda conversation: time.sleep(1)
    gateway.observed.finished.clear()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as caller:
        caller.sendall(upgrade(path.encode()))
        caller.recv(1)
        exchange = eventually(lambda: gateway.observed.find(path), "the end of the exchange")
    assert (exchange.status, exchange.outcome) == seen
    assert (exchange.upstream_seconds is None) == (seen[0] == 410)
    assert (exchange.reference is None) == (seen[0] in (101, 403))


def test_nothing_may_come_before_the_handshake_is_answered(gateways: dict[str, Gateway]) -> None:
    """RFC 6455 section 4.1. The fixture looks for a traceback."""
    gateway = gateways["own"]
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as caller:
        caller.sendall(upgrade(b"/ws/v2/x") + b"\x81\x82\x00\x00\x00\x00hi")
        with contextlib.suppress(ConnectionResetError):
            assert caller.recv(1) == b""


def test_a_caller_that_leaves_during_the_handshake_leaves_the_backend_too(
    gateways: dict[str, Gateway],
) -> None:
    gateway, reached, left = gateways["own"], Event(), Event()

    def script(conversation: Conversation) -> None:
        reached.set()
        if conversation.receive() == b"":
            left.set()

    gateway.raw.scripts[b"/leave"] = script
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as caller:
        caller.sendall(upgrade(b"/raw/v3/leave"))
        assert reached.wait(5)
    assert left.wait(5)


def test_metrics_know_a_websocket_by_its_101(gateways: dict[str, Gateway]) -> None:
    gateway = gateways["own"]
    gateway.ws.reset()
    with opened(gateway.port, "/ws/v4/x"):
        pass
    line = (
        'duskgate_requests_total{api="ws",code="101",endpoint="*",outcome="forwarded",phase="active",'
        'version="v4"}'
    )

    def counted() -> bool | None:
        page = httpx.get(f"http://127.0.0.1:{gateway.admin}/metrics", trust_env=False).text
        return line in page or None

    eventually(counted, line)


def test_a_gateway_that_stops_tells_the_backend(tmp_path: Path) -> None:
    ws = SocketBackend()
    port, admin = free_ports(2)
    config, log = tmp_path / "gateway.yaml", tmp_path / "gateway.log"
    with ExitStack() as stack, ExitStack() as running:
        behind = stack.enter_context(socket_backend(ws))
        config.write_text(
            f'server: {{listen: "127.0.0.1:{port}"}}\nadmin: {{listen: "127.0.0.1:{admin}"}}\n'
            f'backends: {{b: {{url: "http://127.0.0.1:{behind}"}}}}\n'
            "apis: {a: {path: /a, default: v1, versions: {v1: {backend: b}}}}\n"
        )
        command = [sys.executable, "-m", "duskgate.cli", "serve", str(config)]
        running.enter_context(process(command, log, f"http://127.0.0.1:{admin}/readyz"))
        caller = stack.enter_context(opened(port, "/a/x"))
        running.close()
        assert ws.closed.get(timeout=5) == (1012, "")
        assert ended(caller)[0] == 1012
    assert '"status": 101' in log.read_text()
