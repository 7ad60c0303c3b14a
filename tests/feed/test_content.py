"""What the feed says: exactly this, at each moment; ``DUSKGATE_UPDATE=1`` writes the golden file anew."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.config.world import SMALLEST
from tests.feed.world import SAMPLE, Gateway, held
from tests.policy.world import ms

GOLDEN = Path(__file__).with_name("feed.json")


def said(gateway: Gateway) -> dict[str, dict[str, Any]]:
    """Each ending by its version, methods and endpoint."""
    return {
        " ".join([one["version"], *one["methods"], *filter(None, [one["endpoint"]])]): one
        for one in gateway.get(".json").json()["endings"]
    }


def test_the_whole_document() -> None:
    found = json.dumps(Gateway(at="2026-12-05").get(".json").json(), indent=1) + "\n"
    if os.environ.get("DUSKGATE_UPDATE") == "1":
        GOLDEN.write_text(found, encoding="utf-8")
    assert found == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("at", "phases"),
    [
        ("2026-08-31T23:59:59.999", {}),
        ("2026-09-01", {"v1": "active", "avatar": "active"}),
        ("2026-10-01", {"v1": "deprecated", "avatar": "deprecated"}),
        ("2026-12-22T23:59:59", {"v1": "deprecated", "avatar": "deprecated"}),
        ("2026-12-23", {"v1": "deprecated", "avatar": "sunset"}),
        ("2027-01-04", {"v1": "sunset", "avatar": "sunset"}),
        ("2027-04-01", {"v1": "removed", "avatar": "removed"}),
    ],
)
def test_only_what_callers_are_told_by_now_and_its_phase(at: str, phases: dict[str, str]) -> None:
    found = said(Gateway(at=at))
    short = {key.split(" ")[0] if " " not in key else key: one["phase"] for key, one in found.items()}
    expected = {"v1": phases.get("v1"), "v1 DELETE GET /users/{id}/avatar": phases.get("avatar")}
    assert {key: short.get(key) for key in expected} == expected


def test_an_endpoint_is_named_where_it_differs_from_its_version_and_nowhere_else() -> None:
    assert list(said(Gateway())) == [
        "v1",
        "v1 DELETE GET /users/{id}/avatar",
        "v1 PUT /users/{id}/avatar",
    ]


@pytest.mark.parametrize(
    ("at", "windows"),
    [("2026-11-30", 2), ("2026-12-01T14:59:59", 2), ("2026-12-01T15:00:00", 1), ("2026-12-08T16:00:00", 0)],
)
def test_brownouts_are_told_until_they_are_over(at: str, windows: int) -> None:
    assert len(said(Gateway(at=at))["v1"]["brownouts"]) == windows


def test_a_sunset_that_was_put_off_is_told_as_it_is_now() -> None:
    gateway = Gateway()
    gateway.plan = held()
    found = said(gateway)["v1"]
    assert (found["sunset"], found["removed"]) == ("2027-01-15T00:00:00Z", "2027-04-01T00:00:00Z")


def test_methods_of_an_endpoint_survive_a_switch() -> None:
    gateway = Gateway()
    before = list(said(gateway))
    gateway.plan = held()
    assert list(said(gateway)) == before


@pytest.mark.parametrize(
    ("api", "url", "successor"),
    [
        ("path: '/api/{version}'", "/api/v1", "/api/v2"),
        ("path: '/api/{version}', resolve: [path, {header: Api-Version}]", "/api/v1", "/api/v2"),
        ("path: /api, resolve: [{query: api version}]", "/api?api%20version=v1", "/api?api%20version=v2"),
        (
            "path: /, resolve: [{host: '{version}.api.example.com'}]",
            "//v1.api.example.com/",
            "//v2.api.example.com/",
        ),
        ("path: /api, resolve: [{header: Api-Version}]", "/api", None),
        ("path: /, resolve: [{header: Api-Version}]", "/", None),
    ],
)
def test_urls_name_the_version_once(api: str, url: str, successor: str | None) -> None:
    text = (
        f"backends: {{b: {{url: 'http://127.0.0.1:1'}}}}\n"
        f"apis: {{a: {{{api}, default: v2, versions: "
        "{v1: {backend: b, lifecycle: {sunset: 2027-01-01, successor: v2}}, v2: {backend: b}}}}\n"
    )
    found = said(Gateway(text))["v1"]
    assert (found["url"], found["successor"]["url"]) == (url, successor)


def test_urls_are_absolute_where_it_is_known_how_callers_reach_the_gateway() -> None:
    found = said(Gateway(SAMPLE + "feed: {url: 'https://api.example.com'}\n"))
    assert found["v1"]["successor"]["url"] == "https://api.example.com/api/v2"
    avatar = found["v1 PUT /users/{id}/avatar"]
    assert avatar["url"] == "https://api.example.com/api/v1/users/{id}/avatar"
    assert avatar["successor"] == {
        "version": "v2",
        "url": "https://api.example.com/api/v2/pictures/{id}",
        "method": "POST",
    }


def test_where_nothing_ends_nothing_is_said() -> None:
    gateway = Gateway(SMALLEST)
    assert gateway.get(".json").json() == {"title": "API deprecations", "updated": None, "endings": []}
    for suffix in (".html", ".atom", ".ics"):
        assert gateway.get(suffix).status_code == 200


def test_the_title_and_the_path_can_be_chosen() -> None:
    gateway = Gateway(SAMPLE + "feed: {path: /notices, title: What ends here}\n")
    assert gateway.ask("/notices.json").json()["title"] == "What ends here"
    assert gateway.get().json()["type"] == "urn:duskgate:problem:not-found"


def test_it_can_be_turned_off() -> None:
    gateway = Gateway(SAMPLE + "feed: {enabled: false}\n")
    answer = gateway.get()
    assert (answer.status_code, gateway.outcomes) == (404, ["rejected"])


@pytest.mark.parametrize(
    ("at", "updated"),
    [
        ("2026-09-15", "2026-09-01T00:00:00Z"),
        ("2026-10-05", "2026-10-01T00:00:00Z"),
        ("2027-01-03", "2026-10-01T00:00:00Z"),
        ("2027-01-05", "2027-01-04T00:00:00Z"),
        ("2028-01-01", "2027-04-01T00:00:00Z"),
    ],
)
def test_a_new_phase_is_an_update(at: str, updated: str) -> None:
    assert said(Gateway(at=at))["v1"]["updated"] == updated
    assert ms(updated) <= ms(at)
