"""How a request names its version, one way at a time, and what happens where it names none."""

import pytest

from tests.policy.world import ACCOUNTS, ask, forwarded, one_api, plan_of

PLAN = plan_of(ACCOUNTS)

V1 = "application/vnd.acme.v1+json"
V2 = "application/vnd.acme.v2+json"
V3 = "application/vnd.acme.v3+json"
ACCEPT = "media type in Accept"
QUERY = "query api-version"

NAMED = [
    ("path", "/api/v2/users", [], "v2", "path"),
    ("path alone", "/api/v2", [], "v2", "path"),
    ("percent-encoded path", "/api/%762/users", [], "v2", "path"),
    ("header", "/api/users", [("Api-Version", "v2")], "v2", "header Api-Version"),
    ("header in lower case", "/api/users", [("api-version", "v2")], "v2", "header Api-Version"),
    ("header with spaces", "/api/users", [("Api-Version", " v2 ")], "v2", "header Api-Version"),
    ("header twice, agreeing", "/api/users", [("Api-Version", "v2")] * 2, "v2", "header Api-Version"),
    ("media type", "/api/users", [("Accept", V2)], "v2", ACCEPT),
    ("media type in capitals", "/api/users", [("Accept", "Application/Vnd.Acme.v2+JSON")], "v2", ACCEPT),
    ("media type among others", "/api/users", [("Accept", f"text/html, {V2};q=0.5, */*")], "v2", ACCEPT),
    ("heavier range", "/api/users", [("Accept", f"{V1};q=0.3, {V2};q=0.7")], "v2", ACCEPT),
    ("heavier range first", "/api/users", [("Accept", f"{V2};q=0.7, {V1};q=0.3")], "v2", ACCEPT),
    ("weight 1 by default", "/api/users", [("Accept", f"{V1};q=0.9, {V2}")], "v2", ACCEPT),
    ("first of equal ranges", "/api/users", [("Accept", f"{V2}, {V1}")], "v2", ACCEPT),
    ("weight after parameters", "/api/users", [("Accept", f"{V1};a=b; Q=0.1, {V2}; q=0.2")], "v2", ACCEPT),
    ("ranges on two lines", "/api/users", [("Accept", f"{V1};q=0.1"), ("Accept", V2)], "v2", ACCEPT),
    ("range of weight 0 beside one", "/api/users", [("Accept", f"{V1};q=0, {V2};q=0.001")], "v2", ACCEPT),
    ("query", "/api/users?api-version=v2", [], "v2", QUERY),
    ("query among others", "/api/users?a=1&api-version=v2&b=2", [], "v2", QUERY),
    ("query, encoded", "/api/users?api%2Dversion=%762", [], "v2", QUERY),
    ("host", "/api/users", [("Host", "v2.api.example.com")], "v2", "host"),
    ("host with port", "/api/users", [("Host", "v2.api.example.com:8443")], "v2", "host"),
    ("host in capitals", "/api/users", [("Host", "V2.API.EXAMPLE.COM")], "v2", "host"),
    ("two that agree: the first", "/api/v2/users", [("Api-Version", "v2"), ("Accept", V2)], "v2", "path"),
]

SILENT = [
    ("nothing", "/api/users", []),
    ("other query", "/api/users?version=v2", []),
    ("other media type", "/api/users", [("Accept", "application/json")]),
    ("wildcard", "/api/users", [("Accept", "*/*")]),
    ("range of weight 0", "/api/users", [("Accept", f"{V3};q=0")]),
    ("unreadable weight", "/api/users", [("Accept", f"{V3};q=much")]),
    ("weight that is no number", "/api/users", [("Accept", f"{V3};q=nan")]),
    ("media type with a longer end", "/api/users", [("Accept", f"{V3}x")]),
    ("other host", "/api/users", [("Host", "api.example.com")]),
    ("host below a version's", "/api/users", [("Host", "x.v2.api.example.com")]),
    ("host that ends another way", "/api/users", [("Host", "v2.api.example.com.evil.example")]),
    ("address as host", "/api/users", [("Host", "[::1]:8080")]),
    ("resource that only begins like a version", "/api/v2x/users", []),
    ("the api's path alone", "/api", []),
]


@pytest.mark.parametrize(
    ("target", "headers", "version", "chosen_by"), [case[1:] for case in NAMED], ids=[c[0] for c in NAMED]
)
def test_names_a_version(target: str, headers: list[tuple[str, str]], version: str, chosen_by: str) -> None:
    decision = forwarded(ask(PLAN, target, headers))
    assert (decision.rule.version, decision.chosen_by) == (version, chosen_by)


@pytest.mark.parametrize(("target", "headers"), [case[1:] for case in SILENT], ids=[c[0] for c in SILENT])
def test_names_none_and_gets_the_default(target: str, headers: list[tuple[str, str]]) -> None:
    decision = forwarded(ask(PLAN, target, headers))
    assert (decision.rule.version, decision.chosen_by) == ("v1", "default")


def test_order_written_decides_who_is_named_first() -> None:
    versions = "default: v1, versions: {v1: {backend: old}, v2: {backend: new}}"
    headers = [("A", "v2"), ("B", "v2")]
    for first, second in (("A", "B"), ("B", "A")):
        plan = one_api(f"{{path: /x, resolve: [{{header: {first}}}, {{header: {second}}}], {versions}}}")
        assert forwarded(ask(plan, "/x", headers)).chosen_by == f"header {first}"


@pytest.mark.parametrize("name", ["1.10", "2026-03-01", "v1", "V1", "latest", "beta_2"])
def test_any_name_may_be_in_the_path(name: str) -> None:
    plan = one_api(f"{{path: '/{{version}}/api', versions: {{'{name}': {{backend: old}}}}}}")
    assert forwarded(ask(plan, f"/{name}/api/users")).rule.version == name


def test_a_version_in_capitals_is_found_by_its_host_name() -> None:
    plan = one_api("{path: /, resolve: [{host: '{version}.example.com'}], versions: {V1: {backend: old}}}")
    assert forwarded(ask(plan, "/x", [("Host", "v1.example.com")])).rule.version == "V1"
