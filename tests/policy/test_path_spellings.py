"""No spelling of a path gets past its rule, and no request crosses from one version to another."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from duskgate.policy import BadRequest, Forward
from tests.policy.spellings import spelled
from tests.policy.world import ask, expect, one_api, rule

PLAN = one_api("""{path: '/api/{version}', default: v2,
  versions: {v1: {backend: old, rewrite: /internal}, v2: {backend: new}, v3: {backend: new,
    lifecycle: {sunset: 2026-12-01}}},
  endpoints: [{path: '/users/{id}/avatar',
    versions: {v1: {lifecycle: {sunset: 2026-12-01, successor: v2}}}}]}""")
SUNSET = "2026-12-01"

TABLE = [
    ("as written", "/api/v1/users/7/avatar"),
    ("with a query", "/api/v1/users/7/avatar?x=1"),
    ("trailing slash", "/api/v1/users/7/avatar/"),
    ("doubled slash", "/api/v1//users/7/avatar"),
    ("doubled slash in front", "//api/v1/users/7/avatar"),
    ("encoded letter", "/api/v1/%75sers/7/avatar"),
    ("encoded version", "/api/%76%31/users/7/avatar"),
    ("encoded slash", "/api/v1/users%2F7/avatar"),
    ("all slashes encoded", "/api/v1/users%2f7%2Favatar"),
    ("encoded slash in the parameter", "/api/v1/users/7%2F8/avatar"),
    ("backslash", "/api/v1/users\\7\\avatar"),
    ("encoded backslash", "/api/v1/users%5C7%5cavatar"),
    ("matrix parameter", "/api/v1/users;v=1/7;x/avatar;y=2"),
    ("matrix parameter of the version", "/api/v1;v=2/users/7/avatar"),
    ("encoded semicolon", "/api/v1/users/7/avatar%3Bx"),
    ("empty segment of parameters", "/api/v1/;x/users/7/avatar"),
    ("slash in a matrix parameter", "/api/v1/users;x=%2Fy/7/avatar"),
    ("slash in a matrix parameter, and another", "/api/v1/users;x=%2Fy/7%2Favatar"),
]  # fmt: skip


@pytest.mark.parametrize("target", [case[1] for case in TABLE], ids=[case[0] for case in TABLE])
def test_a_sunset_endpoint_is_not_reached_as(target: str) -> None:
    assert not isinstance(ask(PLAN, target, at=SUNSET), Forward)


@rule
@given(spelled(["api", "v1", "users", "42", "avatar"]))
def test_a_sunset_endpoint_is_not_reached_by_any_spelling(path: str) -> None:
    assert not isinstance(ask(PLAN, path, at=SUNSET), Forward)


@rule
@given(spelled(["users", "42", "avatar"]))
@example("%2Fusers/42/avatar")
def test_nor_by_any_spelling_of_what_is_below_the_version(path: str) -> None:
    assert not isinstance(ask(PLAN, "/api/v1/" + path.lstrip("/\\"), at=SUNSET), Forward)


@rule
@given(spelled(["api", "v3", "anything"]))
def test_a_sunset_version_is_not_reached_by_any_spelling(path: str) -> None:
    assert not isinstance(ask(PLAN, path, at=SUNSET), Forward)


PIECES = [*"//a.;%é\\", "v1", "v2", "v3", "api", "..", "%2e", "%2F", "%5c", "%3b", "%00"]


@rule
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_nothing_crosses_versions(rest: str) -> None:
    decision = ask(PLAN, f"/api/v1/{rest}")
    if isinstance(decision, Forward):
        assert decision.rule.version == "v1"
        assert decision.target.startswith(b"/internal/")
    else:
        expect(BadRequest, decision)


GRACED = one_api("""{path: /x, default: v1,
  versions: {v1: {backend: old, lifecycle: {sunset: 2026-12-01,
    grace: [{consumer: acme, until: 2027-02-01, owner: jane, reason: contract}]}}},
  endpoints: [
    {path: '/users/{id}', versions: {v1: {lifecycle: {grace: []}}}},
    {path: '/teams/{id}', versions: {v1: {lifecycle: {brownouts: [{from: 2026-11-01, for: 1h}]}}}}]}""")


@pytest.mark.parametrize("path", ["/x/users/7", "/x/users%2F7", "/x/users%5C7", "/x/users;p/7"])
def test_grace_of_the_version_is_not_had_by_spelling_the_endpoint(path: str) -> None:
    assert not isinstance(ask(GRACED, path, at=SUNSET, consumer="acme"), Forward)


@pytest.mark.parametrize("path", ["/x/teams/7", "/x/teams%2F7", "/x/teams%5C7", "/x/teams;p/7"])
def test_a_brownout_is_not_passed_by_spelling_the_endpoint(path: str) -> None:
    assert not isinstance(ask(GRACED, path, at="2026-11-01T00:30:00"), Forward)
