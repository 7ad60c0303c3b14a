"""A sunset comes at its instant: in every worker, to the millisecond, and without anybody doing anything."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from duskgate.middleware.clock import system_clock
from tests.backends import RawBackend, raw_backend, read_response
from tests.gateway.endings import Endings, endings
from tests.running import eventually

BUDGET = 5
"""Ms after the instant at which every request that is sent has to be refused."""

BEFORE, AFTER = 1_000, 500
"""How long requests are sent at the least before and after it, in ms."""

NS = 1_000_000
"""In a ms."""


class Asked(NamedTuple):
    """A request: when it was sent and when its answer was there, in ns since the epoch, and its status."""

    sent: int
    done: int
    status: int


class Caller:
    """Sends one request after the other over one connection."""

    def __init__(self, port: int) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.asked: list[Asked] = []

    def ask(self, path: str) -> Asked:
        request = f"GET {path} HTTP/1.1\r\nHost: gw.example\r\n\r\n".encode()
        sent = time.time_ns()
        self.connection.sendall(request)
        answer = read_response(self.connection)
        return Asked(sent, time.time_ns(), int(answer[9:12]))

    def ask_until(self, path: str, instant: int) -> None:
        while time.time_ns() < instant * NS:
            self.asked.append(self.ask(path))


@pytest.fixture(scope="module")
def backend() -> Iterator[RawBackend]:
    with raw_backend() as one:
        yield one


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, backend: RawBackend) -> Iterator[Endings]:
    with endings(tmp_path_factory.mktemp("switching"), backend, system_clock()) as one:
        yield one


def holders(pids: list[int], callers: list[Caller]) -> Counter[int]:
    """How many of the callers' connections each process has, by the kernel's table of sockets."""
    ports = {caller.connection.getsockname()[1] for caller in callers}
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {row[9] for row in table if int(row[2].rpartition(":")[2], 16) in ports}
    found: Counter[int] = Counter()
    for pid in pids:
        for file in Path(f"/proc/{pid}/fd").iterdir():
            try:
                found[pid] += os.readlink(file).removeprefix("socket:[").removesuffix("]") in inodes
            except FileNotFoundError:
                continue
    return found


def callers_of_both(gateway: Endings, stack: ExitStack, number: int = 6) -> list[Caller]:
    """Some connections, of which each worker has at least one."""
    workers = gateway.gateway.workers()
    assert len(workers) == 2
    callers: list[Caller] = []

    def spread() -> bool | None:
        caller = Caller(gateway.port)
        stack.callback(caller.connection.close)
        assert caller.ask("/api/v1/never").status == 200
        callers.append(caller)
        held = holders(workers, callers)
        return (len(callers) >= number and all(held[pid] for pid in workers)) or None

    eventually(spread, "connections to both workers", 10)
    return callers


def test_the_sunset_comes_at_its_instant_in_both_workers_and_without_a_reload(gateway: Endings) -> None:
    before = gateway.in_force()
    with ExitStack() as stack:
        callers = callers_of_both(gateway, stack)
        path, sunset = gateway.ahead(system_clock(), BEFORE)
        threads = [threading.Thread(target=one.ask_until, args=(path, sunset + AFTER)) for one in callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    asked = [one for caller in callers for one in caller.asked]
    assert {one.status for one in asked} == {200, 410}
    assert [one for one in asked if one.done < sunset * NS and one.status != 200] == [], "too early"
    assert [one for one in asked if one.sent >= (sunset + BUDGET) * NS and one.status != 410] == [], (
        "too late"
    )
    assert gateway.in_force() == before, "nothing was taken over meanwhile"
    for caller in callers:  # or it would not have seen the switch
        statuses = [one.status for one in caller.asked]
        assert statuses == sorted(statuses), "once gone, gone"
        assert {200, 410} == set(statuses)


def test_a_gateway_with_the_real_time_says_nothing_of_its_clock(gateway: Endings) -> None:
    assert "clock" not in gateway.ready()
    assert "duskgate-clock" not in gateway.gateway.get("/api/v1/never").headers
    assert "duskgate_clock_shift_seconds 0.0\n" in gateway.gateway.metrics()
    assert "SHIFTED" not in gateway.log()
