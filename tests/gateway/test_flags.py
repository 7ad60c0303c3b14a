"""Flags in a real gateway of two workers: flipped for one caller, broken, and asked of a silent service."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.flags.ofrep import Ofrep, ofrep
from tests.flags.test_reload import written
from tests.running import Gateway, eventually, gateway

YAML = """
server: {listen: "@server", workers: 2}
admin: {listen: "@admin", token: "@token"}
flags: @flags
identity: [{header: X-User-Id}]
backends: {v1: {url: "http://@v1"}, v2: {url: "http://@v2"}}
apis:
  accounts:
    path: /api/{version}
    default: v1
    versions: {v1: {backend: v1, rollout: {to: v2, flag: f}}, v2: {backend: v2}}
    endpoints: [{path: "/users/{id}", versions: {v1: {lifecycle: {sunset: 2099-01-01}}}}]
"""

TOKEN = "s3cret-token"
WITHIN = 1.0
"""Seconds in which a flip has to reach every worker."""

DEADLINE = 0.5
"""Seconds that a request waits for the service."""


def versions(running: Gateway, user: str, number: int = 16) -> set[str]:
    """Who answers a caller, on connections of their own, so that both workers give some."""
    return {running.get("/api/users/1", **{"X-User-Id": user}).json()["version"] for _ in range(number)}


def sample(running: Gateway, name: str) -> float | None:
    found = re.search(rf"^{re.escape(name)} (\S+)$", running.metrics(), re.MULTILINE)
    return float(found[1]) if found is not None else None


def becomes(running: Gateway, name: str, value: float) -> None:
    eventually(lambda: sample(running, name) == value or None, f"{name} {value}")


def both_ready(running: Gateway) -> None:
    eventually(lambda: len(running.workers()) == 2 or None, "two workers")


@pytest.fixture(scope="module")
def by_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Path]]:
    folder = tmp_path_factory.mktemp("flags")
    (folder / "flags.json").write_text(written(on=False))
    with gateway(YAML.replace("@flags", "{path: flags.json}"), folder, TOKEN) as running:
        both_ready(running)
        yield running, folder


def flip(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "duskgate.cli", "flags", *arguments, str(folder / "gateway.yaml")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def seconds_until(running: Gateway, user: str, version: str, since: Path) -> float:
    """From when the file was replaced until every worker serves the caller so."""
    replaced = since.stat().st_mtime
    seen = 0.0

    def look() -> bool | None:
        nonlocal seen
        before = time.time()
        seen = before - replaced
        return versions(running, user) == {version} or None

    eventually(look, f"{user} gets {version}", 10)
    return seen


def test_a_caller_flipped_by_the_command_reaches_v2_on_every_worker_within_a_second(
    by_file: tuple[Gateway, Path],
) -> None:
    running, folder = by_file
    taken = []
    for user in ("alice", "bob", "carol"):  # the machine may be busy with something else for one of them
        assert versions(running, user) == {"v1"}
        assert flip(folder, "on", "f", "--user", user) == f"f is on for {user}\n"
        taken.append(seconds_until(running, user, "v2", folder / "flags.json.overrides"))
    assert min(taken) < WITHIN
    assert versions(running, "dave") == {"v1"}
    becomes(running, 'duskgate_config_last_reload_successful{file="overrides"}', 1)
    assert sample(running, 'duskgate_rollout_requests_total{api="accounts",flag="f",variant="override-on"}')
    flip(folder, "clear", "f", "--user", "alice")
    eventually(lambda: versions(running, "alice") == {"v1"} or None, "alice is back")


def test_a_caller_flipped_on_the_admin_port(by_file: tuple[Gateway, Path]) -> None:
    running, _ = by_file
    headers = {"Authorization": f"Bearer {TOKEN}"}

    def post(name: str) -> httpx.Response:
        body = {"flag": "f", "users": ["erin"], "by": "jane"}
        url = f"http://{running.admin}/api/flags/{name}"
        return httpx.post(url, json=body, headers=headers, trust_env=False).raise_for_status()

    post("on")
    eventually(lambda: versions(running, "erin") == {"v2"} or None, "erin gets v2")
    post("clear")
    eventually(lambda: versions(running, "erin") == {"v1"} or None, "erin gets v1")


def test_a_broken_file_of_overrides_changes_nothing_also_in_workers_that_start_meanwhile(
    by_file: tuple[Gateway, Path],
) -> None:
    running, folder = by_file
    overrides, log = folder / "flags.json.overrides", folder / "gateway.log"
    good = 'duskgate_config_last_reload_successful{file="overrides"}'
    flip(folder, "on", "f", "--user", "frank")
    eventually(lambda: versions(running, "frank") == {"v2"} or None, "frank gets v2")
    sound = overrides.read_text()
    said = log.read_text().count("flag overrides rejected")
    overrides.write_text("{")
    becomes(running, good, 0)
    assert versions(running, "frank") == {"v2"}
    workers = set(running.workers())
    os.kill(running.process.pid, signal.SIGHUP)
    eventually(
        lambda: (len(new := set(running.workers()) - workers) == 2 and new == set(running.workers())) or None,
        "new workers",
    )
    assert versions(running, "frank") == {"v2"}
    assert log.read_text().count("flag overrides rejected") - said == 4, "once in each of four workers"
    overrides.write_text(sound)
    becomes(running, good, 1)


def percentile(seconds: list[float], part: float) -> float:
    return sorted(seconds)[int(part * (len(seconds) - 1))]


def timed(running: Gateway, path: str, number: int, user: str) -> tuple[list[float], set[str]]:
    """How long requests take, some at once, and which versions answer."""

    def ask(client: httpx.Client) -> tuple[float, str]:
        started = time.perf_counter()
        answer = client.get(running.base + path, headers={"X-User-Id": user})
        return time.perf_counter() - started, answer.raise_for_status().json()["version"]

    with httpx.Client(trust_env=False, timeout=30) as client, ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: ask(client), range(number)))
    return [seconds for seconds, _ in found], {version for _, version in found}


def both_say(running: Gateway, folder: Path, words: str, user: str) -> None:
    """Ask until each of the two workers has noticed and said so."""

    def look() -> bool | None:
        versions(running, user)
        return (folder / "gateway.log").read_text().count(words) == 2 or None

    eventually(look, f"twice: {words}")


@pytest.fixture
def service() -> Iterator[Ofrep]:
    with ofrep() as one:
        one.on["f"] = {"alice"}
        yield one


def test_a_silent_service_harms_nobody(service: Ofrep, tmp_path: Path) -> None:
    section = f'{{provider: ofrep, url: "{service.url}", deadline: {DEADLINE * 1000:.0f}ms}}'
    up = 'duskgate_flag_provider_up{provider="ofrep"}'
    with gateway(YAML.replace("@flags", section), tmp_path, TOKEN) as running:
        both_ready(running)
        eventually(lambda: versions(running, "alice") == {"v2"} or None, "alice gets v2 everywhere")
        assert versions(running, "bob") == {"v1"}
        becomes(running, up, 1)
        assert service.asked[-1][1] == {
            "targetingKey": "bob",
            "api": "accounts",
            "endpoint": "/users/{id}",
            "consumer": "",
        }

        service.silent = True
        seconds, answered = timed(running, "/api/users/1", 40, "carol")
        both_say(running, tmp_path, "does not answer", "carol")
        assert answered == {"v1"}, "never heard of: the default"
        becomes(running, up, 0)
        named, _ = timed(running, "/api/v1/users/1", 200, "carol")
        unnamed, answered = timed(running, "/api/users/1", 200, "alice")
        assert answered == {"v2"}, "as it was last"
        assert percentile(named, 0.99) < DEADLINE, "those that ask for no flag"
        assert percentile(unnamed, 0.95) < DEADLINE, "those that do wait no more"
        assert percentile(unnamed, 0.5) < 5 * percentile(named, 0.5)
        assert max(seconds) < 10 * DEADLINE

        service.silent = False
        service.on["f"] = {"bob"}
        eventually(lambda: versions(running, "bob") == {"v2"} or None, "bob gets v2")
        becomes(running, up, 1)
        both_say(running, tmp_path, "answers again", "bob")
        assert (tmp_path / "gateway.log").read_text().count("flag provider") == 4, "two in each worker"
        assert json.loads(_access(tmp_path)[-1])["status"] == 200


def _access(folder: Path) -> list[str]:
    return [line for line in (folder / "gateway.log").read_text().splitlines() if line.startswith("{")]


def test_a_gateway_starts_without_its_service_and_answers_by_the_default(tmp_path: Path) -> None:
    with ofrep() as service:
        section = f'{{provider: ofrep, url: "{service.url}"}}'
    with gateway(YAML.replace("@flags", section), tmp_path, TOKEN) as running:
        assert versions(running, "alice") == {"v1"}
        becomes(running, 'duskgate_flag_provider_up{provider="ofrep"}', 0)
        assert sample(running, 'duskgate_flag_errors_total{error="GENERAL",flag="f"}')
