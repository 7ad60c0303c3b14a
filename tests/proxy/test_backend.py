"""Several targets: who is asked, who is left out, what is asked again."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy.plan import Backend, Timeouts
from duskgate.proxy.upstream.backend import BackendUpstream, Transport
from duskgate.proxy.upstream.health import HealthRules, TargetHealth
from duskgate.proxy.upstream.httpx import HttpxTransport
from duskgate.proxy.upstream.native import NativeTransport
from duskgate.proxy.upstream.pool import Pool, PoolLimits
from duskgate.proxy.upstream.protocol import (
    ConnectError,
    ConnectionLost,
    Overloaded,
    UpstreamError,
    UpstreamRequest,
)
from tests.backends import Conversation, RawBackend, Script, raw_backend, replying
from tests.running import eventually, free_ports

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%b"
SOON = Timeouts(connect=1, response=1, idle=1)


@dataclass
class Heard:
    """An observer that remembers."""

    said: list[tuple[str, ...]] = field(default_factory=list)
    probed: list[str] = field(default_factory=list)

    def probing(self, backend: str, targets: Sequence[str]) -> None:
        self.probed += targets

    def failed(self, backend: str, kind: str) -> None:
        self.said.append(("failed", kind))

    def retried(self, backend: str) -> None:
        self.said.append(("retried",))

    def ejected(self, backend: str, target: str) -> None:
        self.said.append(("ejected", target))

    def health(self, backend: str, target: str, *, up: bool) -> None:
        self.said.append(("up" if up else "down", target))


Make = Callable[[str, Backend], Transport]


@pytest.fixture(params=[NativeTransport, HttpxTransport], ids=["native", "httpx"])
def make(request: pytest.FixtureRequest) -> Make:
    transport: Make = request.param
    return transport


def get(
    path: bytes = b"/x", method: str = "GET", body: AsyncIterator[bytes] | None = None
) -> UpstreamRequest:
    return UpstreamRequest(method, path, [(b"host", b"h")], body)


async def ask(upstream: BackendUpstream, request: UpstreamRequest | None = None) -> bytes:
    response = await upstream.send(request or get())
    try:
        return response.whole() or b"".join([chunk async for chunk in response.body()])
    finally:
        await response.aclose()


def run(
    backend: Backend,
    make: Make,
    use: Callable[[BackendUpstream], Coroutine[None, None, None]],
    rules: HealthRules | None = None,
) -> list[tuple[str, ...]]:
    """Use a backend in an event loop of its own; what its observer heard."""
    heard = Heard()

    async def main() -> None:
        upstream = BackendUpstream(backend, make, heard, rules)
        try:
            await use(upstream)
        finally:
            await upstream.aclose()

    asyncio.run(main())
    return heard.said


def backend_of(*targets: RawBackend | int, **more: object) -> Backend:
    ports = [one if isinstance(one, int) else one.port for one in targets]
    bases = tuple(f"http://127.0.0.1:{port}" for port in ports)
    return Backend(name="b", targets=bases, timeouts=SOON, **more)  # type: ignore[arg-type]


def test_idle_targets_take_turns(make: Make) -> None:
    with raw_backend() as one, raw_backend() as two, raw_backend() as three:
        for name, target in ((b"1", one), (b"2", two), (b"3", three)):
            target.scripts[b"/x"] = replying(OK % name)
        seen: Counter[bytes] = Counter()

        async def use(upstream: BackendUpstream) -> None:
            for _ in range(30):
                seen[await ask(upstream)] += 1

        run(backend_of(one, two, three), make, use)
    assert seen == {b"1": 10, b"2": 10, b"3": 10}


def test_the_target_with_the_fewest_requests_under_way_is_asked(make: Make) -> None:
    release = threading.Event()

    def slow(conversation: Conversation) -> None:
        release.wait(5)
        conversation.send(OK % b"1")

    with raw_backend() as one, raw_backend() as two:
        one.scripts[b"/x"] = slow
        two.scripts[b"/x"] = replying(OK % b"2")

        async def use(upstream: BackendUpstream) -> None:
            stuck = [asyncio.create_task(ask(upstream)) for _ in range(2)]
            await asyncio.sleep(0.05)
            assert [await ask(upstream) for _ in range(6)] == [b"2"] * 6
            release.set()
            await asyncio.gather(*stuck)

        run(backend_of(one, two), make, use)


def test_a_target_that_is_not_there_is_passed_over_and_then_left_out(make: Make) -> None:
    with raw_backend() as good:
        good.scripts[b"/x"] = replying(OK % b"+")
        nobody = free_ports(1)[0]

        async def use(upstream: BackendUpstream) -> None:
            assert [await ask(upstream) for _ in range(20)] == [b"+"] * 20

        said = run(backend_of(nobody, good, retries=1), make, use, HealthRules(failures=3, eject=60))
    assert said.count(("failed", "ConnectError")) == 3
    assert said.count(("ejected", f"http://127.0.0.1:{nobody}")) == 1


def test_without_retries_the_first_failure_counts(make: Make) -> None:
    async def use(upstream: BackendUpstream) -> None:
        with pytest.raises(ConnectError):
            await ask(upstream)

    assert ("retried",) not in run(backend_of(*free_ports(2)), make, use)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


AGAIN = [("GET", True), ("HEAD", True), ("DELETE", True), ("POST", False), ("PATCH", False)]


@pytest.mark.parametrize(("method", "again"), AGAIN)
def test_only_what_does_no_harm_is_asked_again(method: str, again: bool) -> None:
    """RFC 9110 section 9.2.2: the connection was lost, so the request may have been carried out."""
    with raw_backend() as bad:
        bad.scripts[b"/x"] = replying(close=True)

        async def use(upstream: BackendUpstream) -> None:
            with pytest.raises(ConnectionLost):
                await ask(upstream, get(method=method))

        said = run(backend_of(bad, retries=1), NativeTransport, use)
        assert len(bad.seen) == (2 if again else 1)
    assert (("retried",) in said) == again


def test_a_body_is_never_sent_twice(make: Make) -> None:
    with raw_backend() as bad:
        bad.scripts[b"/x"] = replying(close=True)

        async def use(upstream: BackendUpstream) -> None:
            with pytest.raises(UpstreamError):
                await ask(upstream, get(method="PUT", body=chunks(b"a", b"b")))

        run(backend_of(bad, retries=3), make, use)
        assert len(bad.seen) == 1


def test_nothing_is_asked_again_once_a_byte_came_back() -> None:
    with raw_backend() as bad:
        bad.scripts[b"/x"] = replying(b"HTTP/1.1 2", close=True)

        async def use(upstream: BackendUpstream) -> None:
            with pytest.raises(UpstreamError):
                await ask(upstream)

        run(backend_of(bad, retries=3), NativeTransport, use)
        assert len(bad.seen) == 1


def test_a_backend_in_trouble_is_not_asked_many_times_as_much(make: Make) -> None:
    async def use(upstream: BackendUpstream) -> None:
        for _ in range(100):
            with pytest.raises(ConnectError):
                await ask(upstream)

    said = run(backend_of(free_ports(1)[0], retries=10), make, use)
    assert said.count(("retried",)) <= 10 + 0.2 * 100 + 1


def held(release: threading.Event) -> Script:
    """A script that answers when it is let."""

    def script(conversation: Conversation) -> None:
        release.wait(5)
        conversation.send(OK % b".")

    return script


def test_more_requests_than_allowed_are_shed(make: Make) -> None:
    release = threading.Event()
    with raw_backend() as slow:
        slow.scripts[b"/x"] = held(release)

        async def use(upstream: BackendUpstream) -> None:
            under_way = [asyncio.create_task(ask(upstream)) for _ in range(3)]
            await asyncio.sleep(0.05)
            with pytest.raises(Overloaded):
                await ask(upstream)
            release.set()
            assert await asyncio.gather(*under_way) == [b"."] * 3
            assert await ask(upstream) == b"."
            assert upstream.active == 0

        assert ("failed", "shed") in run(backend_of(slow, max_requests=3), make, use)


def test_a_target_whose_probes_fail_is_left_out(make: Make) -> None:
    with raw_backend() as ill, raw_backend() as well:
        ill.scripts[b"/healthz"] = replying(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")
        for target, name in ((ill, b"i"), (well, b"w")):
            target.scripts[b"/x"] = replying(OK % name)

        async def use(upstream: BackendUpstream) -> None:
            await asyncio.to_thread(eventually, lambda: ill.seen or None, "a probe")
            await asyncio.sleep(0.05)
            assert {await ask(upstream) for _ in range(10)} == {b"w"}

        rules = HealthRules(down_after=1)
        said = run(backend_of(ill, well, health="/healthz"), make, use, rules)
        assert said == [("down", f"http://127.0.0.1:{ill.port}")]


def test_a_stale_connection_is_replaced_unnoticed() -> None:
    """RFC 9112 section 9.3.1: a target may close an idle connection at any time."""
    with raw_backend() as target:

        def once(conversation: Conversation) -> None:
            conversation.send(OK % b".")
            conversation.socket.recv(1)  # the next request arrives, and finds the door shut
            raise ConnectionError

        target.scripts[b"/x"] = once

        async def use(upstream: BackendUpstream) -> None:
            assert await ask(upstream) == b"."
            assert await ask(upstream) == b"."
            with pytest.raises(ConnectionLost):
                await ask(upstream, get(method="POST"))

        run(backend_of(target), NativeTransport, use)


def test_surplus_bytes_end_the_connection() -> None:
    """RFC 9112 section 9.2: what nobody asked for must not answer the next request."""
    with raw_backend() as target:
        target.scripts[b"/x"] = replying(OK % b"." + OK % b"!")

        async def use(upstream: BackendUpstream) -> None:
            assert [await ask(upstream) for _ in range(3)] == [b"."] * 3

        run(backend_of(target), NativeTransport, use)
        assert target.connections == 3


def test_connections_are_reused() -> None:
    with raw_backend() as target:

        async def use(upstream: BackendUpstream) -> None:
            for _ in range(10):
                await ask(upstream)
            await asyncio.gather(*(ask(upstream) for _ in range(4)))

        run(backend_of(target), NativeTransport, use)
        assert target.connections <= 4


def test_a_pool_is_bounded_and_cancelled_waiters_take_nothing() -> None:
    with raw_backend() as target:
        release = threading.Event()
        target.scripts[b"/x"] = held(release)

        def small(base: str, backend: Backend) -> Transport:
            transport = NativeTransport(base, backend)
            old = transport._pool
            limits = PoolLimits(connections=2, waiting=2, wait=5)
            transport._pool = Pool(old._address, None, SOON, old._deadlines, limits)
            return transport

        async def use(upstream: BackendUpstream) -> None:
            tasks = [asyncio.create_task(ask(upstream)) for _ in range(4)]
            await asyncio.sleep(0.05)
            with pytest.raises(Overloaded):
                await ask(upstream)
            tasks[2].cancel()
            await asyncio.sleep(0)
            release.set()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert [one for one in done if one == b"."] == [b"."] * 3
            assert await asyncio.gather(*(ask(upstream) for _ in range(4))) == [b"."] * 4
            assert upstream.active == 0

        run(backend_of(target), small, use)
        assert target.connections == 2


def test_a_unix_socket(make: Make, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with raw_backend(path):

        async def use(upstream: BackendUpstream) -> None:
            assert (await ask(upstream, get(b"/y?z"))).startswith(b"GET /y?z HTTP/1.1\r\n")

        run(Backend("b", (f"unix:{path}",), SOON), make, use)


def test_a_base_path_goes_in_front_and_the_host_can_be_the_targets(make: Make) -> None:
    with raw_backend() as target:
        base = f"http://127.0.0.1:{target.port}/base/"

        async def use(upstream: BackendUpstream) -> None:
            seen = await ask(upstream, get(b"/y"))
            assert seen.startswith(b"GET /base/y HTTP/1.1\r\n")
            assert b"host: 127.0.0.1:%d\r\n" % target.port in seen.lower()

        run(Backend("b", (base.rstrip("/"),), SOON, host_header="target"), make, use)


def test_an_untrusted_certificate_is_a_failed_connection(make: Make) -> None:
    with raw_backend() as target:

        async def use(upstream: BackendUpstream) -> None:
            with pytest.raises((ConnectError, UpstreamError)):
                await ask(upstream)
            await asyncio.sleep(0.05)  # asyncio closes the socket of a failed handshake a moment later

        run(Backend("b", (f"https://127.0.0.1:{target.port}",), SOON), make, use)
    assert ssl.OPENSSL_VERSION


class TestHealth:
    """The state machine of one target."""

    RULES = HealthRules(failures=3, eject=10, longest=60, slow_return=10, down_after=2, up_after=2)

    def test_failures_in_a_row_eject_and_time_brings_back(self) -> None:
        health = TargetHealth(self.RULES)
        assert [health.failed(0) for _ in range(3)] == [False, False, True]
        assert [health.available(at) for at in (0, 9.9, 10, 11)] == [False, False, True, True]
        assert health.share(10) == pytest.approx(0.1)
        assert health.share(15) == pytest.approx(0.5)
        assert health.share(30) == pytest.approx(1)

    def test_a_success_between_starts_the_count_again(self) -> None:
        health = TargetHealth(self.RULES)
        for _ in range(5):
            assert not health.failed(0)
            assert not health.failed(0)
            health.succeeded()

    def test_each_ejection_lasts_longer_up_to_a_bound(self) -> None:
        health = TargetHealth(self.RULES)
        now, lasted = 0.0, []
        for _ in range(9):
            while not health.failed(now):
                pass
            start = now
            while not health.available(now):
                now += 1
            lasted.append(now - start)
        assert lasted == [10, 20, 30, 40, 50, 60, 60, 60, 60]

    def test_probes_need_agreement(self) -> None:
        health = TargetHealth(self.RULES)
        changes = [health.probed(good, 0) for good in (False, True, False, False, True, False, True, True)]
        assert changes == [False, False, False, True, False, False, False, True]

    @given(st.lists(st.tuples(st.sampled_from("fsgb"), st.floats(0, 5)), max_size=60))
    def test_a_share_is_a_share_and_every_ejection_ends(self, events: list[tuple[str, float]]) -> None:
        health, now = TargetHealth(self.RULES), 0.0
        for event, later in events:
            now += later
            if event == "f":
                health.failed(now)
            elif event == "s":
                health.succeeded()
            else:
                health.probed(event == "g", now)
            assert 0.1 <= health.share(now) <= 1
        assert health.down or health.available(now + self.RULES.longest)
