"""A real gateway with two workers and a ledger: what dates alone do not decide comes to pass in both."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from duskgate.middleware.clock import system_clock
from duskgate.policy.instants import imf_fixdate, instant_of_text, rfc3339
from tests.gateway.test_serve import counted
from tests.running import Gateway, eventually, gateway

TOKEN = "s3cret-token"
HOUR = 3_600_000

YAML = """
server: {listen: "@server", workers: 2, access_log: false, rehearsal: true, state: state}
admin: {listen: "@admin", token: "@token"}
ledger: {flush: 100ms}
identity: [{header: X-Api-Key, secret: true}]
consumers:
  acme: {match: {X-Api-Key: acme}}
  bank: {match: {X-Api-Key: bank}, critical: true}
backends: {old: {url: "http://@v1"}, new: {url: "http://@v2"}}
apis:
  gone:
    path: /gone/{version}
    versions:
      v1: {backend: old, lifecycle: {sunset: 2020-01-01, removed: 2021-01-01, successor: v2}}
      v2: {backend: new}
  dim:
    path: /dim/{version}
    versions:
      v1: {backend: old, lifecycle: {announced: 2020-01-01, sunset: 2099-01-01, successor: v2,
                                     brownouts: [{from: "@begin", until: "@end"}]}}
      v2: {backend: new}
  frozen:
    path: /frozen/{version}
    versions:
      v1: {backend: old, lifecycle: {deprecated: 2020-01-01, sunset: 2099-01-01, successor: v2}}  # @frozen
      v2: {backend: new}
  watched:
    path: /watched/{version}
    versions:
      v1: {backend: old, lifecycle: {deprecated: 2020-01-01, sunset: 2099-01-01, successor: v2}}  # @watched
      v2: {backend: new}
  gated:
    path: /gated/{version}
    versions:
      v1: {backend: old, lifecycle: {deprecated: 2020-01-01, sunset: 2099-01-01, successor: v2}}  # @gated
      v2: {backend: new}
"""


@dataclass(frozen=True)
class Served:
    """The gateway, and the folder of its file."""

    gateway: Gateway
    folder: Path

    def statuses(self, path: str, key: str | None = None) -> set[int]:
        """Of a dozen requests on connections of their own, so that both workers answer some."""
        headers = {"X-Api-Key": key} if key is not None else {}
        return {self.gateway.get(path, **headers).status_code for _ in range(12)}

    def eventually(self, path: str, key: str | None, status: int) -> None:
        """Wait until both workers answer so."""
        eventually(lambda: self.statuses(path, key) == {status} or None, f"{status} for {path} by {key}")

    def edit(self, mark: str, lifecycle: str) -> None:
        """Give the api whose line has this mark another lifecycle; the gateway takes it over."""
        config = self.folder / "gateway.yaml"
        line = f"lifecycle: {{deprecated: 2020-01-01, successor: v2, {lifecycle}}}}}  # @{mark}"
        text, found = re.subn(rf"lifecycle: .*# @{mark}", line, config.read_text())
        assert found == 1
        config.write_text(text)

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://{self.gateway.admin}/api/switches{path}"
        answer = httpx.request(method, url, json=body, headers=headers, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def page(self, key: str) -> Any:
        """A caller's own page of the feed."""
        return self.gateway.get("/.well-known/api-deprecations/me.json", **{"X-Api-Key": key}).json()

    def log(self) -> str:
        return (self.folder / "gateway.log").read_text()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("lifecycle")
    (folder / "state").mkdir()
    now = system_clock() // 1000 * 1000
    yaml = YAML.replace("@begin", rfc3339(now - HOUR)).replace("@end", rfc3339(now + HOUR))
    with gateway(yaml, folder, TOKEN) as running:
        one = Served(running, folder)
        eventually(lambda: len(running.workers()) == 2 or None, "two workers")
        one.eventually("/dim/v2/x", None, 200)
        yield one
    assert "Traceback" not in one.log()


def test_the_kill_switch_of_the_admin_port_ends_a_brownout_that_is_on(served: Served) -> None:
    answer = served.gateway.get("/dim/v1/x")
    left = instant_of_text(answer.json()["until"]) - system_clock()
    assert (answer.status_code, answer.headers["cache-control"]) == (410, "no-store")
    assert left / 1000 - 1 <= int(answer.headers["retry-after"]) <= left / 1000 + 5
    off = {"target": "dim", "on": False, "reason": "a bad day", "by": "jane"}
    served.admin("POST", "/brownouts", off)
    served.eventually("/dim/v1/x", None, 200)
    served.admin("POST", "/brownouts", {"target": "dim", "on": True, "by": "jane"})
    served.eventually("/dim/v1/x", None, 410)
    said = [
        (one["by"], one["key"]) for one in served.admin("GET", "/audit")["changes"] if one["by"] == "jane"
    ]
    assert said == [("jane", "dim"), ("jane", "dim")]


def test_a_hold_from_the_command_line_brings_a_removed_version_back_until_it_ends(served: Served) -> None:
    assert served.statuses("/gone/v1/x") == {404}
    end = system_clock() + 12_000
    words = ["hold", "gone/v1", str(served.folder / "gateway.yaml"), "--until", rfc3339(end)]
    command = [sys.executable, "-m", "duskgate.cli", "switch", *words, "--reason", "late", "--by", "jane"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def back() -> bool | None:
        answer = served.gateway.get("/gone/v1/x")
        return (answer.status_code == 200 and answer.headers["sunset"] == imf_fixdate(end)) or None

    eventually(back, "the version back with the hold's end as its sunset")
    served.eventually("/gone/v1/x", None, 404)
    assert system_clock() >= end


def test_a_rehearsal_is_for_who_has_the_token_or_a_signature(served: Served) -> None:
    words = ["sign", "2099-01-01", str(served.folder / "gateway.yaml")]
    command = [sys.executable, "-m", "duskgate.cli", *words]
    line = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    at = {"Duskgate-At": "2099-01-01T00:00:00Z"}
    for headers in ({**at, "Duskgate-Token": TOKEN}, dict([line.split(": ", 1)])):
        answer = served.gateway.get("/frozen/v1/users/1?full=1", **headers)
        assert (answer.status_code, answer.headers["duskgate-at"]) == (410, at["Duskgate-At"])
        assert answer.json()["successor"] == "/frozen/v2/users/1?full=1"
    for headers in (at, {**at, "Duskgate-Token": "wrong"}):
        answer = served.gateway.get("/frozen/v1/users/1", **headers)
        assert (answer.status_code, "duskgate-at" in answer.headers) == (200, False)


def test_a_freeze_refuses_whom_the_ledger_never_saw_and_only_counts_them_at_first(served: Served) -> None:
    for path in ("/frozen/v1/x", "/watched/v1/x"):
        assert served.statuses(path, "regular") == {200}

    def on_record() -> bool | None:
        return served.page("regular")["use"]["requests"] >= 24 or None

    eventually(on_record, "use in the ledger, and on the caller's own page")
    assert served.page("newcomer")["use"]["requests"] == 0, "of others nothing is told"
    since = rfc3339(system_clock())
    served.edit("watched", f'sunset: 2099-01-01, freeze: {{from: "{since}"}}')
    served.edit("frozen", f'sunset: 2099-01-01, freeze: {{from: "{since}", mode: enforce}}')
    served.eventually("/frozen/v1/x", "newcomer", 403)
    problem = served.gateway.get("/frozen/v1/x", **{"X-Api-Key": "newcomer"}).json()
    assert (problem["type"], problem["successor"]) == ("urn:duskgate:problem:frozen", "/frozen/v2/x")
    for key in ("regular", None):
        assert served.statuses("/frozen/v1/x", key) == {200}
    assert served.statuses("/frozen/v2/x", "newcomer") == {200}

    def spared() -> bool | None:
        assert served.statuses("/watched/v1/x", "newcomer") == {200}
        page = served.gateway.metrics()
        return bool(counted(page, "duskgate_spared_total", api="watched", reason="frozen")) or None

    eventually(spared, "newcomers counted where they are only observed")


def test_a_gate_holds_its_sunset_while_a_critical_consumer_calls_and_then_lets_it_pass(
    served: Served,
) -> None:
    assert served.statuses("/gated/v1/x", "bank") == {200}
    sunset = rfc3339(system_clock() + 3_000)
    accept = "accept: {critical_unseen: 5s, hold_at_most: 1h}"
    served.edit("gated", f'sunset: "{sunset}", {accept}')

    def holds() -> bool | None:
        assert served.statuses("/gated/v1/x", "bank") == {200}
        return counted(served.gateway.metrics(), "duskgate_gate_holding", api="gated") == 1 or None

    eventually(holds, "a gate that holds")
    assert system_clock() >= instant_of_text(sunset)
    assert re.search("WARNING gate of gated v1 .*its sunset is held until", served.log())
    served.eventually("/gated/v1/x", "acme", 410)
    assert served.statuses("/gated/v1/x", "bank") == {410}, "and its calls bring nothing back"
    (gate,) = served.admin("GET", "")["gates"]
    assert (gate["gate"], gate["open"], gate["holding"]) == ("gated/v1", True, False)
