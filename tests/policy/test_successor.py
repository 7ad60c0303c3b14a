"""Where the same resource is in the next version."""

import pytest

from duskgate.policy import Gone, Moved, Plan
from tests.policy.moves import (
    HOST,
    IN_FRONT,
    IN_HEADER,
    IN_HOST,
    IN_HOST_ROOT,
    IN_MIDDLE,
    IN_PATH,
    IN_QUERY,
    by,
    link,
    moved,
)
from tests.policy.world import ask, forwarded, one_api

TABLE = [
    ("path", IN_PATH, "/api/v1/users/7", [], b"/api/v2/users/7"),
    ("query kept", IN_PATH, "/api/v1/users?a=1&b=%20", [], b"/api/v2/users?a=1&b=%20"),
    ("path by default", IN_PATH, "/api/users/7", [], b"/api/v2/users/7"),
    ("the api alone", IN_PATH, "/api/v1", [], b"/api/v2"),
    ("with a slash", IN_PATH, "/api/v1/", [], b"/api/v2/"),
    ("the api alone, by default", IN_PATH, "/api", [], b"/api/v2"),
    ("resource as sent", IN_PATH, "/api/v1/a%2Fb/%7Ec;p=1/", [], b"/api/v2/a%2Fb/%7Ec;p=1/"),
    ("encoded version", IN_PATH, "/api/%761/users", [], b"/api/v2/users"),
    ("in front", IN_FRONT, "/v1/users", [], b"/v2/users"),
    ("in front, by default", IN_FRONT, "/users", [], b"/v2/users"),
    ("in the middle", IN_MIDDLE, "/shop/v1/api/users", [], b"/shop/v2/api/users"),
    ("in the middle, by default", IN_MIDDLE, "/shop/api/users", [], b"/shop/v2/api/users"),
    ("host", IN_HOST, "/api/users?a=1", HOST, b"//v2.example.com/api/users?a=1"),
    ("host and port", IN_HOST, "/api/u", [("Host", "v1.example.com:8443")], b"//v2.example.com:8443/api/u"),
    ("host at the root", IN_HOST_ROOT, "/users", HOST, b"//v2.example.com/users"),
    ("query", IN_QUERY, "/api/users?api-version=v1", [], b"/api/users?api-version=v2"),
    ("query among others", IN_QUERY, "/api/u?a=1&api-version=v1&b", [], b"/api/u?a=1&b&api-version=v2"),
    ("query by default", IN_QUERY, "/api/users", [], b"/api/users?api-version=v2"),
    ("header: the same URL", IN_HEADER, "/api/users", [], None),
    ("no successor", IN_PATH, "/api/v2/users", [], None),
]


@pytest.mark.parametrize(
    ("plan", "target", "headers", "url"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE]
)
def test_url(plan: Plan, target: str, headers: list[tuple[str, str]], url: bytes | None) -> None:
    assert link(plan, target, headers) == url


MOVED = [
    ("parameter", "/users/{id}/avatar", "/people/{id}/picture", "/users/7/avatar", b"/people/7/picture"),
    ("parameters swapped", "/a/{x}/{y}", "/b/{y}/{x}", "/a/1/2", b"/b/2/1"),
    ("parameter left out", "/a/{x}", "/b", "/a/1", b"/b"),
    ("value encoded anew", "/a/{x}", "/b/{x}", "/a/%e9;p/", b"/b/%E9"),
    ("slash in the value", "/a/{x}", "/b/{x}", "/a/1%2F2", b"/b/1%2F2"),
    ("literal that holds the parameter's name", "/{b}/abc", "/new/{b}", "/7/abc", b"/new/7"),
    ("to the api itself", "/a/{x}", "/", "/a/1", b""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "to", "path", "url"), [case[1:] for case in MOVED], ids=[case[0] for case in MOVED]
)
def test_url_of_an_endpoint_that_moved(template: str, to: str, path: str, url: bytes) -> None:
    plan = by("/api/{version}", "[path]", moved(template, to))
    assert link(plan, f"/api/v1{path}?q=1") == b"/api/v2" + url + b"?q=1"


@pytest.mark.parametrize("path", ["/users%2F7%2Favatar", "/users%2F7/avatar", "/users\\7\\avatar"])
def test_url_of_an_endpoint_that_moved_and_is_spelled_another_way(path: str) -> None:
    plan = by("/api/{version}", "[path]", moved("/users/{id}/avatar", "/people/{id}"))
    assert link(plan, f"/api/v1{path}") == b"/api/v2/people/7"


def test_it_is_not_told_before_its_time() -> None:
    plan = one_api("""{path: '/api/{version}', versions: {v1: {backend: old,
        lifecycle: {announced: 2026-09-01, deprecated: 2026-10-01, successor: v2}}, v2: {backend: new}}}""")
    assert link(plan, "/api/v1/users") is None
    assert forwarded(ask(plan, "/api/v1/users", at="2026-09-01")).successor == b"/api/v2/users"


def test_a_websockets_handshake_is_refused_where_others_are_redirected() -> None:
    """DESIGN: 410 at the handshake. A browser follows no redirect of one."""
    plan = one_api("""{path: '/api/{version}', versions: {v1: {backend: old, lifecycle: {
      sunset: 2027-01-01, redirect: all, successor: v2}}, v2: {backend: new}}}""")
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "WebSocket")]
    assert type(ask(plan, "/api/v1/x", upgrade, at="2027-02-01")) is Gone
    assert type(ask(plan, "/api/v1/x", at="2027-02-01")) is Moved
