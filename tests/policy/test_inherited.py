"""What a lifecycle starts from: its api's, the one it uses, its version's; and what an api may leave open."""

import pytest

from duskgate.policy.lifecycle import Lifecycle
from tests.policy.world import ms, plan_of


def rules(api: str, versions: str, named: str = "", endpoint: str = "{}") -> dict[str, Lifecycle]:
    plan = plan_of(f"""
backends: {{one: {{url: "http://127.0.0.1:9001"}}}}
lifecycles: {{{named}}}
apis:
  accounts:
    path: /api/{{version}}
    lifecycle: {api}
    versions: {{{versions}}}
    endpoints: [{{path: /x, versions: {{v1: {{lifecycle: {endpoint}}}}}}}]
""")
    accounts = plan.apis["accounts"]
    found = {version: rule.lifecycle for version, rule in accounts.rules.items()}
    assert accounts.endpoints is not None
    (at,) = accounts.endpoints.values()
    return {**found, "v1 /x": at["v1"].lifecycle}


API = "{deprecated: 2027-01-01, sunset: 2027-03-01, guide: 'https://a.example/', successor: v2}"
V1, V2 = "v1: {backend: one, lifecycle: @}", "v2: {backend: one}"


def test_the_version_that_an_api_leads_to_does_not_end_with_it() -> None:
    found = rules(API, f"{V1.replace('@', '{}')}, {V2}")
    assert found["v1"].sunset == ms("2027-03-01")
    assert not found["v2"].ends


PRECEDENCE = [
    ("inherited", "{}", "{}", ("2027-03-01", "https://a.example/")),
    ("used before inherited", "{use: late}", "{}", ("2027-04-01", "https://a.example/")),
    ("its own before used", "{use: late, sunset: 2027-05-01}", "{}", ("2027-05-01", "https://a.example/")),
    ("inherits nothing", "{use: late, inherit: false}", "{}", ("2027-04-01", None)),
    ("null takes away", "{use: late, guide: null}", "{}", ("2027-04-01", None)),
    ("own named before the built-in", "{use: eight-weeks}", "{}", ("2027-06-01", "https://a.example/")),
    ("an endpoint over its version", "{use: late}", "{guide: 'https://e.example/'}",
     ("2027-04-01", "https://e.example/")),
    ("an endpoint that uses one", "{sunset: 2027-05-01}", "{use: late}", ("2027-04-01", "https://a.example/")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("own", "endpoint", "expected"), [one[1:] for one in PRECEDENCE], ids=[one[0] for one in PRECEDENCE]
)
def test_what_is_said_nearer_counts(own: str, endpoint: str, expected: tuple[str, str | None]) -> None:
    named = "late: {sunset: 2027-04-01}, eight-weeks: {sunset: 2027-06-01}"
    place = "v1" if endpoint == "{}" else "v1 /x"
    found = rules(API, f"{V1.replace('@', own)}, {V2}", named, endpoint)[place]
    assert (found.sunset, found.guide) == (ms(expected[0]), expected[1])


def test_what_an_api_leaves_open_its_versions_may_give() -> None:
    later = "v3: {backend: one, lifecycle: {announced: 2027-02-01}}"
    versions = ", ".join((V1.replace("@", "{announced: 2027-01-04}"), later, V2))
    found = rules("{use: eight-weeks, successor: v2}", versions)
    assert [found[name].sunset for name in ("v1", "v3")] == [ms("2027-02-15"), ms("2027-03-15")]


def test_an_inherited_freeze_never_begins_before_callers_are_told() -> None:
    own = "{announced: 2027-01-04, deprecated: 2027-02-01, sunset: 2027-05-01, freeze: {mode: enforce}}"
    found = rules("{}", V1.replace("@", own), endpoint="{announced: 2027-03-01, deprecated: 2027-03-01}")
    freezes = [found[name].freeze for name in ("v1", "v1 /x")]
    assert [one.since for one in freezes if one is not None] == [ms("2027-02-01"), ms("2027-03-01")]
    own = own.replace("freeze: {", "freeze: {from: 2027-01-10, ")
    found = rules("{}", V1.replace("@", own), endpoint="{announced: 2027-03-01, deprecated: 2027-03-01}")
    assert found["v1 /x"].freeze is not None
    assert found["v1 /x"].freeze.since == ms("2027-03-01")
