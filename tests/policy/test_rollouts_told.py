"""What ``explain`` says of a rollout, and what the timeline tells of its schedule."""

from __future__ import annotations

import pytest

from duskgate.policy import Plan, Request
from duskgate.policy.explain import explain
from duskgate.policy.timeline import Kind, events
from tests.policy.rollouts import NOW, facts, rolling, switched_off
from tests.policy.world import ms

STEPS = """steps: [{at: 2026-11-01, ring: friends}, {at: 2026-12-01, percent: 1},
    {at: 2026-12-08, percent: 20, ring: staff}]"""
PLAN = rolling(f"""{{to: v2, {STEPS}, allow: [dora], deny: [bank],
    override: {{header: X-Canary, consumers: [ci]}}}}""")

BUCKET = PLAN.apis["accounts"].rollouts["v1"].share


def steps(plan: Plan, asked: Request, at: str = NOW) -> list[tuple[str, str]]:
    """The steps that are about the rollout."""
    _, found = explain(plan, asked, {}, ms(at))
    about = ("halted", "paused", "deny", "allow", "override", "ring", "share", "rollout", "version")
    return [(step.rule, step.found) for step in found if step.rule in about]


def share(caller: str, percent: str, part: int) -> tuple[str, str]:
    assert BUCKET is not None
    bucket = BUCKET.bucket(caller)
    return "share", f"{percent} % by consumer, bucket {bucket} of 10000; those below {part} are moved"


UNASKED = ("override", "not asked for")


def test_a_ring_that_is_open() -> None:
    assert steps(PLAN, facts("acme")) == [
        UNASKED,
        ("ring", "acme is in friends, which is open since 2026-11-01T00:00:00Z"),
        share("acme", "1", 100),
        ("rollout", "v1 to v2: moved, by ring friends"),
        ("version", "v2, chosen by rollout ring friends"),
    ]


def test_a_ring_that_is_not_yet_and_an_override() -> None:
    assert steps(PLAN, facts("ci", headers=[("X-Canary", "never")])) == [
        ("override", "X-Canary says never"),
        ("ring", "ci is in staff, which opens 2026-12-08T00:00:00Z"),
        share("ci", "1", 100),
        ("rollout", "v1 to v2: stays, by override"),
        ("version", "v1, chosen by default"),
    ]


def test_lists() -> None:
    assert ("allow", "dora is on the list") in steps(PLAN, facts("dora"))
    assert ("deny", "bank is on the list") in steps(PLAN, facts("bank"))
    assert ("rollout", "v1 to v2: stays, by deny") in steps(PLAN, facts("bank"))


def test_an_override_of_somebody_who_may_not() -> None:
    _, (_, found), *_ = [("", ""), *steps(PLAN, facts("user-1", headers=[("X-Canary", "always")]))]
    assert found.startswith("X-Canary counts for nothing")


def test_nothing_to_go_by() -> None:
    plan = rolling("{to: v2, percent: 50, by: {header: X-Session}}")
    assert steps(plan, facts("acme"))[0] == (
        "share",
        "50 % by header X-Session, no bucket: the request has nothing to go by; those below 5000 are moved",
    )


def test_switched_off() -> None:
    halted = steps(switched_off(PLAN, halted=True), facts("acme"))
    assert halted[0] == ("halted", "nobody is moved")
    assert halted[-2] == ("rollout", "v1 to v2: stays, by halted")
    paused = steps(switched_off(PLAN, paused_at=ms("2026-12-02")), facts("ci"), "2027-01-01")
    assert paused[0] == ("paused", "since 2026-12-02T00:00:00Z: no later step counts")
    assert share("ci", "1", 100) in paused


def test_a_rollout_that_is_not_looked_at() -> None:
    named = steps(PLAN, facts("acme", "/api/v1/users"))
    assert named[0] == ("rollout", "v1 to v2: not for callers who name the version; that takes promote")


def test_a_version_that_would_not_take_the_request() -> None:
    plan = rolling("{to: v2, percent: 100}", v2=", lifecycle: {sunset: 2026-11-01}")
    assert ("rollout", "v1 to v2: stays: v2 would not take this request") in steps(plan, facts("acme"))


TOLD = [
    ("2026-11-01", "ring friends to v2"),
    ("2026-12-01", "1 % to v2"),
    ("2026-12-08", "20 % to v2"),
    ("2026-12-08", "ring staff to v2"),
]


def told(plan: Plan) -> list[tuple[int, str]]:
    return [(event.at, event.detail) for event in events(plan) if event.kind is Kind.ROLLOUT]


def test_the_timeline_has_each_step() -> None:
    assert told(PLAN) == [(ms(at), what) for at, what in TOLD]
    assert [event.at for event in events(PLAN, ms("2026-12-01"), ms("2026-12-08"))] == [ms("2026-12-01")]
    assert {(event.api, event.version, event.endpoint) for event in events(PLAN)} == {("accounts", "v1", "*")}


@pytest.mark.parametrize(("paused", "left"), [("2026-10-01", 0), ("2026-12-01", 2), ("2027-01-01", 4)])
def test_the_timeline_ends_with_a_pause(paused: str, left: int) -> None:
    plan = switched_off(PLAN, paused_at=ms(paused))
    assert told(plan) == [(ms(at), what) for at, what in TOLD[:left]]


def test_a_halted_rollout_and_one_without_dates_have_nothing_ahead() -> None:
    assert told(switched_off(PLAN, halted=True)) == []
    assert told(rolling("{to: v2, percent: 5, rings: [staff]}")) == []
