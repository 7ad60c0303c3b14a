"""What flags are told of a request, and that answers vary on it."""

import pytest

from duskgate.policy import Plan, request
from duskgate.policy.attributes import flag_attributes
from duskgate.policy.marks import apply
from duskgate.policy.route import Route, route
from tests.policy.world import ask, forwarded, plan_of

AT = "2026-08-01"


def plan(told: str) -> Plan:
    return plan_of(f"""
flags: {{provider: flagd{told}}}
identity: [{{header: X-Api-Key}}]
backends: {{old: {{url: "http://127.0.0.1:9001"}}, new: {{url: "http://127.0.0.1:9002"}}}}
apis:
  accounts:
    path: /api/{{version}}
    default: v1
    versions: {{v1: {{backend: old, rollout: {{to: v2, flag: f}}}}, v2: {{backend: new}}}}
    endpoints:
      - {{path: "/users/{{id}}", methods: [GET], versions: {{v1: {{lifecycle: {{sunset: 2027-01-01}}}}}}}}
""")


TOLD = ", country: X-Country, context: {team: X-Team}"

TABLE = [
    ("an endpoint", "GET", "/api/users/7", {}, {"endpoint": "/users/{id}"}),
    ("its HEAD", "HEAD", "/api/users/7", {}, {"endpoint": "/users/{id}"}),
    ("another method", "POST", "/api/users/7", {}, {"endpoint": "*"}),
    ("no endpoint", "GET", "/api/orders", {}, {"endpoint": "*"}),
    ("a country", "GET", "/api/orders", {"X-Country": "NO"}, {"endpoint": "*", "country": "NO"}),
    ("more", "GET", "/api/orders", {"X-Team": "a b", "X-Other": "c"}, {"endpoint": "*", "team": "a b"}),
    ("no text", "GET", "/api/orders", {"X-Team": "\xff"}, {"endpoint": "*", "team": "\ufffd"}),
]


@pytest.mark.parametrize(
    ("method", "target", "headers", "found"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE]
)
def test_what_flags_are_told(
    method: str, target: str, headers: dict[str, str], found: dict[str, str]
) -> None:
    told = plan(TOLD)
    asked = request(method, target, list(headers.items()))
    bound = route(told, asked)
    assert isinstance(bound, Route)
    assert flag_attributes(told, bound, asked) == {"api": "accounts", "consumer": "", **found}
    assert flag_attributes(told, bound, asked._replace(consumer="acme"))["consumer"] == "acme"


def vary(told: str, target: str) -> list[bytes]:
    decision = forwarded(ask(plan(told), target, at=AT))
    return [value for name, value in apply(decision.marks, []) if name == b"vary"]


def test_answers_vary_on_what_flags_are_told_where_they_took_part() -> None:
    assert vary(TOLD, "/api/users/7") == [b"X-Api-Key, X-Country, X-Team"]
    assert vary("", "/api/users/7") == [b"X-Api-Key"]
    assert vary(TOLD, "/api/v1/users/7") == []


def test_headers_that_flags_are_told_of_are_read_by_the_gateway() -> None:
    assert {b"x-country", b"x-team"} <= plan(TOLD).read
