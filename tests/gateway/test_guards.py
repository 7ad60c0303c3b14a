"""A guarded rollout in a gateway of two workers: how long a failing version is in use, and how it is back."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.backends import Conversation, RawBackend, raw_backend, replying
from tests.running import Gateway, eventually, free_ports, process

TOKEN = "s3cret-token"
WINDOW = 5.0
"""Seconds: the guards' window, in which a failing version must be stopped."""

USERS = [f"user-{number}" for number in range(40)]
LATER = "2036-06-01"
"""After the last step of the schedule."""

API = """
  {name}:
    path: /{name}
    resolve: [{{header: Api-Version}}]
    default: v1
    versions:
      v1:
        backend: {name}-v1
        rollout: {{to: v2, {by}, guard: {{window: 5s, min_requests: 100, {bound}, action: {action}}}}}
      v2: {{backend: {name}-v2}}
"""
ERRORS, TIMES = "max_error_delta: 5%", "max_p99_ratio: 4"
APIS = {
    "failing": {"by": "percent: 50", "bound": ERRORS, "action": "rollback"},
    "down": {"by": "flag: half", "bound": ERRORS, "action": "rollback"},
    "slow": {"by": "percent: 50", "bound": TIMES, "action": "rollback"},
    "paused": {
        "by": 'steps: [{at: 2026-01-01, percent: 50}, {at: "2036-01-01", percent: 100}]',
        "bound": ERRORS,
        "action": "pause",
    },
    "alerted": {"by": "percent: 50", "bound": ERRORS, "action": "alert"},
}
HALF = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "off",
    "targeting": {"fractional": [["on", 50], ["off", 50]]},
}


class Answer(NamedTuple):
    """When a request was sent (s), who answered, and how."""

    sent: float
    version: str
    status: int


class Traffic:
    """Callers of one api, each request on a connection of its own, so that both workers get some."""

    def __init__(self, port: int, path: str) -> None:
        self.answers: list[Answer] = []
        self._port = port
        self._path = path
        self._over = threading.Event()

    def ask(self, user: str) -> Answer:
        """One request. A version that is not to be heard from counts as v2: only that one is ever broken."""
        sent = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            connection.request("GET", self._path, headers={"X-User-Id": user})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        return Answer(sent, "v1" if body == b"v1" else "v2", response.status)

    def moved(self) -> set[str]:
        """Who is on v2 by now, each asked twice."""
        return {user for user in USERS * 2 if self.ask(user).version == "v2"}

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """As long as this lasts they call."""
        threads = [threading.Thread(target=self._call, args=(USERS[start::3],)) for start in range(3)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _call(self, users: list[str]) -> None:
        for user in cycle(users):
            if self._over.wait(0.005):
                return
            self.answers.append(self.ask(user))


@dataclass(frozen=True)
class Guarded:
    """The gateway, and the backends by api and version."""

    gateway: Gateway
    backends: dict[str, RawBackend]
    folder: Path

    def traffic(self, api: str) -> Traffic:
        return Traffic(int(self.gateway.base.rpartition(":")[2]), f"/{api}")

    def switches(self) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.get(f"http://{self.gateway.admin}/api/switches", headers=headers, trust_env=False).json()

    def stop(self, api: str) -> Any:
        """What stands of the rollout in the switches."""
        return self.switches()["switches"].get("rollouts", {}).get(f"{api}/v1")

    def verdict(self, api: str) -> str:
        return str({one["rollout"]: one["verdict"] for one in self.switches()["guards"]}[f"{api}/v1"])

    def judged(self, api: str, verdict: str) -> None:
        eventually(lambda: self.verdict(api) == verdict or None, f"{api} is judged {verdict}")

    def duskgate(self, *words: str) -> str:
        command = [sys.executable, "-m", "duskgate.cli", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def resume(self, api: str) -> None:
        self.duskgate("switch", "resume", f"{api}/v1", str(self.folder / "gateway.yaml"), "--by", "jane")

    def tripped(self, api: str) -> dict[str, float]:
        """The gauge, by action."""
        found = re.findall(
            rf'^duskgate_rollout_guard_tripped{{action="(\w+)",api="{api}",version="v1"}} (\S+)$',
            self.gateway.metrics(),
            re.MULTILINE,
        )
        return {action: float(value) for action, value in found}

    def said(self, api: str) -> list[str]:
        """The log lines of the guard."""
        lines = (self.folder / "gateway.log").read_text().splitlines()
        return [line for line in lines if f"guard of {api}/v1 tripped" in line]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guards")
    port, admin = free_ports(2)
    with ExitStack() as running:
        backends = {}
        for name in APIS:
            for version in ("v1", "v2"):
                backends[f"{name}-{version}"] = running.enter_context(raw_backend())
                well(backends[f"{name}-{version}"], version)
        (folder / "flags.json").write_text(json.dumps({"flags": {"half": HALF}}))
        lines = [
            f"server: {{listen: '127.0.0.1:{port}', workers: 2, access_log: false}}",
            f"admin: {{listen: '127.0.0.1:{admin}', token: {TOKEN}}}",
            "flags: {path: flags.json}",
            "identity: [{header: X-User-Id}]",
            "backends:",
            *(f"  {name}: {{url: 'http://127.0.0.1:{one.port}'}}" for name, one in backends.items()),
            "apis:",
            *(API.format(name=name, **values) for name, values in APIS.items()),
        ]
        (folder / "gateway.yaml").write_text("\n".join(lines))
        command = [sys.executable, "-m", "duskgate.cli", "serve", str(folder / "gateway.yaml")]
        ready = f"http://127.0.0.1:{admin}/readyz"
        started = running.enter_context(process(command, folder / "gateway.log", ready))
        gateway = Gateway(f"http://127.0.0.1:{port}", f"127.0.0.1:{admin}", TOKEN, started)
        eventually(lambda: len(gateway.workers()) == 2 or None, "both workers ready")
        eventually(lambda: listens(port), "the data port is open")
        yield Guarded(gateway, backends, folder)


def listens(port: int) -> bool | None:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0 or None


def well(backend: RawBackend, version: str) -> None:
    backend.scripts = {b"GET": replying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n" + version.encode())}


def failing(backend: RawBackend) -> None:
    backend.scripts = {b"GET": replying(b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nv2")}


def slow(backend: RawBackend) -> None:
    def late(conversation: Conversation) -> None:
        time.sleep(0.2)
        conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nv2")

    backend.scripts = {b"GET": late}


def down(backend: RawBackend) -> None:
    backend.scripts = {b"GET": replying(close=True)}
    backend.stop()


def broken(guarded: Guarded, api: str, fault: Callable[[RawBackend], None]) -> tuple[Traffic, float]:
    """Break v2 of an api under traffic; the traffic, and when it broke. Ends when the guard has tripped."""
    traffic = guarded.traffic(api)
    with traffic.flowing():
        guarded.judged(api, "within")
        fault(guarded.backends[f"{api}-v2"])
        since = time.monotonic()
        eventually(lambda: guarded.stop(api), "the guard trips")
        time.sleep(1.0)  # the time in which every worker is to follow
    assert {one.status for one in traffic.answers if one.version == "v1"} == {200}, "v1 answers all the while"
    assert 200 in {one.status for one in traffic.answers if one.version == "v2" and one.sent < since}
    return traffic, since


@pytest.mark.parametrize(("api", "fault"), [("failing", failing), ("down", down), ("slow", slow)])
def test_a_version_that_does_worse_is_rolled_back_within_one_window(
    guarded: Guarded, api: str, fault: Callable[[RawBackend], None]
) -> None:
    traffic, since = broken(guarded, api, fault)
    last = max(one.sent for one in traffic.answers if one.version == "v2")
    assert last - since < WINDOW
    assert traffic.moved() == set()
    stop = guarded.stop(api)
    assert (stop["action"], stop["by"]) == ("rollback", "duskgate")
    assert stop["reason"].startswith("p99: v2" if api == "slow" else "errors: v2")
    assert guarded.tripped(api) == {"rollback": 1}
    (line,) = guarded.said(api)
    assert "callers are back on v1" in line


def test_an_operator_resumes_and_what_was_counted_before_is_forgotten(guarded: Guarded) -> None:
    if guarded.stop("failing") is None:
        broken(guarded, "failing", failing)
    well(guarded.backends["failing-v2"], "v2")
    before = len(guarded.said("failing"))
    guarded.resume("failing")
    traffic = guarded.traffic("failing")
    eventually(lambda: traffic.moved() or None, "somebody is moved again", 5)
    with traffic.flowing():
        guarded.judged("failing", "within")
    assert guarded.stop("failing") is None
    assert guarded.tripped("failing") == {"rollback": 0}
    assert len(guarded.said("failing")) == before
    changes = [json.loads(line) for line in (guarded.folder / "switches.json.audit").read_text().splitlines()]
    own = [(one["by"], one["to"] is None) for one in changes if one["key"] == "failing/v1"]
    assert own[-2:] == [("duskgate", False), ("jane", True)]


def test_a_paused_rollout_takes_no_further_step(guarded: Guarded) -> None:
    traffic, _ = broken(guarded, "paused", failing)
    assert 0 < len(traffic.moved()) < len(USERS)
    assert guarded.tripped("paused") == {"pause": 1}
    explain = partial(guarded.duskgate, "explain", "GET", "/paused", str(guarded.folder / "gateway.yaml"))
    stays = next(user for user in USERS if user not in traffic.moved())
    told = explain("-H", f"X-User-Id: {stays}", "--at", LATER)
    assert "v1, chosen by default" in told
    assert re.search(
        r"^paused +since .*: no later step counts \(duskgate, .*: errors: v2", told, re.MULTILINE
    )
    well(guarded.backends["paused-v2"], "v2")
    guarded.resume("paused")
    assert "v2, chosen by rollout" in explain("-H", f"X-User-Id: {stays}", "--at", LATER)


def test_an_alert_moves_nobody(guarded: Guarded) -> None:
    traffic, _ = broken(guarded, "alerted", failing)
    assert 0 < len(traffic.moved()) < len(USERS)
    assert guarded.tripped("alerted") == {"alert": 1}
    assert "callers are moved to v2 all the same" in guarded.said("alerted")[0]
