"""Flags through the admin port: what is shown, what is flipped, what is refused."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.admin import test_switches_api as switches
from tests.flags.test_reload import written


class Admin(switches.Admin):
    """The same application, with a flags file."""

    def __init__(self, folder: Path, token: str = "") -> None:
        (folder / "flags.json").write_text(written(on=False))
        super().__init__(folder, token)
        config = folder / "gateway.yaml"
        config.write_text("flags: {path: flags.json}\n" + config.read_text())
        self.following.refresh()

    def flip(self, name: str, body: Any, **headers: str) -> httpx.Response:
        return self.ask("POST", f"/api/flags/{name}", body, headers)


@pytest.fixture
def admin(tmp_path: Path) -> Admin:
    return Admin(tmp_path)


ALICE = {"flag": "f", "users": ["alice"], "by": "jane"}


def test_callers_are_flipped_shown_and_cleared(admin: Admin, tmp_path: Path) -> None:
    assert admin.flip("on", {**ALICE, "users": ["alice", "bob"]}).json() == {"flag": "f", "overrides": 2}
    admin.flip("off", ALICE)
    overrides = json.loads((tmp_path / "flags.json.overrides").read_text())
    assert overrides == {"f": {"alice": "off", "bob": "on"}}
    (listed,) = admin.ask("GET", "/api/flags").json()["flags"]
    assert (listed["flag"], listed["overrides"]) == ("f", 2)
    shown = admin.ask("GET", "/api/flags/show?flag=f").json()
    assert shown["overrides"]["alice"] == {"value": "off", "by": "jane", "at": "2027-01-15T00:00:00Z"}
    assert admin.flip("clear", ALICE).json() == {"flag": "f", "overrides": 1}
    changes = admin.ask("GET", "/api/flags/audit").json()["changes"]
    assert [(one["key"], one["to"]) for one in changes] == [
        ("alice", "on"),
        ("bob", "on"),
        ("alice", "off"),
        ("alice", None),
    ]


def test_ten_thousand_at_once(admin: Admin) -> None:
    users = [f"user-{number}@example.com" for number in range(10_000)]
    assert admin.flip("on", {**ALICE, "users": users}).json()["overrides"] == 10_000


REFUSED = [
    ("on", {**ALICE, "flag": "g"}, 409, "there is no flag 'g'"),
    ("on", {**ALICE, "users": [" "]}, 409, "printable"),
    ("on", {**ALICE, "users": ["a"]}, 409, "give its name: acme"),
    ("clear", ALICE, 409, "not flipped for alice"),
    ("on", {**ALICE, "users": []}, 400, "users"),
    ("on", {"flag": "f", "users": ["alice"]}, 400, "by"),
    ("on", {**ALICE, "user": "alice"}, 400, "user"),
    ("on", [], 400, "object"),
    ("on", {**ALICE, "users": ["x" * 1000] * 1100}, 413, "at most 1048576 bytes"),
]


@pytest.mark.parametrize(("name", "body", "status", "said"), REFUSED)
def test_what_makes_no_sense_is_refused(
    admin: Admin, tmp_path: Path, name: str, body: Any, status: int, said: str
) -> None:
    answer = admin.flip(name, body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]
    assert not (tmp_path / "flags.json.overrides").exists()


def test_an_unknown_flag_is_not_shown(admin: Admin) -> None:
    assert admin.ask("GET", "/api/flags/show").status_code == 409


def test_broken_overrides_are_refused(admin: Admin, tmp_path: Path) -> None:
    (tmp_path / "flags.json.overrides").write_text("{")
    assert admin.flip("on", ALICE).status_code == 500
    assert admin.ask("GET", "/api/flags").json()["title"] == "The flags cannot be read"


def test_nothing_without_the_token(tmp_path: Path) -> None:
    admin = Admin(tmp_path, "s3cret")
    assert admin.ask("GET", "/api/flags").status_code == 401
    assert admin.flip("on", ALICE).status_code == 401
    assert admin.flip("on", ALICE, authorization="Bearer s3cret").status_code == 200


def test_not_from_a_web_page_elsewhere(admin: Admin) -> None:
    assert admin.flip("on", ALICE, origin="https://elsewhere.example").status_code == 403
