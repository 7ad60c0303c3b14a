"""Streams that are still open after their sunset, on a real server whose clock is handed in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from duskgate.config import loads
from duskgate.middleware.clock import system_clock
from duskgate.middleware.exchange import Exchange
from duskgate.policy.decide import decide
from duskgate.policy.instants import rfc3339
from duskgate.policy.request import request
from duskgate.proxy.ending import StreamEnded, StreamEnding, sunset_of
from tests.backends import Conversation, RawBackend, raw_backend
from tests.proxy.sockets import Observed, SocketBackend, ended, on_uvicorn, opened, socket_backend
from tests.proxy.test_sse import HEAD, chunked, listening
from tests.running import eventually, free_ports
from tests.stack import exchange_with

YAML = """
server: {{end_streams_after_sunset: {after}}}
identity: [{{header: X-Api-Key, secret: true}}]
consumers: {{acme: {{match: {{X-Api-Key: acme-key}}}}}}
backends:
  ws: {{url: "http://127.0.0.1:{ws}"}}
  raw: {{url: "http://127.0.0.1:{raw}"}}
apis:
  ws: {{path: "/ws/{{version}}", versions: {{v1: {{backend: ws, lifecycle: &ends {{
    sunset: 2036-01-01, grace: [{{consumer: acme, until: 2036-02-01, owner: jane, reason: contract}}]}}}},
    v2: {{backend: ws}}}}}}
  raw: {{path: "/raw/{{version}}", versions: {{v1: {{backend: raw, lifecycle: *ends}}}}}}
"""
SUNSET = 2_082_758_400_000
GRACE = 2_085_436_800_000
"""2036-01-01 and 2036-02-01, in ms."""

AFTER = 300
"""What ``end_streams_after_sunset`` is here, in ms."""


@dataclass
class Soon:
    """A gateway for which the sunset is 400 ms away when the test begins."""

    port: int
    ws: SocketBackend
    raw: RawBackend
    now: Callable[[], int]
    observed: Observed

    def only(self) -> Exchange:
        """The one exchange that has ended."""
        (exchange,) = eventually(lambda: self.observed.finished or None, "the end of the exchange")
        return exchange


@pytest.fixture(params=[f"{AFTER}ms"])
def soon(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Soon]:
    ws = SocketBackend()
    offset = SUNSET - 400 - system_clock()

    def now() -> int:
        return system_clock() + offset

    with ExitStack() as stack:
        behind = stack.enter_context(socket_backend(ws))
        raw = stack.enter_context(raw_backend())
        config = tmp_path / "gateway.yaml"
        config.write_text(YAML.format(ws=behind, raw=raw.port, after=request.param))
        (port,) = free_ports(1)
        observed = stack.enter_context(on_uvicorn(config, port, now))
        offset = SUNSET - 400 - system_clock()
        yield Soon(port, ws, raw, now, observed)


def test_a_websocket_is_ended_on_both_sides(soon: Soon) -> None:
    with opened(soon.port, "/ws/v1/x") as caller:
        assert ended(caller) == (1001, "sunset")
    assert soon.now() >= SUNSET + AFTER
    assert soon.ws.closed.get(timeout=5) == (1001, "sunset")
    exchange = soon.only()
    assert (exchange.status, exchange.outcome) == (101, "ended")


def test_a_response_is_cut(soon: Soon) -> None:
    hung_up = Event()

    def script(conversation: Conversation) -> None:
        conversation.send(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunked(b"data: 1\n\n"))
        if conversation.receive() == b"":
            hung_up.set()

    soon.raw.scripts[b"/x"] = script
    with listening(soon.port, b"/raw/v1/x") as reader:
        reader.until(b"data: 1\n\n")
        assert b"0\r\n\r\n" not in reader.connection.recv(65536)
    assert soon.now() >= SUNSET + AFTER
    assert hung_up.wait(5)
    exchange = soon.only()
    assert (exchange.status, exchange.outcome) == (200, "ended")


def goes_on(soon: Soon, path: str, **headers: str) -> bool:
    """Whether a WebSocket outlives the sunset, and what it is allowed after it."""
    with opened(soon.port, path, additional_headers=headers) as caller:
        time.sleep((SUNSET + AFTER + 100 - soon.now()) / 1000)
        caller.send("still there")
        return caller.recv(timeout=5) == "still there"


def test_who_has_grace_goes_on(soon: Soon) -> None:
    assert goes_on(soon, "/ws/v1/x", **{"X-Api-Key": "acme-key"})


def test_what_has_no_sunset_goes_on(soon: Soon) -> None:
    assert goes_on(soon, "/ws/v2/x")


@pytest.mark.parametrize("soon", ["never", "1h"], indirect=True)
def test_streams_that_may_outlive_the_sunset(soon: Soon) -> None:
    assert goes_on(soon, "/ws/v1/x")


def test_a_response_that_ends_by_itself_is_whole(soon: Soon) -> None:
    def script(conversation: Conversation) -> None:
        conversation.send(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunked(b"data: 1\n\n"))
        time.sleep(0.1)
        conversation.send(b"0\r\n\r\n")

    soon.raw.scripts[b"/x"] = script
    with listening(soon.port, b"/raw/v1/x") as reader:
        reader.until(b"0\r\n\r\n")
    assert soon.only().outcome == "forwarded"


# which instant


def exchange_for(target: str, *headers: tuple[str, str]) -> Exchange:
    plan = loads(YAML.format(ws=1, raw=2, after="1s"), Path("gateway.yaml"), {}).plan
    asked = request("GET", target, headers)
    return exchange_with(plan, asked, decide(plan, asked, {}, 0))


def test_the_sunset_is_the_callers_own() -> None:
    plain = exchange_for("/ws/v1/x")
    assert plain.request is not None
    assert sunset_of(plain) == SUNSET, rfc3339(SUNSET)
    assert plain.decision is not None
    assert plain.plan is not None
    for consumer, ends in (("acme", GRACE), ("other", SUNSET)):
        asked = plain.request._replace(consumer=consumer)
        assert sunset_of(exchange_with(plain.plan, asked, plain.decision)) == ends, consumer
    assert sunset_of(exchange_for("/ws/v2/x")) is None
    assert sunset_of(exchange_for("/nowhere")) is None


HELD = """
backends: {one: {url: "http://127.0.0.1:9001"}}
apis: {a: {path: /a, default: v1, versions: {v1: {backend: one, lifecycle: {
    sunset: 2036-01-01, accept: {old_share: {below: 1}, hold_at_most: 31d}}}}}}
"""


def test_a_gate_that_holds_the_sunset_back_lets_streams_live() -> None:
    plan = loads(HELD, Path("gateway.yaml"), {}).plan
    asked = request("GET", "/a")
    decision = decide(plan, asked, {}, SUNSET + 1)
    assert sunset_of(exchange_with(plan, asked, decision)) == GRACE, rfc3339(GRACE)


def test_a_clock_that_is_set_back_gives_more_time() -> None:
    left = [20, 20, 20, 0]  # ms to go, each time it is asked

    async def live() -> int:
        ending = StreamEnding(0, lambda: SUNSET - left.pop(0))
        with pytest.raises(StreamEnded):
            async with ending.over(exchange_for("/ws/v1/x")):
                await asyncio.sleep(5)
        return len(left)

    assert asyncio.run(live()) == 0


def test_another_timeout_stays_what_it_is() -> None:
    async def live() -> None:
        async with StreamEnding(0, lambda: 0).over(exchange_for("/ws/v1/x")):
            raise TimeoutError("of someone else")

    with pytest.raises(TimeoutError, match="of someone else"):
        asyncio.run(live())
