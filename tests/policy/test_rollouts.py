"""Whom a rollout moves, and that they stay the same ones."""

from __future__ import annotations

from itertools import pairwise

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy import Gone, flags_needed, request
from duskgate.policy.rollout import Why
from tests.policy.rollouts import NOW, decided, facts, moved, rolling, switched_off
from tests.policy.world import answered, ms, rule, values

PERCENTS = (0, 0.5, 1, 2, 5, 10, 25, 50, 75, 99, 100)
AT = {percent: rolling(f"{{to: v2, percent: {percent}}}") for percent in PERCENTS}
CALLERS = [f"user-{number}" for number in range(20_000)]

STRANGERS = st.text(min_size=1, max_size=30).filter(lambda name: name.isprintable())


def test_shares_of_20_000_consumers_are_as_large_as_they_say_and_only_grow() -> None:
    before: set[str] = set()
    for percent in PERCENTS:
        inside = {caller for caller in CALLERS if moved(AT[percent], caller)}
        assert abs(len(inside) / len(CALLERS) * 100 - percent) <= 0.5
        assert before <= inside
        before = inside
    assert len(before) == len(CALLERS)


@rule
@given(STRANGERS, st.lists(st.sampled_from(PERCENTS), min_size=2, max_size=8))
def test_raised_and_lowered_in_any_order_a_caller_is_in_from_one_share_on(
    caller: str, percents: list[float]
) -> None:
    """So raising lets nobody out, lowering lets out whoever came in last, and coming back is no lottery."""
    found = [(percent, moved(AT[percent], caller)) for percent in percents]
    outside = [percent for percent, inside in found if not inside]
    inside = [percent for percent, inside in found if inside]
    assert not inside or not outside or max(outside) < min(inside)


@rule
@given(st.lists(STRANGERS, min_size=1, max_size=30, unique=True), st.permutations(PERCENTS))
def test_lowering_ejects_those_who_came_in_last(callers: list[str], order: list[float]) -> None:
    share = AT[5].apis["accounts"].rollouts["v1"].share
    assert share is not None
    buckets = {caller: share.bucket(caller) for caller in callers}
    for high, low in pairwise(order):
        before = {caller for caller in callers if moved(AT[high], caller)}
        after = {caller for caller in callers if moved(AT[low], caller)}
        stayed, ejected = before & after, before - after
        assert all(buckets[one] < buckets[other] for one in stayed for other in ejected)


@rule
@given(STRANGERS)
def test_the_bucket_is_the_documented_one(caller: str) -> None:
    seed = xxhash.xxh64_intdigest(b"rollout:accounts/v1", 0)
    bucket = xxhash.xxh64_intdigest(caller.encode(), seed) % 10_000
    assert moved(AT[25], caller) is (bucket < 2500)


def test_the_bucket_does_not_change_with_the_secret_of_the_digests() -> None:
    again = rolling("{to: v2, percent: 25}")
    assert [moved(again, caller) for caller in CALLERS[:500]] == [
        moved(AT[25], caller) for caller in CALLERS[:500]
    ]


def test_a_caller_with_nothing_to_go_by_is_moved_only_when_all_are() -> None:
    assert [percent for percent in PERCENTS if moved(AT[percent], None)] == [100]


STEPS = rolling("""{to: v2, steps: [{at: 2026-12-01, ring: staff}, {at: +1w, percent: 1},
    {at: +2w, percent: 10, ring: friends}, {at: 2027-01-01, percent: 100}]}""")

SCHEDULE = [
    ("2026-11-30T23:59:59.999", "ci", False),
    ("2026-12-01", "ci", True),
    ("2026-12-01", "acme", False),
    ("2026-12-14T23:59:59.999", "acme", False),
    ("2026-12-15", "acme", True),
    ("2026-12-15", None, False),
    ("2026-12-31T23:59:59.999", "dora", False),
    ("2027-01-01", "dora", True),
    ("2027-01-01", None, True),
]


@pytest.mark.parametrize(("at", "caller", "inside"), SCHEDULE)
def test_a_step_counts_from_its_instant_on(at: str, caller: str | None, inside: bool) -> None:
    assert moved(STEPS, caller, at) is inside


@rule
@given(STRANGERS | st.sampled_from(["acme", "ci", "dora"]), st.lists(st.integers(0, 60), max_size=9))
def test_a_schedule_lets_nobody_out(caller: str, days: list[int]) -> None:
    start = ms("2026-11-20")
    seen = [moved(STEPS, caller, start + day * 86_400_000) for day in sorted(days)]
    assert seen == sorted(seen)


@rule
@given(STRANGERS | st.sampled_from(["acme", "ci", "dora"]), st.integers(0, 60), st.integers(0, 60))
def test_a_pause_keeps_everything_as_it_was(caller: str, paused: int, now: int) -> None:
    start = ms("2026-11-20")
    pause, at = start + paused * 86_400_000, start + now * 86_400_000
    plan = switched_off(STEPS, paused_at=pause)
    assert moved(plan, caller, at) is moved(STEPS, caller, min(at, pause))


def test_halted_it_moves_nobody() -> None:
    plan = switched_off(
        rolling("{to: v2, percent: 100, allow: [acme], rings: [staff], override: {consumers: [bank]}}"),
        halted=True,
    )
    asked = [facts(name) for name in ("acme", "ci", "dora", None)]
    asked.append(facts("bank", headers=[("Duskgate-Rollout", "always")]))
    for one in asked:
        decision = decided(plan, one)
        assert decision.rule.version == "v1"
        assert decision.rollout is not None
        assert decision.rollout.why is Why.HALTED


EVERYTHING = rolling("""{to: v2, percent: 0, rings: [friends], allow: [dora], deny: [bank],
    override: {header: X-Canary, consumers: [ci, bank, dora, acme], token: a-token-that-is-long}}""")

ALWAYS, NEVER = [("X-Canary", "always")], [("X-Canary", "never")]
WITH_TOKEN = [("X-Canary", "Always; token=a-token-that-is-long")]

ORDER = [
    ("deny before all: a ring", "bank", [], False, Why.DENY),
    ("deny before all: the override", "bank", ALWAYS, False, Why.DENY),
    ("override: always", "ci", ALWAYS, True, Why.OVERRIDE),
    ("override before allow", "dora", NEVER, False, Why.OVERRIDE),
    ("override before a ring", "acme", NEVER, False, Why.OVERRIDE),
    ("override by token", "stranger", WITH_TOKEN, True, Why.OVERRIDE),
    ("override by token, of nobody", None, WITH_TOKEN, True, Why.OVERRIDE),
    ("override, not authorised", "stranger", ALWAYS, False, Why.PERCENT),
    ("a wrong token", "stranger", [("X-Canary", "always; token=a-token-that-is-wrong")], False, Why.PERCENT),
    ("an empty token", "stranger", [("X-Canary", "always; token=")], False, Why.PERCENT),
    ("another word", "ci", [("X-Canary", "sometimes")], False, Why.PERCENT),
    ("two words", "ci", [*ALWAYS, *NEVER], False, Why.PERCENT),
    ("allow", "dora", [], True, Why.ALLOW),
    ("a ring", "acme", [], True, Why.RING),
    ("nothing of it", "ci", [], False, Why.PERCENT),
]


@pytest.mark.parametrize(
    ("caller", "headers", "inside", "why"), [case[1:] for case in ORDER], ids=[case[0] for case in ORDER]
)
def test_the_first_rule_that_applies_decides(
    caller: str | None, headers: list[tuple[str, str]], inside: bool, why: Why
) -> None:
    decision = decided(EVERYTHING, facts(caller, headers=headers))
    assert decision.rollout is not None
    assert decision.rollout[:4] == ("v1", "v2", inside, why)
    assert decision.rule.version == ("v2" if inside else "v1")


def test_without_a_token_none_is_right() -> None:
    plan = rolling("{to: v2, percent: 0, override: {consumers: [ci]}}")
    asked = facts("stranger", headers=[("Duskgate-Rollout", "always; token=")])
    assert decided(plan, asked).rule.version == "v1"


def test_the_token_is_not_in_the_plans_repr() -> None:
    assert "a-token-that-is-long" not in repr(EVERYTHING)


def test_lists_and_rings_go_with_a_flag() -> None:
    plan = rolling("{to: v2, flag: f, allow: [acme], deny: [bank]}")
    assert [moved(plan, name, f=False) for name in ("acme", "bank", "dora")] == [True, False, False]
    assert [moved(plan, name, f=True) for name in ("acme", "bank", "dora")] == [True, False, True]


STICKY = [
    ("header", "{header: X-Session}", [("X-Session", "abc")], b"abc"),
    ("no header", "{header: X-Session}", [], None),
    ("empty header", "{header: X-Session}", [("X-Session", "")], None),
    ("cookie", "{cookie: sid}", [("Cookie", "a=1; sid=abc; sid=d")], b"abc"),
    ("cookie on a line of its own", "{cookie: sid}", [("Cookie", "a=1"), ("Cookie", "sid=abc")], b"abc"),
    ("no such cookie", "{cookie: sid}", [("Cookie", "xsid=abc")], None),
    ("address", "ip", [("X-Forwarded-For", "192.0.2.1")], b"203.0.113.7"),
]


@pytest.mark.parametrize(("by", "headers", "key"), [c[1:] for c in STICKY], ids=[c[0] for c in STICKY])
def test_what_a_percentage_is_sticky_by(by: str, headers: list[tuple[str, str]], key: bytes | None) -> None:
    plan = rolling(f"{{to: v2, percent: 5, by: {by}}}")
    asked = facts("user-1", headers=headers)._replace(peer="203.0.113.7")
    assert plan.apis["accounts"].rollouts["v1"].by.read(asked) == key


HOPS = [
    ("10.0.0.1", "198.51.100.9, 203.0.113.7, 10.0.0.2", b"203.0.113.7"),
    ("10.0.0.1", "made-up", None),
    ("10.0.0.1", "2001:DB8::7", b"2001:db8::7"),
    ("198.51.100.1", "203.0.113.7", b"198.51.100.1"),
]


@pytest.mark.parametrize(("peer", "hops", "key"), HOPS)
def test_an_address_is_seen_through_proxies_that_are_trusted(peer: str, hops: str, key: bytes | None) -> None:
    plan = rolling("{to: v2, percent: 5, by: ip}")
    asked = facts(None, headers=[("X-Forwarded-For", hops)])._replace(peer=peer)
    assert plan.apis["accounts"].rollouts["v1"].by.read(asked) == key


def test_by_header_the_callers_with_one_value_are_moved_together() -> None:
    plan = rolling("{to: v2, percent: 50, by: {header: X-Tenant}}")
    for number in range(50):
        headers = [("X-Tenant", f"tenant-{number}")]
        found = {decided(plan, facts(name, headers=headers)).rule.version for name in CALLERS[:20]}
        assert len(found) == 1


ENDED = {
    "sunset": ", lifecycle: {sunset: 2026-11-01}",
    "removed": ", lifecycle: {sunset: 2026-10-01, removed: 2026-11-01}",
    "brownout": ', lifecycle: {sunset: 2027-11-01, brownouts: [{from: "2026-11-30T23:00:00Z", for: 2h}]}',
}


@pytest.mark.parametrize("v2", ENDED.values(), ids=ENDED)
def test_nobody_is_moved_to_where_the_request_would_be_refused(v2: str) -> None:
    plan = rolling("{to: v2, percent: 100}", v2=v2)
    decision = decided(plan, facts("acme"))
    assert (decision.rule.version, decision.chosen_by) == ("v1", "default")
    assert decision.rollout == ("v1", "v2", False, Why.UNAVAILABLE, "")


def test_whoever_stays_feels_the_sunset_and_whoever_is_moved_does_not() -> None:
    plan = rolling("{to: v2, percent: 0, allow: [acme]}", v1=", lifecycle: {sunset: 2026-11-01}")
    assert isinstance(decided(plan, facts("dora")), Gone)
    assert moved(plan, "acme")


def test_whoever_names_a_version_gets_it() -> None:
    plan = rolling("{to: v2, percent: 100}")
    for version in ("v1", "v2", "v3"):
        decision = decided(plan, facts("acme", f"/api/{version}/users"))
        assert decision.rule.version == version
        assert decision.rollout is None


def test_answers_that_a_share_routed_are_private_and_vary_on_what_took_part() -> None:
    plan = rolling(
        """{to: v2, percent: 50, by: {cookie: sid}, override: {header: X-Canary, consumers: [ci]}}"""
    )
    for caller in ("acme", "ci", None):
        head = answered(decided(plan, facts(caller)), [(b"cache-control", b"public, max-age=60")])
        assert values(head, b"vary") == [b"X-User, Cookie, X-Canary"]
        assert values(head, b"cache-control") == [b"private, max-age=60"]
    named = answered(decided(plan, facts("acme", "/api/v1/users")), [(b"cache-control", b"public")])
    assert values(named, b"vary") == []
    assert values(named, b"cache-control") == [b"public"]


def test_only_a_flag_has_to_be_asked_for() -> None:
    assert flags_needed(AT[5], request("GET", "/api/users")) == ()
    assert flags_needed(rolling("{to: v2, flag: f}"), request("GET", "/api/users")) == ("f",)


def test_what_chose_the_version_is_named() -> None:
    plan = rolling("{to: v2, percent: 100, rings: [staff], allow: [acme]}")
    named = {name: decided(plan, facts(name), NOW).chosen_by for name in ("ci", "acme", "dora")}
    assert named == {"ci": "rollout ring staff", "acme": "rollout allow", "dora": "rollout percent"}
