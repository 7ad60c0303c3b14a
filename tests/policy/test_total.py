"""Deciding never fails, whatever the request holds."""

from hypothesis import example, given
from hypothesis import strategies as st

from duskgate.policy import Decision, Header, Plan, Request, decide, flags_needed
from duskgate.policy.decision import Ruled
from duskgate.policy.explain import explain
from duskgate.policy.marks import apply
from tests.policy.world import ACCOUNTS, EARLY, ask, ms, one_api, plan_of, rule

PLANS = [
    plan_of(ACCOUNTS),
    one_api("""{path: /, resolve: [{host: '{version}.example.com'}, {query: v}], default: v1,
      versions: {v1: {backend: old, rewrite: /, lifecycle: {sunset: 2036-01-01, successor: v2}},
        v2: {backend: new}},
      endpoints: [{path: '/users/{id}/avatar', versions: {v1: {lifecycle:
        {sunset: 2026-12-01, successor: v2, successor_path: '/people/{id}'}}}}]}"""),
    one_api("""{path: '/{version}/api', versions: {v1: {backend: old, lifecycle: {deprecated: 2026-01-01,
      sunset: 2036-01-01, successor: v2}}, v2: {backend: new}},
      endpoints: [{path: '/{a}/{b}/{c}', versions: {v1: {lifecycle:
        {sunset: 2026-12-01, successor: v2, successor_path: '/{c}/{b}/{a}'}}}}]}"""),
]

WORDS = [b"api", b"v1", b"v9", b"users", b"7", b"avatar", b"v"]
SIGNS = [
    b"/",
    b"//",
    b"%2F",
    b"%5c",
    b"\\",
    b";",
    b"%3B",
    b"%",
    b"%00",
    b"..",
    b"%2e",
    b"&",
    b"=",
    b"?",
    b"\xff",
]
PIECES = st.sampled_from([*WORDS, *SIGNS, b"\x00", b" ", b"\r\n"])
octets = st.binary(max_size=40) | st.lists(PIECES, max_size=12).map(b"".join)
paths = octets | octets.map(lambda rest: b"/" + rest) | octets.map(lambda rest: b"/api/v1/" + rest)
names = st.sampled_from([b"accept", b"api-version", b"host", b"x-api-key", b"other"]) | st.binary(max_size=8)
said = octets | st.sampled_from(
    [b"v1", b"v2", b"v1.example.com", b"[::1]:80", b":", b"application/vnd.acme.v1+json;q=1e999", b",;q=,"]
)
fields = st.lists(st.tuples(names, said), max_size=6)
instants = st.integers(min_value=-(10**18), max_value=10**18) | st.just(ms("2026-10-01"))


@rule
@given(st.sampled_from(PLANS), st.text(max_size=8), paths, octets, fields, instants, st.booleans())
def test_decide(
    plan: Plan, method: str, path: bytes, query: bytes, headers: list[Header], now: int, on: bool
) -> None:
    request = Request(method, path, query, headers, dict(headers), "acme" if on else None)
    flags = dict.fromkeys(flags_needed(plan, request), on)
    decision = decide(plan, request, flags, now)
    assert isinstance(decision, Decision)
    if isinstance(decision, Ruled):
        assert apply(decision.marks, headers, decision.successor) is not None
    assert decide(plan, request, flags, now) == decision


@rule
@given(st.sampled_from(PLANS), paths, fields, st.integers(min_value=0, max_value=ms("9999-12-31")))
def test_explain_says_what_is_decided(plan: Plan, path: bytes, headers: list[Header], now: int) -> None:
    request = Request("GET", path, b"", headers, dict(headers))
    decision, steps = explain(plan, request, {}, now)
    assert decision == decide(plan, request, {}, now)
    assert steps


@rule
@given(st.text())
@example("/users%2F7%2Favatar")
@example("/users%2F7/avatar")
def test_any_text_is_a_target(text: str) -> None:
    for plan in PLANS:
        assert isinstance(ask(plan, text, at=EARLY), Decision)
        assert isinstance(ask(plan, "/v1/api" + text, at="2027-01-01"), Decision)
