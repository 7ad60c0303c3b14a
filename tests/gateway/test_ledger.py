"""The ledger of a real gateway with several workers: exact, and harmless whatever befalls its database."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from duskgate.usage.ledger.reader import Reader
from tests.backends import Conversation, raw_backend
from tests.gateway.test_serve import counted
from tests.proxy.test_sse import HEAD, chunked, listening
from tests.running import Gateway, eventually, free_ports, gateway

NAMED = {f"named-{number}": f"key-{number}" for number in range(60)}

YAML = """
server: {listen: "@server", workers: 3, access_log: false}
admin: {listen: "@admin", token: "@token"}
ledger: {@ledger}
identity: [{header: X-Api-Key, secret: true}]
consumers: {@consumers}
backends:
  v1: {url: "http://@v1"}
  v2: {url: "http://@v2"}
  down: {url: "http://127.0.0.1:@down"}
apis:
  accounts:
    path: /api/{version}
    default: v1
    versions:
      v1: {backend: v1, lifecycle: {deprecated: 2020-01-01, sunset: 2099-01-01, successor: v2}}
      v2: {backend: v2}
      v3: {backend: down}
    endpoints:
      - {path: "/users/{id}/avatar", versions: {v1: {lifecycle: {sunset: 2021-01-01}}}}
      - {path: /browned, versions: {v1: {lifecycle: {brownouts: [{from: 2021-01-01, for: 20000d}]}}}}
      - path: /graced
        versions: {v1: {lifecycle: {sunset: 2021-01-01, grace: [
          {consumer: named-3, until: 2099-01-01, owner: jane, reason: contract}]}}}
"""

SENDERS = 6
GRACED = "/api/v1/graced"
CALLS = [
    ("/api/v1/users/42", 200, ("accounts", "*", "v1", "forwarded", "2xx")),
    ("/api/v2/users/42", 200, ("accounts", "*", "v2", "forwarded", "2xx")),
    ("/api/v1/users/42/avatar", 410, ("accounts", "/users/{id}/avatar", "v1", "refused", "4xx")),
    ("/api/v3/users/42", 502, ("accounts", "*", "v3", "backend-unavailable", "5xx")),
    ("/api/v9/users/42", 404, ("accounts", "none", "none", "rejected", "4xx")),
    ("/api/v1/browned", 410, ("accounts", "/browned", "v1", "brownout", "4xx")),
    (GRACED, 200, ("accounts", "/graced", "v1", "grace", "2xx")),
    ("/elsewhere", 404, ("none", "none", "none", "rejected", "4xx")),
]
Call = tuple[str, int, tuple[str, ...]]


@contextmanager
def keeping(
    folder: Path, ledger: str = "flush: 1s", server: str = "", workers: int = 3, v3: int | None = None
) -> Iterator[tuple[Gateway, str]]:
    """A gateway, and its ledger's URL. ``v3`` is the port of that version's backend: there is none."""
    down = v3 or free_ports(1)[0]
    consumers = ", ".join(f"{name}: {{match: {{X-Api-Key: {key}}}}}" for name, key in NAMED.items())
    yaml = YAML.replace("@ledger", ledger).replace("@consumers", consumers).replace("@down", str(down))
    yaml = yaml.replace("workers: 3", f"workers: {workers}{server}")
    with gateway(yaml, folder, "t") as running:
        eventually(lambda: len(running.workers()) == workers or None, "every worker")
        eventually(lambda: _listens(running) or None, "the data port")
        yield running, f"sqlite:///{folder / 'duskgate.db'}"


def _listens(running: Gateway) -> bool:
    """A worker says that it is ready a moment before its server listens."""
    host, _, port = running.base.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def all_of(page: str) -> float:
    """All requests by Prometheus' count."""
    return counted(page, "duskgate_requests_total")


def totals(url: str) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for row in Reader(url).rows():
        found[row.api, row.endpoint, row.version, row.outcome, row.code, row.consumer, row.agent] += row.count
    return found


def test_ledger_prometheus_and_the_callers_agree_exactly(tmp_path: Path) -> None:
    sent: Counter[tuple[str, ...]] = Counter()
    lock = threading.Lock()
    strange = "not a key of anybody"
    callers = [("key-1", "named-1"), ("key-2", "named-2"), (strange, "~"), ("", "")]

    def ask(base: str, seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311
        mine: Counter[tuple[str, ...]] = Counter()
        with httpx.Client(trust_env=False) as client:
            for _ in range(150):
                path, status, place = dice.choice(CALLS)
                key, name = dice.choice(callers) if path != GRACED else ("key-3", "named-3")
                agent = dice.choice(["curl", "okhttp"])
                headers = {"User-Agent": f"{agent}/{dice.randrange(9)}", "X-Api-Key": key}
                assert client.get(base + path, headers=headers).status_code == status
                mine[(*place, name or "anonymous", agent)] += 1
        with lock:
            sent.update(mine)

    with keeping(tmp_path) as (running, url):
        threads = [threading.Thread(target=ask, args=(running.base, seed)) for seed in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        whole = SENDERS * 150
        eventually(lambda: all_of(running.metrics()) == whole or None, "exact metrics", 5)
        written = "duskgate_ledger_requests_written_total"
        page = eventually(
            lambda: page if f"{written} {float(whole)}" in (page := running.metrics()) else None,
            "everything in the ledger",
            5,
        )
        assert "duskgate_ledger_requests_dropped_total 0.0" in page
        assert "duskgate_ledger_requests_waiting 0.0" in page
        found = totals(url)
        (label,) = {key[5] for key in found if key[5].startswith("~")}
        assert {(*key[:5], key[5].replace(label, "~"), key[6]): count for key, count in found.items()} == sent
        for place in {key[:5] for key in sent}:
            api, endpoint, version, outcome, _ = place
            labels = {"api": api, "endpoint": endpoint, "version": version, "outcome": outcome}
            by_prometheus = counted(page, "duskgate_requests_total", **labels)
            assert by_prometheus == sum(count for key, count in sent.items() if key[:5] == place)
        assert "Traceback" not in (tmp_path / "gateway.log").read_text()
        for name in os.listdir(tmp_path):
            assert strange.encode() not in (tmp_path / name).read_bytes(), "a key is written nowhere"


def test_a_graceful_stop_loses_nothing(tmp_path: Path) -> None:
    with keeping(tmp_path, "flush: 60s", ", rehearsal: true") as (running, url):
        for number in range(90):
            assert running.get(f"/api/v2/{number}").status_code == 200
        at = {"Duskgate-At": "2099-01-01T00:00:00Z", "Duskgate-Token": "t"}
        assert running.get("/api/v1/x", **at).status_code == 410, "a rehearsal is no use"
        running.stop()
        assert sum(totals(url).values()) == 90


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGHUP])
def test_a_stream_that_outlasts_the_drain_costs_nothing_else(tmp_path: Path, asked: signal.Signals) -> None:
    """It is cut off when the time is over, and counted, and all that waits is written."""
    ended = threading.Event()

    def stream(line: Conversation) -> None:
        line.send(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunked(b"begun"))
        ended.wait(30)

    with (
        raw_backend() as raw,
        keeping(tmp_path, "flush: 60s", ", drain_timeout: 1s", 2, raw.port) as (running, url),
        ExitStack() as streams,
    ):
        raw.scripts[b"/stream"] = stream
        port = int(running.base.rpartition(":")[2])
        for _ in range(4):
            streams.enter_context(listening(port, b"/api/v3/stream")).until(b"begun")
        for number in range(60):
            assert running.get(f"/api/v2/{number}").status_code == 200
        before = set(running.workers())
        running.process.send_signal(asked)
        if asked is signal.SIGTERM:
            assert running.process.wait(15) == 0
        else:
            eventually(lambda: before.isdisjoint(running.workers()) or None, "other workers", 30)
            eventually(lambda: sum(totals(url).values()) == 64 or None, "all that the old ones counted", 15)
        found = Counter({(key[2], key[3]): count for key, count in totals(url).items()})
        assert found == {("v2", "forwarded"): 60, ("v3", "cancelled"): 4}
        ended.set()


class Traffic:
    """Requests without end, on connections of their own, and when each was answered."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._stop = threading.Event()
        self.answered: list[tuple[float, int, float]] = []
        self._threads = [threading.Thread(target=self._ask, args=(seed,)) for seed in range(3)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311
        while not self._stop.is_set():
            headers = {"X-Api-Key": dice.choice(list(NAMED.values()))}
            started = time.monotonic()
            try:
                status = httpx.get(
                    f"{self._base}/api/v2/x", headers=headers, trust_env=False, timeout=10
                ).status_code
            except httpx.TransportError:
                status = 0  # its worker was killed
            now = time.monotonic()
            self.answered.append((now, status, now - started))

    def between(self, start: float, end: float) -> int:
        return sum(start <= at < end for at, _, _ in self.answered)


def test_a_killed_worker_costs_one_flush_at_most(tmp_path: Path) -> None:
    with keeping(tmp_path, workers=1) as (running, url):
        with Traffic(running.base) as traffic:
            time.sleep(3.5)
            killed = time.monotonic()
            os.kill(running.workers()[0], signal.SIGKILL)
            time.sleep(1.5)
        running.stop()
        lost = len(traffic.answered) - sum(totals(url).values())
        broken = sum(status != 200 for _, status, _ in traffic.answered)
        a_flush = traffic.between(killed - 1.3, killed + 0.1)  # the second, a fold, and the writing itself
        assert 0 <= lost <= a_flush + broken
        assert len(traffic.answered) > 2 * a_flush, "more than a flush has been counted"


def locked(path: Path) -> Callable[[], None]:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")

    def mend() -> None:
        other.execute("ROLLBACK")
        other.close()

    return mend


def removed(path: Path) -> Callable[[], None]:
    """The database itself last: what a worker makes anew once it is gone must not go with it."""
    for name in (path.with_name("duskgate.db-wal"), path.with_name("duskgate.db-shm"), path):
        name.unlink(missing_ok=True)
    return lambda: None


def folder_removed(path: Path) -> Callable[[], None]:
    def gone() -> bool | None:
        """A worker may close the database at the same moment, and take files of it away itself."""
        shutil.rmtree(path.parent, ignore_errors=True)
        return not path.parent.exists() or None

    eventually(gone, "the end of the folder")
    return lambda: path.parent.mkdir()


def read_only(path: Path) -> Callable[[], None]:
    """A file that opens and cannot be written: root may write any, but not to /proc."""
    path.rename(path.with_name("away.db"))
    path.symlink_to("/proc/version")

    def mend() -> None:
        path.unlink()
        path.with_name("away.db").rename(path)

    return mend


@pytest.mark.parametrize("befalls", [locked, removed, folder_removed, read_only])
def test_no_request_is_harmed_or_lost_but_with_the_file(
    tmp_path: Path, befalls: Callable[[Path], Callable[[], None]]
) -> None:
    """There is room for every named consumer, however few unknown ones there may be."""
    (tmp_path / "kept").mkdir()
    path = tmp_path / "kept" / "duskgate.db"
    ledger = 'url: "sqlite:///kept/duskgate.db", flush: 100ms, max_consumers: 1'
    with keeping(tmp_path, ledger) as (running, _):
        url = f"sqlite:///{path}"
        assert running.get("/api/v2/x").status_code == 200
        eventually(lambda: path.exists() or None, "the ledger")
        eventually(lambda: "requests_written_total 1.0" in running.metrics() or None, "the first flush")
        with Traffic(running.base) as traffic:
            time.sleep(0.5)
            mend = befalls(path)
            time.sleep(3)
            mend()
            time.sleep(0.5)
        assert {status for _, status, _ in traffic.answered} == {200}
        assert max(seconds for _, _, seconds in traffic.answered) < 1.5
        running_totals = running.metrics()
        sent = len(traffic.answered) + 1

        def accounted() -> tuple[float, float] | None:
            page = running.metrics()
            written = counted_alone(page, "duskgate_ledger_requests_written_total")
            dropped = counted_alone(page, "duskgate_ledger_requests_dropped_total")
            return (written, dropped) if written + dropped == sent == all_of(page) else None

        written, dropped = eventually(accounted, "every request written or counted as dropped", 30)
        assert dropped == 0
        in_it = sum(totals(url).values())
        if befalls is removed:
            assert 0 < in_it < written, "what had been written is gone with the file"
        else:
            assert counted_alone(running_totals, "duskgate_ledger_flush_failures_total") > 0
            assert "ledger: cannot be written, trying again: " in (tmp_path / "gateway.log").read_text()
            assert in_it == written or befalls is folder_removed
        assert "Traceback" not in (tmp_path / "gateway.log").read_text()


def counted_alone(page: str, name: str) -> float:
    """The value of a metric without labels."""
    return sum(float(line.split()[1]) for line in page.splitlines() if line.startswith(f"{name} "))
