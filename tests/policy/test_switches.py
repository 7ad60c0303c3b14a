"""Switches on a plan: what each is for, what it moves, and that taking it away leaves no trace."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from duskgate.policy import Brownout, Decision, Forward, Gone, Lifecycle, Plan, Removed, decide, request
from duskgate.policy.accept import Verdict
from duskgate.policy.decision import Frozen
from duskgate.policy.lifecycle import Hold
from duskgate.policy.plan import Rule
from duskgate.policy.switches import EVERYTHING, NOTHING, Judged, Switches, Target, gate_of, switched
from tests.policy.world import answered, ask, ms, one_api, values

PLAN = one_api("""{path: '/api/{version}', default: v1, versions: {
  v1: {backend: old, lifecycle: {deprecated: 2026-10-01, sunset: 2027-01-01, removed: 2027-04-01,
    successor: v2, brownouts: [{from: 2026-12-01, for: 1h}], freeze: {mode: enforce},
    grace: [{consumer: acme, until: 2027-01-05, owner: jane, reason: late}]}},
  v2: {backend: new, lifecycle: {deprecated: 2026-10-01, sunset: 2027-01-01}}, v3: {backend: new}},
  endpoints: [{path: /a, versions: {v1: {lifecycle: {sunset: 2026-12-20}}}}, {path: '/b', methods: [PUT],
    versions: {v2: {lifecycle: {sunset: 2026-12-20}}}}]}""")

V1, V2, V1_A = Target("accounts", "v1"), Target("accounts", "v2"), Target("accounts", "v1", "/a")
PLACES = {"v1": ("GET", "/api/v1/x"), "v1 /a": ("GET", "/api/v1/a"), "v2": ("GET", "/api/v2/x"),
          "v2 /b": ("PUT", "/api/v2/b")}  # fmt: skip
GONE, FREEZE = ms("2027-01-02"), ms("2026-10-01")


def kinds(plan: Plan, at: int) -> dict[str, type]:
    return {name: type(ask(plan, target, method=method, at=at)) for name, (method, target) in PLACES.items()}


def holding(*targets: Target, until: str = "2027-01-08") -> Switches:
    return Switches(holds={target: Hold(ms(until), "jane", "late") for target in targets})


HELD = [
    ("nothing", (), set()),
    ("a version, with its endpoints", (V1,), {"v1", "v1 /a"}),
    ("an endpoint alone", (V1_A,), {"v1 /a"}),
    ("an endpoint of another version", (Target("accounts", "v2", "/a"),), set()),
    ("an endpoint for one method", (Target("accounts", "v2", "/b"),), {"v2 /b"}),
    ("two versions", (V1, V2), set(PLACES)),
    ("an api", (Target("accounts"),), set(PLACES)),
    ("another api", (Target("orders"),), set()),
    ("everything", (EVERYTHING,), set(PLACES)),
]


@pytest.mark.parametrize(("targets", "spared"), [case[1:] for case in HELD], ids=[case[0] for case in HELD])
def test_a_hold_is_for_its_target_alone(targets: tuple[Target, ...], spared: set[str]) -> None:
    found = kinds(switched(PLAN, holding(*targets)), GONE)
    assert found == {name: Forward if name in spared else Gone for name in PLACES}


@pytest.mark.parametrize(("targets", "spared"), [case[1:] for case in HELD], ids=[case[0] for case in HELD])
def test_brownouts_are_called_off_for_their_target_alone(
    targets: tuple[Target, ...], spared: set[str]
) -> None:
    found = kinds(switched(PLAN, Switches(no_brownouts=frozenset(targets))), ms("2026-12-01T00:30"))
    ends = {name for name in PLACES if name.startswith("v1")} - spared
    assert found == {name: Brownout if name in ends else Forward for name in PLACES}


def test_a_hold_ends_to_the_millisecond() -> None:
    plan = switched(PLAN, holding(V1))
    end = ms("2027-01-08")
    found = [type(ask(plan, "/api/v1/x", at=end + off)) for off in (-1, 0)]
    assert found == [Forward, Gone]


def test_callers_are_told_the_held_sunset() -> None:
    headers = answered(ask(switched(PLAN, holding(V1)), "/api/v1/x", at=ms("2026-11-01")))
    assert values(headers, b"sunset") == [b"Fri, 08 Jan 2027 00:00:00 GMT"]


def test_of_two_holds_the_longer_one_counts() -> None:
    holds = {**holding(V1, until="2027-01-08").holds, **holding(V1_A, until="2027-01-06").holds}
    plan = switched(PLAN, Switches(holds=holds))
    assert kinds(plan, ms("2027-01-07"))["v1 /a"] is Forward
    other = {**holding(V1, until="2027-01-06").holds, **holding(V1_A, until="2027-01-08").holds}
    found = kinds(switched(PLAN, Switches(holds=other)), ms("2027-01-07"))
    assert (found["v1"], found["v1 /a"]) == (Gone, Forward)


def test_a_hold_never_brings_a_sunset_forward() -> None:
    assert switched(PLAN, holding(V1, until="2026-12-10")) is PLAN


def test_a_removal_waits_for_the_end_of_a_hold() -> None:
    plan = switched(PLAN, holding(V1, until="2027-05-01"))
    found = [type(ask(plan, "/api/v1/x", at=ms("2027-05-01") + off)) for off in (-1, 0)]
    assert found == [Forward, Removed]


@pytest.mark.parametrize(("until", "ends"), [("2027-01-08", "2027-01-08"), ("2027-01-04", "2027-01-05")])
def test_no_grace_ends_before_a_hold(until: str, ends: str) -> None:
    plan = switched(PLAN, holding(V1, until=until))
    (grace,) = plan.apis["accounts"].rules["v1"].lifecycle.grace.values()
    assert (grace.consumer, grace.until) == ("acme", ms(ends))
    headers = answered(_as(plan, "acme", "2026-12-01T00:30"))
    assert values(headers, b"sunset")[0][5:16] == ms_text(ends)


@pytest.mark.parametrize("at", ["2026-12-01T00:30", "2026-12-05", "2027-01-07"])
def test_a_grace_spares_also_in_a_hold(at: str) -> None:
    seen = Switches(seen={("accounts", "v1", FREEZE): {"old"}})
    plan = switched(PLAN, replace(holding(V1), seen=seen.seen))
    assert type(_as(plan, "acme", at)) is Forward
    assert type(_as(plan, "new", at)) is Frozen
    assert type(_as(plan, "old", at)) is (Brownout if at.endswith("00:30") else Forward)


def test_who_was_seen_before_is_told_apart_for_the_version_and_its_endpoints() -> None:
    seen = {("accounts", "v1", FREEZE): {"old"}, ("accounts", "v3", FREEZE): {"nobody"}}
    plan = switched(PLAN, Switches(seen=seen))
    for target in ("/api/v1/x", "/api/v1/a"):
        for caller, kind in (("old", Forward), ("new", Frozen), ("anonymous", Forward)):
            assert type(_as(plan, caller, target=target)) is kind
    assert type(_as(PLAN, "new")) is Forward, "nobody is refused where nobody knows"
    earlier = switched(PLAN, Switches(seen={("accounts", "v1", FREEZE - 1): {"old"}}))
    assert type(_as(earlier, "new")) is Forward, "what is known of another instant is no help"


def _as(plan: Plan, caller: str, at: str = "2026-11-01", target: str = "/api/v1/x") -> Decision:
    consumer = caller if caller == "acme" else None
    asked = request("GET", target)._replace(caller=caller, consumer=consumer)
    return decide(plan, asked, {}, ms(at))


def ms_text(day: str) -> bytes:
    return datetime.fromisoformat(day).strftime("%d %b %Y").encode()


def test_taking_everything_away_again_leaves_the_plan_as_it_was() -> None:
    everything = replace(
        holding(EVERYTHING), no_brownouts=frozenset({EVERYTHING}), seen={("accounts", "v1", FREEZE): set()}
    )
    assert switched(PLAN, everything) != PLAN
    assert switched(PLAN, NOTHING) is PLAN


GATED = """{{path: /x, default: v1, versions: {{v1: {{backend: old, lifecycle: {{deprecated: 2026-10-01,
  sunset: {sunset}, removed: 2027-02-01, accept: {{critical_unseen: 1d, hold_at_most: 10d, unmet: {unmet},
  on_unknown: {unknown}}}}}}}}}}}"""
SUNSET, BOUND = ms("2027-01-01"), ms("2027-01-11")


def gated(sunset: str = "2027-01-01", unmet: str = "hold", unknown: str = "hold") -> Plan:
    return one_api(GATED.format(sunset=sunset, unmet=unmet, unknown=unknown))


def judged(verdict: str, opened: str | None = None) -> Switches:
    at = None if opened is None else ms(opened)
    return Switches(gates={("accounts", "v1", "*"): Judged(Verdict(verdict), (), at)})


GATES = [
    ("not judged", "hold", "hold", None, None, BOUND),
    ("not judged, and that does not matter", "hold", "enforce", None, None, SUNSET),
    ("met", "hold", "hold", "met", None, SUNSET),
    ("unmet", "hold", "enforce", "unmet", None, BOUND),
    ("unknown", "hold", "hold", "unknown", None, BOUND),
    ("unknown, and that does not matter", "hold", "enforce", "unknown", None, SUNSET),
    ("unmet, and only warned of", "warn", "hold", "unmet", None, SUNSET),
    ("unknown, and only warned of", "warn", "hold", "unknown", None, SUNSET),
    ("unmet after it opened", "hold", "hold", "unmet", "2027-01-01", SUNSET),
    ("unmet after it opened for an earlier sunset", "hold", "hold", "unmet", "2026-12-01", BOUND),
    ("unmet after it opened for a later sunset", "hold", "hold", "unmet", "2027-01-04", SUNSET),
]


@pytest.mark.parametrize(
    ("unmet", "unknown", "verdict", "opened", "enforced"),
    [case[1:] for case in GATES],
    ids=[case[0] for case in GATES],
)
def test_when_a_sunset_behind_a_gate_takes_effect(
    unmet: str, unknown: str, verdict: str | None, opened: str | None, enforced: int
) -> None:
    switches = judged(verdict, opened) if verdict is not None else NOTHING
    plan = switched(gated(unmet=unmet, unknown=unknown), switches)
    assert [type(ask(plan, "/x", at=enforced + off)) for off in (-1, 0)] == [Forward, Gone]


def test_a_gate_never_holds_past_the_removal() -> None:
    plan = gated(sunset="2027-01-30")
    assert [type(ask(plan, "/x", at=ms("2027-02-01") + off)) for off in (-1, 0)] == [Forward, Removed]


def test_a_hold_on_a_gated_sunset_ends_when_both_let_it() -> None:
    for until, enforced in (("2027-01-05", BOUND), ("2027-01-20", ms("2027-01-20"))):
        plan = switched(gated(), replace(judged("unmet"), holds=holding(V1, until=until).holds))
        assert [type(ask(plan, "/x", at=enforced + off)) for off in (-1, 0)] == [Forward, Gone]


def test_a_gate_that_opened_at_the_end_of_a_hold_stays_open() -> None:
    """Or a version that answered 410 already would come back."""
    switches = replace(judged("unmet", opened="2027-01-05"), holds=holding(V1, until="2027-01-05").holds)
    for one in (switches, replace(switches, holds={})):
        assert type(ask(switched(gated(), one), "/x", at=ms("2027-01-06"))) is Gone


def test_a_hold_brings_back_what_an_open_gate_let_go_and_ends_all_the_same() -> None:
    switches = replace(judged("unmet", opened="2027-01-01"), holds=holding(V1, until="2027-01-05").holds)
    plan = switched(gated(), switches)
    assert [type(ask(plan, "/x", at=ms("2027-01-05") + off)) for off in (-1, 0)] == [Forward, Gone]


TWO_GATES = one_api("""{path: /x, default: v1, versions: {v1: {backend: old, lifecycle: {
  deprecated: 2026-10-01, sunset: 2027-01-01, accept: {critical_unseen: 1d}}}}, endpoints: [
  {path: /same, versions: {v1: {lifecycle: {guide: 'https://docs.example.com'}}}},
  {path: /own, versions: {v1: {lifecycle: {sunset: 2026-12-20}}}},
  {path: /other, versions: {v1: {lifecycle: {accept: {critical_unseen: 2d}}}}}]}""")


@pytest.mark.parametrize(
    "switches", [NOTHING, holding(V1), holding(Target("accounts", "v1", "/same")), holding(EVERYTHING)]
)
def test_an_endpoint_shares_its_versions_gate_where_it_has_the_same(switches: Switches) -> None:
    """Also while a hold moves the sunsets of both to one date, or those of one of them."""
    plan = switched(TWO_GATES, switches)
    api = plan.apis["accounts"]
    assert api.endpoints is not None
    own = {rules["v1"].endpoint: rules["v1"] for rules in api.endpoints.values()}
    found = {name: gate_of(rule, api.rules["v1"])[2] for name, rule in own.items()}
    assert found == {"/same": "*", "/own": "/own", "/other": "/other"}


def test_a_rule_keeps_all_but_its_lifecycle() -> None:
    before, after = (plan.apis["accounts"].rules["v1"] for plan in (PLAN, switched(PLAN, holding(V1))))

    def rest(rule: Rule) -> Rule:
        return replace(rule, lifecycle=Lifecycle(), untold=before.untold, told=before.told, graced={})

    assert rest(after) == rest(before)
    assert after.lifecycle.hold is not None
