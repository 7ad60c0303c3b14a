"""A rollout with ``promote`` moves also callers who name the old version, and their request with them."""

from __future__ import annotations

import pytest

from duskgate.policy import Forward, flags_needed, request
from duskgate.policy.rollout import Why
from tests.policy.rollouts import decided, facts, rolling
from tests.policy.world import answered, expect, values

EVERY_SIGNAL = """path: '/api/{version}', default: v3, resolve: [path, {header: Api-Version}, {query: v},
    {media_type: 'application/vnd.acme.{version}+json'}, {host: '{version}.api.example.com'}]"""

PLAN = rolling("{to: v2, percent: 0, allow: [acme], promote: true}", api=EVERY_SIGNAL)

SIGNALS = [
    ("path", "/api/v1/users?a=1", [], b"/api/v2/users?a=1", []),
    ("path, with a parameter", "/api/v1;x=1/users", [], b"/api/v2;x=1/users", []),
    ("header", "/api/users", [("Api-Version", "v1")], b"/api/users", [(b"api-version", b"v2")]),
    ("query", "/api/users?v=v1&a=1", [], b"/api/users?v=v2&a=1", []),
    (
        "media type",
        "/api/users",
        [("Accept", "application/vnd.acme.v1+json;q=0.5, */*;q=0.1")],
        b"/api/users",
        [(b"accept", b"application/vnd.acme.v2+json;q=0.5, */*;q=0.1")],
    ),
    (
        "host",
        "/api/users",
        [("Host", "v1.api.example.com:8080")],
        b"/api/users",
        [(b"host", b"v2.api.example.com:8080")],
    ),
    (
        "two of them",
        "/api/v1/users",
        [("Api-Version", "v1"), ("X-Other", "v1")],
        b"/api/v2/users",
        [(b"api-version", b"v2"), (b"x-other", b"v1")],
    ),
]


@pytest.mark.parametrize(
    ("target", "headers", "sent", "lines"), [case[1:] for case in SIGNALS], ids=[case[0] for case in SIGNALS]
)
def test_the_backend_is_asked_for_the_version_it_has(
    target: str, headers: list[tuple[str, str]], sent: bytes, lines: list[tuple[bytes, bytes]]
) -> None:
    decision = expect(Forward, decided(PLAN, facts("acme", target, headers)))
    assert (decision.rule.version, decision.rule.backend, decision.target) == ("v2", "new", sent)
    assert decision.chosen_by == "rollout allow"
    assert decision.renamed is not None
    assert list(decision.renamed.headers) == lines


def test_whoever_is_not_moved_gets_what_was_asked_for() -> None:
    decision = expect(Forward, decided(PLAN, facts("dora", "/api/v1/users")))
    assert (decision.rule.version, decision.target, decision.chosen_by) == ("v1", b"/api/v1/users", "path")
    assert decision.renamed is None
    assert decision.rollout == ("v1", "v2", False, Why.PERCENT, "")


@pytest.mark.parametrize("caller", ["acme", "dora"])
def test_both_answers_are_private(caller: str) -> None:
    head = answered(decided(PLAN, facts(caller, "/api/v1/users")), [(b"cache-control", b"public")])
    assert values(head, b"cache-control") == [b"private"]
    assert values(head, b"vary") == [b"Api-Version, Accept, X-User"]


def test_other_versions_are_not_looked_at() -> None:
    for target in ("/api/v2/users", "/api/v3/users", "/api/users"):
        decision = decided(PLAN, facts("acme", target))
        assert decision.rollout is None
        assert values(answered(decision, [(b"cache-control", b"public")]), b"cache-control") == [b"public"]


def test_its_flag_is_asked_for_only_where_it_counts() -> None:
    plan = rolling("{to: v2, flag: f, promote: true}", api="path: '/api/{version}', default: v3")
    assert flags_needed(plan, request("GET", "/api/v1/users")) == ("f",)
    assert flags_needed(plan, request("GET", "/api/v2/users")) == ()
    assert flags_needed(plan, request("GET", "/api/users")) == ()
    assert decided(plan, facts(None, "/api/v1/users"), flags={"f": True}).rule.version == "v2"
    assert decided(plan, facts(None, "/api/v1/users")).rule.version == "v1"


def test_a_caller_is_moved_once() -> None:
    """v1 leads to v2, and what v2 would do with its own callers is no business of v1's."""
    plan = rolling(
        "{to: v2, percent: 100, promote: true}", v2=", rollout: {to: v3, percent: 100, promote: true}"
    )
    assert decided(plan, facts("acme", "/api/v1/users")).rule.version == "v2"
    assert decided(plan, facts("acme", "/api/users")).rule.version == "v2"
    assert decided(plan, facts("acme", "/api/v2/users")).rule.version == "v3"


MOVES = """path: '/api/{version}', default: v1, endpoints: [
    {path: '/users/{id}/avatar', versions: {v1: {lifecycle: {successor_path: '/pictures/{id}'}}}},
    {path: '/find', versions: {v1: {lifecycle: {successor_path: '/search', successor_method: POST}}}},
    {path: '/pictures/{id}', versions: {v2: {lifecycle: {deprecated: 2026-01-01}}}}]"""
ELSEWHERE = rolling(
    "{to: v2, percent: 100, promote: true}",
    api=MOVES,
    v1=", lifecycle: {deprecated: 2026-10-01, successor: v2}",
)

PLACES = [
    ("named", "/api/v1/users/a%20b/avatar?x=1", "v2", "/pictures/{id}", b"/api/v2/pictures/a%20b?x=1"),
    ("by default", "/api/users/7/avatar", "v2", "/pictures/{id}", b"/api/pictures/7"),
    ("another method there", "/api/v1/find", "v1", "/find", b"/api/v1/find"),
    ("the same place", "/api/v1/users/7", "v2", "*", b"/api/v2/users/7"),
]


@pytest.mark.parametrize(
    ("target", "version", "endpoint", "sent"), [case[1:] for case in PLACES], ids=[case[0] for case in PLACES]
)
def test_a_resource_that_is_elsewhere_is_asked_for_there(
    target: str, version: str, endpoint: str, sent: bytes
) -> None:
    decision = expect(Forward, decided(ELSEWHERE, facts("acme", target)))
    assert (decision.rule.version, decision.rule.endpoint, decision.target) == (version, endpoint, sent)


def test_a_rewrite_of_the_new_version_holds_for_those_who_are_moved() -> None:
    plan = rolling("{to: v2, percent: 100, promote: true}", v2=", rewrite: /internal")
    decision = expect(Forward, decided(plan, facts("acme", "/api/v1/users?a=1")))
    assert decision.target == b"/internal/users?a=1"
