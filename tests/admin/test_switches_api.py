"""Switching through the admin port: what is asked, who may, what is answered, what is on record."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from duskgate.admin.app import AdminApp
from duskgate.admin.counted import Counted
from duskgate.admin.following import Following
from duskgate.admin.guards import Guards
from duskgate.admin.keeper import Keeper
from duskgate.config.current import Current
from tests.policy.world import ms

NOW = ms("2027-01-15")

YAML = """
admin: {listen: "127.0.0.1:9900"@token}
identity: [{header: X-Api-Key}]
consumers: {acme: {match: {X-Api-Key: a}}}
backends: {one: {url: "http://127.0.0.1:9001"}}
apis:
  accounts:
    path: /api/{version}
    default: v1
    versions:
      v1:
        backend: one
        lifecycle: {deprecated: 2026-10-01, sunset: 2027-01-01, accept: {critical_unseen: 1d}}
      v2: {backend: one, rollout: {to: v1, percent: 5, guard: {max_error_delta: 1%}}}
"""

HOLD = {"target": "accounts/v1", "for": "2d", "reason": "too early", "by": "jane"}


class Admin:
    """The admin application on a folder of its own, at a fixed time."""

    def __init__(self, folder: Path, token: str = "") -> None:
        config = folder / "gateway.yaml"
        config.write_text(YAML.replace("@token", f", token: {token}" if token else ""))
        self.following = Following(Current.start(config, None))
        self.keeper = Keeper(self.following, folder, clock=lambda: NOW)
        self.guards = Guards(self.following, Counted(folder), lambda: NOW)
        self.app = AdminApp(self.following, self.keeper, folder, lambda: NOW, guards=self.guards).build()

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9900") as client:
                return await client.request(method, path, json=body, headers=headers)

        return asyncio.run(asked())

    def change(self, name: str, body: Any, **headers: str) -> httpx.Response:
        return self.ask("POST", f"/api/switches/{name}", body, headers)


@pytest.fixture
def admin(tmp_path: Path) -> Admin:
    return Admin(tmp_path)


def phase(admin: Admin, now: int = NOW) -> str:
    admin.following.refresh()
    return str(admin.following.plan.apis["accounts"].rules["v1"].lifecycle.phase(now))


def test_a_hold_brings_the_version_back_and_release_takes_it_away(admin: Admin) -> None:
    assert phase(admin) == "sunset"
    assert admin.change("hold", HOLD).status_code == 200
    assert (phase(admin), phase(admin, ms("2027-01-17"))) == ("deprecated", "sunset")
    assert admin.change("release", {"target": "accounts/v1", "by": "joe"}).status_code == 200
    assert phase(admin) == "sunset"
    changes = admin.ask("GET", "/api/switches/audit").json()["changes"]
    assert [(one["by"], one["to"] is None) for one in changes] == [("jane", False), ("joe", True)]


def test_a_rollout_is_halted_and_goes_on(admin: Admin) -> None:
    asked = {"target": "accounts/v2", "by": "jane", "reason": "it smells"}
    answer = admin.change("halt", asked)
    entry = {"action": "rollback", "by": "jane", "reason": "it smells", "since": "2027-01-15T00:00:00Z"}
    assert answer.json() == {"switches": {"rollouts": {"accounts/v2": entry}}}
    admin.following.refresh()
    assert admin.following.plan.apis["accounts"].rollouts["v2"].halted
    assert admin.change("resume", {"target": "accounts/v2", "by": "joe"}).json() == {"switches": {}}
    admin.following.refresh()
    assert not admin.following.plan.apis["accounts"].rollouts["v2"].halted


def test_it_is_shown_how_guards_stand(admin: Admin) -> None:
    assert admin.ask("GET", "/api/switches").json()["guards"] == []
    admin.guards.round()
    (guard,) = admin.ask("GET", "/api/switches").json()["guards"]
    assert guard == {
        "rollout": "accounts/v2",
        "to": "v1",
        "verdict": "unknown",
        "reasons": ["nothing was counted yet"],
    }


def test_everything_that_is_switched_is_shown(admin: Admin) -> None:
    admin.change("brownouts", {"target": "*", "on": False, "by": "jane", "reason": "a bad day"})
    admin.change("notified", {"target": "accounts/v1", "consumer": "acme", "by": "jane"})
    admin.keeper.round()
    shown = admin.ask("GET", "/api/switches").json()
    assert sorted(shown["switches"]) == ["gates", "no-brownouts", "notified"]
    (gate,) = shown["gates"]
    assert (gate["gate"], gate["verdict"], gate["holding"]) == ("accounts/v1", "unknown", False)
    assert shown["switches"]["notified"] == {"accounts/v1 acme": {"at": "2027-01-15T00:00:00Z", "by": "jane"}}


@pytest.mark.parametrize(
    ("name", "body", "status", "said"),
    [
        ("hold", {**HOLD, "target": "accounts/v9"}, 409, "there is no version 'v9'"),
        ("hold", {**HOLD, "target": "accounts"}, 409, "name a version"),
        ("hold", {**HOLD, "target": "accounts/v2"}, 409, "no sunset to hold"),
        ("hold", {**HOLD, "until": "2027-02-01"}, 409, "give until or for"),
        (
            "hold",
            {"target": "accounts/v1", "until": "2027-01-14", "reason": "x", "by": "j"},
            409,
            "has passed",
        ),
        ("hold", {**HOLD, "reason": " "}, 409, "needs a reason"),
        ("hold", {**HOLD, "for": "soon"}, 400, "for: 'soon' is not a length of time"),
        ("hold", {**HOLD, "forever": "true"}, 400, "forever"),
        ("hold", [], 400, "Input should be an object"),
        ("release", {"target": "accounts/v1", "by": "j"}, 409, "is not held"),
        ("brownouts", {"target": "*", "on": True, "by": "j"}, 409, "are not off"),
        ("brownouts", {"target": "account", "on": False, "by": "j"}, 409, "did you mean 'accounts'"),
        ("notified", {"target": "accounts/v1", "consumer": "acm", "by": "j"}, 409, "did you mean 'acme'"),
        ("halt", {"target": "accounts/v2", "by": "j"}, 400, "reason"),
        ("halt", {"target": "accounts/v2", "by": "j", "reason": " "}, 409, "needs a reason"),
        ("halt", {"target": "accounts/v1", "by": "j", "reason": "x"}, 409, "no rollout; accounts/v2 has"),
        ("halt", {"target": "accounts", "by": "j", "reason": "x"}, 409, "name a version"),
        ("resume", {"target": "accounts/v2", "by": "j"}, 409, "is not stopped; stopped are: none"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    admin: Admin, name: str, body: Any, status: int, said: str
) -> None:
    answer = admin.change(name, body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]
    assert not (admin.following.loaded.state / "switches.json").exists()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1:9900"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"host": "evil.example"}, 403),
        ({"content-type": "text/plain"}, 415),
    ],
)
def test_no_web_page_can_switch_anything(admin: Admin, headers: dict[str, str], status: int) -> None:
    assert admin.change("hold", HOLD, **headers).status_code == status


@pytest.mark.parametrize(
    ("given", "status"), [(None, 401), ("Bearer wrong", 401), ("Basic s3cret", 401), ("Bearer s3cret", 200)]
)
@pytest.mark.parametrize("path", ["/api/switches", "/api/switches/audit", "/metrics"])
def test_with_a_token_nothing_is_shown_without_it(
    tmp_path: Path, given: str | None, status: int, path: str
) -> None:
    admin = Admin(tmp_path, "s3cret")
    headers = {"authorization": given} if given else {}
    if path != "/metrics" or status == 401:
        assert admin.ask("GET", path, headers=headers).status_code == status
    assert admin.change("hold", HOLD, **headers).status_code == status


def test_a_body_that_never_ends_is_cut_off(admin: Admin) -> None:
    assert admin.change("hold", {**HOLD, "reason": "x" * 100_000}).status_code == 413


def test_a_folder_that_cannot_be_written_is_named(admin: Admin, tmp_path: Path) -> None:
    (tmp_path / "switches.json.lock").mkdir()
    answer = admin.change("hold", HOLD)
    assert answer.status_code == 500
    assert "server.state names the folder" in answer.json()["detail"]
