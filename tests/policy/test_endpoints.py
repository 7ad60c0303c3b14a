"""Endpoint rules: the most specific template wins, method by method, and inherits what it leaves out."""

import pytest

from duskgate.policy import Phase
from tests.policy.world import ask, forwarded, ms, one_api, plan_of

PLAN = one_api("""{path: '/api/{version}', default: v1,
  versions: {v1: {backend: old, lifecycle: {deprecated: 2026-10-01, sunset: 2027-01-01, successor: v2,
      guide: 'https://docs.example.com/v1'}}, v2: {backend: new}},
  endpoints: [
    {path: '/users/{id}', versions: {v1: {lifecycle: {sunset: 2026-12-01}}}},
    {path: /users/me, versions: {v1: {lifecycle: {sunset: 2026-12-02}}}},
    {path: '/users/{id}', methods: [DELETE], versions: {v1: {lifecycle: {sunset: 2026-12-03}}}},
    {path: /users/me, methods: [GET, PUT], versions: {v1: {lifecycle: {sunset: 2026-12-04}}}},
    {path: '/{kind}/{id}/parts', versions: {v1: {lifecycle: {sunset: 2026-12-05}}}},
    {path: '/users/{id}/{part}', versions: {v1: {lifecycle: {sunset: 2026-12-06}}}},
    {path: /only-post, methods: [POST], versions: {v1: {lifecycle: {sunset: 2026-12-07}}}},
    {path: '/{any}', methods: [OPTIONS], versions: {v1: {lifecycle: {sunset: 2026-12-08}}}},
    {path: /, versions: {v2: {lifecycle: {deprecated: 2026-11-01}}}}]}""")

FOUND = [
    ("parameter", "GET", "/users/7", "/users/{id}", "2026-12-01"),
    ("trailing slash", "GET", "/users/7/", "/users/{id}", "2026-12-01"),
    ("encoded", "GET", "/%75sers/7", "/users/{id}", "2026-12-01"),
    ("slash in a parameter", "GET", "/users/a%2Fb", "/users/{id}", "2026-12-01"),
    ("literal before parameter", "POST", "/users/me", "/users/me", "2026-12-02"),
    ("parameter's own method", "DELETE", "/users/7", "/users/{id}", "2026-12-03"),
    ("literal before the parameter's method", "DELETE", "/users/me", "/users/me", "2026-12-02"),
    ("literal's own method", "GET", "/users/me", "/users/me", "2026-12-04"),
    ("literal's other method", "PUT", "/users/me", "/users/me", "2026-12-04"),
    ("HEAD follows GET", "HEAD", "/users/me", "/users/me", "2026-12-04"),
    ("literal end behind a parameter", "GET", "/things/7/parts", "/{kind}/{id}/parts", "2026-12-05"),
    ("literal start before literal end", "GET", "/users/7/parts", "/users/{id}/{part}", "2026-12-06"),
    ("its method only", "POST", "/only-post", "/only-post", "2026-12-07"),
    ("back to a parameter for the method", "OPTIONS", "/only-post", "/{any}", "2026-12-08"),
    ("none for the method", "GET", "/only-post", "*", "2027-01-01"),
    ("none for the path", "GET", "/users/7/parts/8", "*", "2027-01-01"),
    ("too short", "GET", "/users", "*", "2027-01-01"),
    ("capitals are another path", "GET", "/Users/7", "*", "2027-01-01"),
]


@pytest.mark.parametrize(
    ("method", "path", "endpoint", "sunset"), [case[1:] for case in FOUND], ids=[case[0] for case in FOUND]
)
@pytest.mark.parametrize("named", ["", "/v1"], ids=["by default", "in the path"])
def test_most_specific_first(named: str, method: str, path: str, endpoint: str, sunset: str) -> None:
    decision = forwarded(ask(PLAN, f"/api{named}{path}", method=method, at="2026-11-15"))
    assert (decision.rule.endpoint, decision.rule.lifecycle.sunset) == (endpoint, ms(sunset))


def test_the_api_itself_is_an_endpoint() -> None:
    assert forwarded(ask(PLAN, "/api/v2", at="2026-12-01")).phase is Phase.DEPRECATED
    assert forwarded(ask(PLAN, "/api/v2/", at="2026-12-01")).phase is Phase.DEPRECATED
    assert forwarded(ask(PLAN, "/api/v2/users", at="2026-12-01")).phase is Phase.ACTIVE


def test_what_is_left_out_is_inherited() -> None:
    lifecycle = forwarded(ask(PLAN, "/api/v1/users/7")).rule.lifecycle
    assert lifecycle.deprecated == ms("2026-10-01")
    assert (lifecycle.successor, lifecycle.guide) == ("v2", "https://docs.example.com/v1")


def test_an_endpoint_leaves_other_versions_alone() -> None:
    decision = forwarded(ask(PLAN, "/api/v2/users/7", at="2030-01-01"))
    assert (decision.rule.endpoint, decision.phase) == ("/users/{id}", Phase.ACTIVE)


OVERRIDES = [
    ("later sunset", "{sunset: 2027-03-01}", "2027-02-01", "Forward"),
    ("earlier sunset", "{sunset: 2026-11-01}", "2026-11-01", "Gone"),
    ("no sunset", "{sunset: null}", "2028-01-01", "Forward"),
    ("own removal", "{removed: 2027-01-02}", "2027-01-02", "Removed"),
    ("brownout", "{brownouts: [{from: 2026-12-01, for: 1h}]}", "2026-12-01T00:30:00", "Brownout"),
    ("no brownouts", "{brownouts: []}", "2026-10-15T00:30:00", "Forward"),
    ("inherited brownout", "{sunset: 2027-03-01}", "2026-10-15T00:30:00", "Brownout"),
    ("relative to the inherited announcement", "{sunset: +10w}", "2026-11-10", "Gone"),
]


@pytest.mark.parametrize(
    ("own", "at", "kind"), [case[1:] for case in OVERRIDES], ids=[case[0] for case in OVERRIDES]
)
def test_what_is_given_overrides(own: str, at: str, kind: str) -> None:
    plan = one_api(f"""{{path: /x, default: v1, versions: {{v1: {{backend: old, lifecycle: {{
        announced: 2026-09-01, deprecated: 2026-10-01, sunset: 2027-01-01,
        brownouts: [{{from: 2026-10-15, for: 1h}}]}}}}}},
        endpoints: [{{path: /a, versions: {{v1: {{lifecycle: {own}}}}}}}]}}""")
    assert type(ask(plan, "/x/a", at=at)).__name__ == kind


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_head_never_outlives_get(method: str) -> None:
    plan = one_api("""{path: /x, default: v1, versions: {v1: {backend: old}},
        endpoints: [{path: /a, methods: [GET], versions: {v1: {lifecycle: {sunset: 2026-12-01}}}}]}""")
    assert type(ask(plan, "/x/a", method=method, at="2026-12-01")).__name__ == "Gone"


def test_many_endpoints_are_told_apart() -> None:
    endpoints = ", ".join(
        f"{{path: '/e{n}/{{id}}', versions: {{v1: {{lifecycle: {{sunset: 2027-01-01}}}}}}}}"
        for n in range(300)
    )
    plan = one_api(f"{{path: /x, default: v1, versions: {{v1: {{backend: old}}}}, endpoints: [{endpoints}]}}")
    for n in range(300):
        assert forwarded(ask(plan, f"/x/e{n}/1")).rule.endpoint == f"/e{n}/{{id}}"


def test_longest_api_path_wins() -> None:
    plan = plan_of("""
backends: {b: {url: "http://127.0.0.1:1"}}
apis:
  root: {path: /, default: v1, versions: {v1: {backend: b}}}
  shop: {path: /shop, default: v1, versions: {v1: {backend: b}}}
  cart: {path: "/shop/{version}/cart", versions: {v1: {backend: b}, v2: {backend: b}}}
""")
    table = {"/": "root", "/x": "root", "/shop": "shop", "/shop/x": "shop", "/shop/v2/cart/1": "cart"}
    table |= {"/shopping": "root", "/shop/v2": "shop", "/shop/v2/carts": "shop"}
    assert {path: forwarded(ask(plan, path)).rule.api for path in table} == table
