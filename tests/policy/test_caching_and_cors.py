"""What caches and browsers are told: Vary, private for what a flag routed, Expose-Headers for CORS."""

import pytest

from duskgate.policy import Header
from tests.policy.world import ACCOUNTS, answered, ask, one_api, plan_of, values

PLAN = plan_of(ACCOUNTS)
AT = "2026-11-01"
ORIGIN = (b"access-control-allow-origin", b"https://app.example.com")
EXPOSE = b"access-control-expose-headers"

PRIVATE = [
    ("none", [], [b"private"]),
    ("public", [b"public, max-age=60"], [b"private, max-age=60"]),
    ("shared lifetime", [b"s-maxage=600, max-age=60"], [b"private, max-age=60"]),
    ("capitals", [b"Public, Max-Age=60"], [b"private, Max-Age=60"]),
    ("already private", [b"private, max-age=60"], [b"private, max-age=60"]),
    ("two lines", [b"public", b"max-age=60"], [b"private, max-age=60"]),
    ("no-store", [b"no-store"], [b"no-store"]),
    ("no-store among others", [b"public, no-store"], [b"public, no-store"]),
    ("no-cache", [b"no-cache, must-revalidate"], [b"private, no-cache, must-revalidate"]),
    ("empty", [b""], [b"private"]),
    ("a list of fields", [b'private="set-cookie, x-user", max-age=60'], [b"private, max-age=60"]),
    ("another list of fields", [b'no-cache="a, b"'], [b'private, no-cache="a, b"']),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "left"), [case[1:] for case in PRIVATE], ids=[case[0] for case in PRIVATE])
@pytest.mark.parametrize("flag", [True, False], ids=["flag on", "flag off"])
def test_flag_routed_answers_are_private(flag: bool, sent: list[bytes], left: list[bytes]) -> None:
    headers = [(b"cache-control", value) for value in sent]
    decision = ask(PLAN, "/api/users", flags={"use-v2-api": flag}, at=AT)
    assert values(answered(decision, headers), b"cache-control") == left


@pytest.mark.parametrize(
    ("target", "headers"),
    [("/api/v2/users", []), ("/api/users", [("Api-Version", "v2")])],
    ids=["path", "header"],
)
def test_what_the_caller_named_may_be_cached(target: str, headers: list[tuple[str, str]]) -> None:
    decision = ask(PLAN, target, headers, at=AT)
    sent = [(b"cache-control", b"public, max-age=60")]
    assert values(answered(decision, sent), b"cache-control") == [b"public, max-age=60"]


VARY = [
    ("nothing to vary on", "[]", "{}", []),
    ("header", "[{header: Api-Version}]", "{}", [b"Api-Version"]),
    ("media type", "[{media_type: 'a/{version}'}]", "{}", [b"Accept"]),
    ("each once, in order",
     "[{header: B}, {media_type: 'a/{version}'}, {media_type: 'b/{version}'}, {header: A}]", "{}",
     [b"B, Accept, A"]),
    ("query and host are in the URL", "[{query: v}, {host: '{version}.example.com'}]", "{}", []),
    ("a flag looks at who calls", "[{header: B}, {flag: f, version: v1}]", "{}", [b"B, X-Api-Key"]),
    ("so does grace", "[]",
     "{sunset: 2027-01-01, grace: [{consumer: acme, until: 2027-02-01, owner: o, reason: r}]}",
     [b"X-Api-Key"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("resolve", "lifecycle", "vary"), [case[1:] for case in VARY], ids=[case[0] for case in VARY]
)
def test_vary_names_what_took_part(resolve: str, lifecycle: str, vary: list[bytes]) -> None:
    plan = one_api(f"""{{path: /x, default: v1, resolve: {resolve},
        versions: {{v1: {{backend: old, lifecycle: {lifecycle}}}}}}}""")
    assert values(answered(ask(plan, "/x", at=AT)), b"vary") == vary


CORS = [
    ("no CORS", [], []),
    ("no CORS, but a list", [(EXPOSE, b"X-A")], [b"X-A"]),
    ("CORS", [ORIGIN], [b"Deprecation, Sunset, Link"]),
    ("joins a list", [ORIGIN, (EXPOSE, b"X-A, X-B")], [b"X-A, X-B, Deprecation, Sunset, Link"]),
    ("joins two lists", [(EXPOSE, b"X"), ORIGIN, (EXPOSE, b"Y")], [b"X, Y, Deprecation, Sunset, Link"]),
    ("some are there", [ORIGIN, (EXPOSE, b"link, X-A")], [b"link, X-A, Deprecation, Sunset"]),
    ("all are there", [ORIGIN, (EXPOSE, b"Sunset, Link, Deprecation")], [b"Sunset, Link, Deprecation"]),
    ("everything is exposed", [ORIGIN, (EXPOSE, b"*")], [b"*"]),
    ("names that only contain them", [ORIGIN, (EXPOSE, b"X-Link, Sunset-Info")],
     [b"X-Link, Sunset-Info, Deprecation, Sunset, Link"]),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "exposed"), [case[1:] for case in CORS], ids=[case[0] for case in CORS])
def test_browsers_may_read_the_notices(sent: list[Header], exposed: list[bytes]) -> None:
    assert values(answered(ask(PLAN, "/api/v1/users", at=AT), sent), EXPOSE) == exposed


def test_nothing_is_exposed_where_nothing_is_told() -> None:
    assert values(answered(ask(PLAN, "/api/v2/users", at=AT), [ORIGIN]), EXPOSE) == []


BY_ADDRESS = """
flags: {{provider: flagd}}
identity: [{identity}]
consumers: {{acme: {{match: {match}}}}}
backends: {{old: {{url: "http://127.0.0.1:9001"}}, new: {{url: "http://127.0.0.1:9002"}}}}
apis:
  accounts:
    path: /api/{{version}}
    versions:
      v1: {{backend: old, lifecycle: {{sunset: 2027-01-01, deprecated: 2026-01-01,
        grace: [{{consumer: acme, until: 2027-02-01, owner: o, reason: r}}]}}}}
      v2: {{backend: new}}
"""


@pytest.mark.parametrize(
    ("identity", "match", "private"),
    [
        ("{ip: {}}", "{ip: 203.0.113.0/24}", True),
        ("{header: X-Api-Key}, {ip: {}}", "{X-Api-Key: a}", True),
        ("{header: X-Api-Key}", "{X-Api-Key: a}", False),
        ("{jwt: {unverified: true}}", '{"jwt:sub": a}', False),
    ],
)
def test_what_goes_by_an_address_is_for_no_shared_cache(identity: str, match: str, private: bool) -> None:
    """No ``Vary`` could name an address, so what depends on it is private; what does not is as it was."""
    plan = plan_of(BY_ADDRESS.format(identity=identity, match=match))
    sent = [(b"cache-control", b"public, max-age=60")]
    for target, changed in (("/api/v1/x", private), ("/api/v2/x", False)):
        found = values(answered(ask(plan, target, at=AT), sent), b"cache-control")
        assert found == [b"private, max-age=60" if changed else b"public, max-age=60"]
