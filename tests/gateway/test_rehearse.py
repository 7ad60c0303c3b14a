"""``duskgate rehearse`` against the real thing: real traffic, and then the same at the moment it foretold."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from duskgate.config import load
from duskgate.middleware.clock import system_clock
from duskgate.policy.identify import identify
from duskgate.policy.instants import rfc3339
from duskgate.usage.ledger.reader import Reader
from tests.running import eventually, free_ports, process

pytestmark = pytest.mark.timeout(180)  # gateways are started one after the other

DAY = 86_400_000

YAML = """
server: {{listen: "127.0.0.1:{port}", workers: 2, access_log: false, state: state}}
admin: {{listen: "127.0.0.1:{admin}", token: t}}
ledger: {{url: "sqlite:///duskgate.db", flush: 100ms}}
identity: [{{header: X-Api-Key, secret: true}}]
consumers:
  acme: {{match: {{X-Api-Key: key-acme}}, critical: true, contact: "mailto:api@acme.example"}}
  beta: {{match: {{X-Api-Key: key-beta}}}}
  gamma: {{match: {{X-Api-Key: key-gamma}}}}
  late: {{match: {{X-Api-Key: key-late}}}}
backends: {{one: {{url: "http://127.0.0.1:{one}"}}}}
apis:
  accounts:
    path: /api/{{version}}
    resolve: [path, {{header: Api-Version}}]
    default: v1
    versions:
      v1:
        backend: one
        lifecycle:
          deprecated: 2020-01-01
          sunset: "{sunset}"
          removed: "{removed}"
          successor: v2
          freeze: {{from: "{freeze}", mode: enforce}}
          brownouts:
            - {{from: "{brownout}", for: 2d, percent: 50, exempt: [gamma], status: 503}}
          grace: [{{consumer: acme, until: "{grace}", owner: jane, reason: contract}}]
      v2: {{backend: one}}
    endpoints:
      - path: /gone
        versions: {{v1: {{lifecycle: {{sunset: "{early}", redirect: safe, grace: null, brownouts: null}}}}}}
      - path: /held
        versions: {{v1: {{lifecycle: {{sunset: "{early}", grace: null, brownouts: null}}}}}}
      - {{path: "/users/{{id}}", methods: [GET], versions: {{v1: {{lifecycle: {{brownouts: null}}}}}}}}
      - {{path: "/users/{{id}}", methods: [POST], versions: {{v1: {{lifecycle: {{brownouts: null}}}}}}}}
      - {{path: "/kept", versions: {{v1: {{lifecycle: {{deprecated: null, sunset: null, removed: null,
           successor: null, freeze: null, brownouts: null, grace: null}}}}}}}}
"""
KEYS = ["key-acme", "key-beta", "key-gamma", "", *(f"stranger-{number}" for number in range(12))]
LATE = "key-late"
PATHS = {
    ("GET", "/api/v1/things/7"): ("v1", "*"),
    ("GET", "/api/things/7"): ("v1", "*"),
    ("GET", "/api/v1/gone"): ("v1", "/gone"),
    ("PUT", "/api/v1/gone"): ("v1", "/gone"),
    ("GET", "/api/v1/held"): ("v1", "/held"),
    ("GET", "/api/v1/users/42"): ("v1", "/users/{id}"),
    ("POST", "/api/v1/users/42"): ("v1", "/users/{id}"),
    ("GET", "/api/v1/kept"): ("v1", "/kept"),
    ("GET", "/api/v2/things/7"): ("v2", "*"),
}
REFUSALS = {308, 403, 404, 410, 503}

AGAIN = 2
"""How often each caller asks for each path."""

Pair = tuple[str, str, str]
"""A caller's name or digest, a version and an endpoint."""

Answers = dict[Pair, list[int]]


@dataclass(frozen=True)
class Place:
    """A folder with a configuration, and the ports that it is for, one gateway after the other."""

    folder: Path
    port: int
    admin: int
    one: int
    now: int

    @property
    def config(self) -> Path:
        return self.folder / "gateway.yaml"

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def write(self, freeze: int) -> None:
        """The configuration, with dates ahead of ``now``, and a freeze (ms)."""
        ahead = {"early": 10, "brownout": 20, "sunset": 30, "grace": 40, "removed": 50}
        dates = {name: rfc3339(self.now + days * DAY) for name, days in ahead.items()}
        ports = {"port": self.port, "admin": self.admin, "one": self.one}
        self.config.write_text(YAML.format(freeze=rfc3339(freeze), **dates, **ports))

    @contextmanager
    def serving(self, *options: str) -> Iterator[None]:
        """``duskgate serve`` with two workers in front of a demo backend."""
        python, log = [sys.executable, "-m"], self.folder / "gateway.log"
        backend = [*python, "duskgate.cli.backend", "one", "127.0.0.1", str(self.one)]
        gateway = [*python, "duskgate.cli", "serve", str(self.config), *options]
        with (
            process(backend, self.folder / "one.log", f"http://127.0.0.1:{self.one}/"),
            process(gateway, log, f"http://127.0.0.1:{self.admin}/readyz"),
        ):
            eventually(lambda: self._workers() == 2 or None, "two workers")
            eventually(self._listens, "the data port")
            yield
        assert "Traceback" not in log.read_text()

    def _workers(self) -> int:
        return int(httpx.get(f"http://127.0.0.1:{self.admin}/readyz", trust_env=False).json()["workers"])

    def _listens(self) -> bool | None:
        try:
            return httpx.get(f"{self.base}/nothing", trust_env=False).status_code == 404 or None
        except httpx.TransportError:
            return None

    def ask(self, key: str, method: str, path: str) -> int:
        headers = {"X-Api-Key": key} if key else {}
        return httpx.request(method, self.base + path, headers=headers, trust_env=False).status_code

    def send(self, keys: list[str]) -> Answers:
        """The traffic, each request on a connection of its own, and so to any worker."""
        identity = load(self.config).plan.identity
        answers: Answers = defaultdict(list)
        for key in keys:
            name = identify(identity, {b"x-api-key": key.encode()} if key else {}).label
            for (method, path), (version, endpoint) in PATHS.items():
                for _ in range(AGAIN):
                    answers[name, version, endpoint].append(self.ask(key, method, path))
        return answers


class World(NamedTuple):
    """A place whose ledger is filled, and what filled it."""

    place: Place
    sent: Answers


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    port, admin, one = free_ports(3)
    place = Place(tmp_path_factory.mktemp("rehearse"), port, admin, one, system_clock())
    place.write(freeze=place.now + DAY)
    reader = Reader(f"sqlite:///{place.folder / 'duskgate.db'}")
    with place.serving():
        sent = place.send(KEYS)
        eventually(lambda: _counted(reader, sent), "everything in the ledger")
        freeze = system_clock() + 1
        eventually(lambda: system_clock() > freeze or None, "the freeze")
        sent |= place.send([LATE])
        eventually(lambda: _counted(reader, sent), "everything in the ledger")
    assert {status for answers in sent.values() for status in answers} == {200}
    place.write(freeze)
    until = rfc3339(place.now + 25 * DAY)
    duskgate("switch", "hold", "accounts/v1 /held", str(place.config), "--until", until, "--reason", "wait")
    return World(place, sent)


def _counted(reader: Reader, sent: Answers) -> bool | None:
    number = sum(use.count for use in reader.uses() if use.version != "none")
    return number == sum(map(len, sent.values())) or None


def duskgate(*arguments: str, status: int = 0) -> str:
    command = [sys.executable, "-m", "duskgate.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout


MOMENTS = {"frozen": 5, "brownout": 21, "sunset": 35, "grace is over": 45, "removed": 55}


@pytest.mark.parametrize("days", MOMENTS.values(), ids=MOMENTS)
def test_it_names_exactly_who_is_refused_then(world: World, days: int) -> None:
    place, at = world.place, rfc3339(system_clock() + days * DAY)
    told: dict[str, Any] = json.loads(duskgate("rehearse", str(place.config), "--at", at, "--json", status=1))
    foretold = {(one["consumer"], one["version"], one["endpoint"]): one for one in told["refused"]}
    assert told["undecided"] == []
    with place.serving("--clock", at):
        if days < MOMENTS["sunset"]:
            # the keeper looks up who was seen before the freeze, and workers take it over
            eventually(lambda: place.ask(LATE, "GET", "/api/v1/things/7") == 403 or None, "the freeze")
        answers = place.send([*KEYS, LATE])
    refused = {pair: set(found) for pair, found in answers.items() if REFUSALS & set(found)}
    assert refused, "there is something to foretell"
    assert foretold.keys() == refused.keys()
    assert {pair: set(one["statuses"]) for pair, one in foretold.items()} == refused
    assert {pair: one["calls"] for pair, one in foretold.items()} == {
        pair: len(world.sent[pair]) for pair in refused
    }
    assert told["calls"] == sum(map(len, world.sent.values()))
    assert told["calls_refused"] == sum(len(world.sent[pair]) for pair in refused)


def test_what_is_held_is_not_foretold_until_the_hold_ends(world: World) -> None:
    for days, refused in ((21, False), (26, True)):
        at = rfc3339(system_clock() + days * DAY)
        told = json.loads(duskgate("rehearse", str(world.place.config), "--at", at, "--json", status=1))
        assert (
            any(one["endpoint"] == "/held" and one["consumer"] == "beta" for one in told["refused"])
            is refused
        )
