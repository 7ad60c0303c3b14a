"""The copy for a shadow version: what a request for that version would be, in every way to ask for one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy import Plan, decide, request
from duskgate.policy.copies import Copy, Uncopied, copy_of
from tests.policy.world import EARLY, expect, forwarded, ms, one_api, rule

LIFE = "lifecycle: {deprecated: 2026-01-01, sunset: 2030-01-01, successor: v2}"
V1 = f"v1: {{backend: old, shadow: {{to: v2}}, {LIFE}}}"


def by(path: str, resolve: str, v2: str = "backend: new", endpoints: str = "[]") -> Plan:
    versions = f"versions: {{{V1}, v2: {{{v2}}}, v3: {{backend: new}}}}"
    return one_api(f"{{path: '{path}', resolve: {resolve}, default: v1, {versions}, endpoints: {endpoints}}}")


def copied(
    plan: Plan,
    target: str | bytes,
    headers: Sequence[tuple[str, str]] = (),
    at: str = EARLY,
    method: str = "GET",
) -> Copy | Uncopied:
    """The copy of a request that gets v1."""
    asked = request(method, target, headers)
    now = ms(at)
    decision = forwarded(decide(plan, asked, {}, now))
    assert decision.rule.version == "v1"
    assert decision.rule.shadow is not None
    return copy_of(plan, asked, decision.rule, decision.rule.shadow, now)


IN_PATH = by("/api/{version}", "[path]")
IN_MIDDLE = by("/shop/{version}/api", "[path]")
IN_FRONT = by("/{version}", "[path]")
IN_HEADER = by("/api", "[{header: Api-Version}]")
IN_MEDIA = by("/api", "[{media_type: 'application/vnd.acme.{version}+json'}]")
IN_QUERY = by("/api", "[{query: api-version}]")
IN_HOST = by("/api", "[{host: '{version}.api.example.com'}]")
BY_FLAG = by("/api", "[{flag: a, version: v2}]")
BY_ALL = by(
    "/api/{version}", "[path, {header: Api-Version}, {query: v}, {host: '{version}.api.example.com'}]"
)
REWRITTEN = by("/api/{version}", "[path]", "backend: new, rewrite: /two")
MEDIA = "application/vnd.acme.v1+json"

TARGETS = [
    ("path", IN_PATH, "/api/v1/users/7", b"/api/v2/users/7"),
    ("query kept", IN_PATH, "/api/v1/users?a=1&b=%20", b"/api/v2/users?a=1&b=%20"),
    ("the api alone", IN_PATH, "/api/v1", b"/api/v2"),
    ("with a slash", IN_PATH, "/api/v1/", b"/api/v2/"),
    ("resource as sent", IN_PATH, "/api/v1/a%2Fb/%7Ec;p=1/", b"/api/v2/a%2Fb/%7Ec;p=1/"),
    ("encoded version", IN_PATH, "/api/%761/users", b"/api/v2/users"),
    ("matrix parameters", IN_PATH, "/api;a=1/v1;b=2/users", b"/api;a=1/v2;b=2/users"),
    ("doubled slashes", IN_PATH, "//api//v1//users", b"//api//v2//users"),
    ("none in the path", IN_PATH, "/api/users/7?a", b"/api/v2/users/7?a"),
    ("none, the api alone", IN_PATH, "/api", b"/api/v2"),
    ("in the middle", IN_MIDDLE, "/shop/v1/api/users", b"/shop/v2/api/users"),
    ("in the middle, none", IN_MIDDLE, "/shop/api/users", b"/shop/v2/api/users"),
    ("in front", IN_FRONT, "/v1/users", b"/v2/users"),
    ("in front, none", IN_FRONT, "/", b"/v2/"),
    ("rewritten", REWRITTEN, "/api/v1/users?a=1", b"/two/users?a=1"),
    ("rewritten, none", REWRITTEN, "/api/users", b"/two/users"),
    ("query", IN_QUERY, "/api/u?a=1&api-version=v1&b", b"/api/u?a=1&api-version=v2&b"),
    ("query, twice", BY_ALL, "/api/u?v=v1&v=v1", b"/api/u?v=v2&v=v2"),
    ("query, its key encoded", IN_QUERY, "/api/u?api%2Dversion=v1", b"/api/u?api%2Dversion=v2"),
    ("query, none", IN_QUERY, "/api/u", b"/api/u?api-version=v2"),
    ("query, none among others", IN_QUERY, "/api/u?a=1", b"/api/u?a=1&api-version=v2"),
    ("header: the URL as it is", IN_HEADER, "/api/u?a=1", b"/api/u?a=1"),
    ("no signal can name it", BY_FLAG, "/api/u?a=1", b"/api/u?a=1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "target", "found"), [case[1:] for case in TARGETS], ids=[c[0] for c in TARGETS]
)
def test_target(plan: Plan, target: str, found: bytes) -> None:
    copy = expect(Copy, copied(plan, target))
    assert (copy.backend, copy.target) == ("new", found)


HEADERS = [
    ("header", IN_HEADER, [("Api-Version", "v1")], [(b"api-version", b"v2")]),
    ("header, twice", IN_HEADER, [("Api-Version", "v1")] * 2, [(b"api-version", b"v2")] * 2),
    ("header, none", IN_HEADER, [("X-Other", "v1")], [(b"x-other", b"v1"), (b"api-version", b"v2")]),
    ("media type", IN_MEDIA, [("Accept", MEDIA)], [(b"accept", b"application/vnd.acme.v2+json")]),
    (
        "media type, weighted among others",
        IN_MEDIA,
        [("Accept", f"text/html;q=0.1, {MEDIA.upper().replace('V1', 'v1')};q=0.9, */*;q=0.1")],
        [(b"accept", b"text/html;q=0.1,application/vnd.acme.v2+json;q=0.9, */*;q=0.1")],
    ),
    ("media type, none", IN_MEDIA, [], [(b"accept", b"application/vnd.acme.v2+json")]),
    (
        "media type, none but others",
        IN_MEDIA,
        [("Accept", "application/json")],
        [(b"accept", b"application/vnd.acme.v2+json, application/json")],
    ),
    ("host", IN_HOST, [("Host", "v1.api.example.com")], [(b"host", b"v2.api.example.com")]),
    ("host and port", IN_HOST, [("Host", "V1.API.example.com:8")], [(b"host", b"v2.api.example.com:8")]),
    ("host, none", IN_HOST, [("Host", "api.example.com")], [(b"host", b"v2.api.example.com")]),
    ("host, not path", BY_ALL, [("Host", "v1.api.example.com")], [(b"host", b"v2.api.example.com")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "sent", "found"), [case[1:] for case in HEADERS], ids=[c[0] for c in HEADERS]
)
def test_headers(plan: Plan, sent: list[tuple[str, str]], found: list[tuple[bytes, bytes]]) -> None:
    copy = expect(Copy, copied(plan, "/api/users", sent))
    assert list(copy.request.headers) == found
    assert copy.request.fields == dict(found)
    assert copy.target == b"/api/users"


def test_every_signal_is_renamed_and_none_added() -> None:
    sent = [("Host", "v1.api.example.com"), ("Api-Version", "v1")]
    copy = expect(Copy, copied(BY_ALL, "/api/v1/u?v=v1", sent))
    assert copy.target == b"/api/v2/u?v=v2"
    assert dict(copy.request.headers) == {b"host": b"v2.api.example.com", b"api-version": b"v2"}
    copy = expect(Copy, copied(BY_ALL, "/api/u", [("Host", "api.example.com"), ("Api-Version", "v1")]))
    assert copy.target == b"/api/u"
    assert dict(copy.request.headers) == {b"host": b"api.example.com", b"api-version": b"v2"}


@rule
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?"), max_size=20),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="v"), max_size=20),
    st.sampled_from(["/api/v1", "/api", "/api;x=1/v1;y", "//api//v1"]),
    st.booleans(),
)
def test_a_copy_is_what_asking_for_the_version_gives(rest: str, query: str, front: str, header: bool) -> None:
    asked = request("GET", f"{front}/{rest}?{query}", [("Api-Version", "v1")] if header else [])
    decision = decide(BY_ALL, asked, {}, ms(EARLY))
    if getattr(getattr(decision, "rule", None), "version", None) != "v1":
        return
    found = forwarded(decision)
    assert found.rule.shadow is not None
    copy = copy_of(BY_ALL, asked, found.rule, found.rule.shadow, ms(EARLY))
    if isinstance(copy, Uncopied):
        assert b"%" in asked.path or b"\\" in asked.path  # readable in two ways, and then not at all
        return
    again = forwarded(decide(BY_ALL, copy.request, {}, ms(EARLY)))
    assert (again.rule.version, again.target, again.rule.endpoint) == ("v2", copy.target, found.rule.endpoint)
    assert copy.target.endswith(f"/{rest}?{query}".encode() if query else f"/{rest}".encode())


ENDS = "backend: new, lifecycle: {deprecated: 2026-01-01, sunset: 2027-01-01, removed: 2028-01-01, "
WINDOW = "brownouts: [{from: 2026-12-01, for: 1d}]}"
PARTLY = "brownouts: [{from: 2026-12-01, for: 1d, percent: 1}]}"
GRACED = "grace: [{consumer: acme, until: 2027-06-01, owner: jane, reason: r}]}"
OPEN = [
    ("active", ENDS + WINDOW, "2025-06-01", True),
    ("deprecated", ENDS + WINDOW, "2026-06-01", True),
    ("brownout", ENDS + WINDOW, "2026-12-01T12:00", False),
    ("brownout for few", ENDS + PARTLY, "2026-12-01T12:00", False),
    ("after the brownout", ENDS + WINDOW, "2026-12-02", True),
    ("sunset", ENDS + WINDOW, "2027-01-01", False),
    ("sunset, though someone has grace", ENDS + GRACED, "2027-01-01", False),
    ("removed", ENDS + WINDOW, "2028-01-01", False),
]


@pytest.mark.parametrize(("v2", "at", "sent"), [case[1:] for case in OPEN], ids=[case[0] for case in OPEN])
def test_nothing_is_copied_to_what_is_switched_off(v2: str, at: str, sent: bool) -> None:
    found = copied(by("/api/{version}", "[path]", v2), "/api/v1/u", [("X-Api-Key", "a")], at)
    assert isinstance(found, Copy) if sent else found is Uncopied.UNAVAILABLE


def moved(lifecycle: str) -> Plan:
    endpoints = f"[{{path: '/users/{{id}}/avatar', versions: {{v1: {{lifecycle: {lifecycle}}}}}}}]"
    return by("/api/{version}", "[path]", endpoints=endpoints)


def test_a_resource_that_is_elsewhere_is_asked_for_there() -> None:
    plan = moved("{successor_path: '/pictures/{id}'}")
    assert (
        expect(Copy, copied(plan, "/api/v1/users/7%2F8/avatar?a=1")).target == b"/api/v2/pictures/7%2F8?a=1"
    )
    assert expect(Copy, copied(plan, "/api/v1/users/7")).target == b"/api/v2/users/7"


@pytest.mark.parametrize(("method", "sent"), [("GET", False), ("HEAD", False), ("POST", True)])
def test_a_resource_with_another_method_there_is_not_copied(method: str, sent: bool) -> None:
    found = copied(moved("{successor_method: POST}"), "/api/v1/users/7/avatar", method=method)
    assert isinstance(found, Copy) if sent else found is Uncopied.UNNAMED
