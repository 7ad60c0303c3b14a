"""Several targets of a backend: which one gets a WebSocket, and what open ones count for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus

import pytest
from websockets.asyncio.client import ClientConnection

from duskgate.policy.plan import Backend, Timeouts
from duskgate.proxy.state import Upstreams
from duskgate.proxy.upstream.backend import BackendUpstream
from duskgate.proxy.upstream.health import HealthRules
from duskgate.proxy.upstream.native import NativeTransport
from duskgate.proxy.upstream.protocol import ConnectError, Overloaded, Upstream, UpstreamError
from duskgate.proxy.upstream.websocket import Refused
from tests.backends import Script, raw_backend, replying
from tests.proxy.sockets import SocketBackend, socket_backend
from tests.proxy.test_backend import Heard, Make, ask, backend_of, make, run
from tests.running import eventually, free_ports

__all__ = ["make"]

THREE_OUT = HealthRules(failures=3, eject=60)


@dataclass
class Target(SocketBackend):
    """A target on a port of its own. It answers requests with its port."""

    port: int = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def targets(number: int) -> Iterator[list[Target]]:
    with ExitStack() as stack:
        those = [Target() for _ in range(number)]
        for one in those:
            one.port = stack.enter_context(socket_backend(one))
            one.name = str(one.port)
        yield those


async def opened(held: AsyncExitStack, upstream: Upstream, path: bytes = b"/x") -> ClientConnection:
    """A WebSocket that is open for as long as ``held`` lasts."""
    connection = await held.enter_async_context(upstream.websocket(path, [(b"host", b"h")], []))
    held.push_async_callback(connection.close)
    return connection


async def once(upstream: Upstream, path: bytes = b"/x") -> None:
    """Open a WebSocket and close it."""
    async with AsyncExitStack() as held:
        await opened(held, upstream, path)


def test_open_ones_count_for_the_next_handshake_and_for_requests(make: Make) -> None:
    with targets(2) as (one, two):

        async def use(upstream: BackendUpstream) -> None:
            async with AsyncExitStack() as held:
                await opened(held, upstream)
                busy, free = (one, two) if one.opened else (two, one)
                for _ in range(5):
                    await once(upstream)
                assert (len(busy.opened), len(free.opened)) == (1, 5)
                assert [await ask(upstream) for _ in range(4)] == [free.name.encode()] * 4
            assert upstream.active == 0
            assert {await ask(upstream) for _ in range(4)} == {one.name.encode(), two.name.encode()}

        run(backend_of(one.port, two.port), make, use)


def test_many_are_spread_evenly() -> None:
    with targets(3) as those:

        async def use(upstream: BackendUpstream) -> None:
            async with AsyncExitStack() as held:
                for _ in range(9):
                    await opened(held, upstream)
                assert upstream.active == 9

        run(backend_of(*(one.port for one in those)), NativeTransport, use)
    assert [len(one.opened) for one in those] == [3, 3, 3]


def test_a_target_whose_probes_fail_gets_none() -> None:
    with targets(2) as (ill, well):
        ill.health = HTTPStatus.SERVICE_UNAVAILABLE

        async def use(upstream: BackendUpstream) -> None:
            await asyncio.to_thread(eventually, lambda: ill.requests or None, "a probe")
            await asyncio.sleep(0.05)
            for _ in range(6):
                await once(upstream)

        said = run(
            backend_of(ill.port, well.port, health="/healthz"),
            NativeTransport,
            use,
            HealthRules(down_after=1),
        )
    assert said == [("down", ill.base)]
    assert (len(ill.opened), len(well.opened)) == (0, 6)


BREAKING: list[tuple[str, Script]] = [
    ("hangs up", replying(close=True)),
    ("is silent", lambda conversation: time.sleep(0.3)),
    ("says nonsense", replying(b"SSH-2.0-OpenSSH_9\r\n\r\n", close=True)),
]


@pytest.mark.parametrize("script", [case[1] for case in BREAKING], ids=[case[0] for case in BREAKING])
def test_a_target_that_breaks_handshakes_is_left_out(script: Script) -> None:
    with raw_backend() as bad, targets(1) as (good,):
        bad.scripts[b"/x"] = script
        failed = 0

        async def use(upstream: BackendUpstream) -> None:
            nonlocal failed
            for _ in range(12):
                try:
                    await once(upstream)
                except UpstreamError:
                    failed += 1

        backend = replace(backend_of(bad, good.port, retries=1), timeouts=Timeouts(connect=1, response=0.1))
        said = run(backend, NativeTransport, use, THREE_OUT)
        assert said[-1] == ("ejected", f"http://127.0.0.1:{bad.port}")
        assert ("retried",) not in said  # the handshake may have been carried out
        assert (failed, len(bad.seen), len(good.opened)) == (3, 3, 9)


def test_a_target_that_fails_requests_gets_none(make: Make) -> None:
    with raw_backend() as bad, targets(1) as (good,):
        bad.scripts[b"/x"] = replying(close=True)

        async def use(upstream: BackendUpstream) -> None:
            for _ in range(6):
                try:
                    await ask(upstream)
                except UpstreamError:
                    continue
            for _ in range(6):
                await once(upstream)

        said = run(backend_of(bad, good.port), make, use, THREE_OUT)
        assert said[-1] == ("ejected", f"http://127.0.0.1:{bad.port}")
    assert len(good.opened) == 6


def test_a_target_that_is_not_there_is_passed_over_and_then_left_out() -> None:
    nobody = free_ports(1)[0]
    with targets(1) as (good,):

        async def use(upstream: BackendUpstream) -> None:
            for _ in range(20):
                await once(upstream)

        said = run(backend_of(nobody, good.port, retries=1), NativeTransport, use, THREE_OUT)
    assert len(good.opened) == 20
    assert said.count(("failed", "ConnectError")) == said.count(("retried",)) == 3
    assert said.count(("ejected", f"http://127.0.0.1:{nobody}")) == 1


def test_without_retries_the_first_failure_counts() -> None:
    async def use(upstream: BackendUpstream) -> None:
        with pytest.raises(ConnectError):
            await once(upstream)
        assert upstream.active == 0

    said = run(backend_of(*free_ports(2)), NativeTransport, use)
    assert said == [("failed", "ConnectError")]


def test_retries_stay_within_the_budget() -> None:
    async def use(upstream: BackendUpstream) -> None:
        for _ in range(100):
            with pytest.raises(ConnectError):
                await once(upstream)

    said = run(backend_of(free_ports(1)[0], retries=10), NativeTransport, use)
    assert 10 < said.count(("retried",)) <= 10 + 0.2 * 100 + 1


def test_a_target_that_declines_is_well() -> None:
    """Its answer ends a row of failures, as any answer to a request does."""
    with raw_backend() as target:
        target.scripts[b"/bad"] = replying(close=True)
        target.scripts[b"/no"] = replying(b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n")

        async def use(upstream: BackendUpstream) -> None:
            for path, error in [(b"/bad", UpstreamError), (b"/bad", UpstreamError), (b"/no", Refused)] * 3:
                with pytest.raises(error):
                    await once(upstream, path)
                assert upstream.active == 0

        said = run(backend_of(target), NativeTransport, use, THREE_OUT)
    assert said == [("failed", "UpstreamError")] * 6


def test_more_than_allowed_are_shed_together_with_requests(make: Make) -> None:
    with targets(2) as (one, two):

        async def use(upstream: BackendUpstream) -> None:
            async with AsyncExitStack() as held:
                await opened(held, upstream)
                async with AsyncExitStack() as brief:
                    await opened(brief, upstream)
                    with pytest.raises(Overloaded):
                        await once(upstream)
                    with pytest.raises(Overloaded):
                        await ask(upstream)
                await once(upstream)
                await ask(upstream)

        said = run(backend_of(one.port, two.port, max_requests=2), make, use)
    assert said == [("failed", "shed")] * 2


def test_a_handshake_that_is_given_up_leaves_its_place() -> None:
    with raw_backend() as silent:
        silent.scripts[b"/x"] = lambda conversation: time.sleep(0.5)

        async def use(upstream: BackendUpstream) -> None:
            waiting = asyncio.create_task(once(upstream))
            await asyncio.to_thread(eventually, lambda: silent.seen or None, "the handshake")
            assert upstream.active == 1
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert upstream.active == 0

        assert run(backend_of(silent), NativeTransport, use) == []


def test_a_backend_that_is_replaced_keeps_what_is_open() -> None:
    def backends(target: Target) -> dict[str, Backend]:
        return {"b": backend_of(target.port)}

    async def use(old: Target, new: Target) -> None:
        upstreams = Upstreams(backends(old), Heard())
        async with AsyncExitStack() as held:
            held.push_async_callback(upstreams.aclose)
            connection = await opened(held, upstreams["b"])
            upstreams.take_over(backends(new))
            await once(upstreams["b"])
            await connection.send("still there")
            assert await connection.recv() == "still there"

    with targets(2) as (old, new):
        asyncio.run(use(old, new))
    assert (len(old.opened), len(new.opened)) == (1, 1)
