"""Requests that a rollout may move by then: what is foretold is what happens, or said not to be known."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy import Plan, decide, request
from duskgate.policy.decision import Forward, Ruled
from duskgate.policy.rollout import Rollout
from duskgate.usage.reports.fate import Fates, Outcome
from duskgate.usage.reports.places import Place
from tests.policy.world import ms, plan_of, rule

YAML = """
identity: [{header: X-Api-Key, secret: true}]
consumers:
  acme: {match: {X-Api-Key: a}}
  beta: {match: {X-Api-Key: b}}
  gamma: {match: {X-Api-Key: c}}
  delta: {match: {X-Api-Key: d}}
rings: {first: [delta]}
backends: {one: {url: "http://127.0.0.1:9001"}}
apis:
  accounts:
    path: /api/{version}
    default: v1
    versions:
      v1:
        backend: one
        rollout: @rollout
        lifecycle: {announced: 2026-01-01, deprecated: 2026-02-01, sunset: 2026-06-01, removed: 2026-09-01,
          successor: v2, brownouts: [{from: 2026-04-01, for: 10d, percent: 50}],
          grace: [{consumer: gamma, until: 2026-07-01, owner: jane, reason: contract}]}
      v2: {backend: one}
    endpoints:
      - {path: /early, versions: {v2: {lifecycle: {deprecated: 2026-03-01, sunset: 2026-05-01}}}}
"""
STEPS = """steps: [{at: 2026-03-01, percent: 20}, {at: 2026-05-01, percent: 60},
  {at: 2026-06-15, ring: first}, {at: 2026-08-01, percent: 100}], deny: [acme]"""
ROLLOUTS = [
    "{to: v2, percent: 40}",
    "{to: v2, percent: 40, promote: true}",
    "{to: v2, percent: 100, promote: true}",
    "{to: v2, percent: 100}",
    f"{{to: v2, {STEPS}}}",
    f"{{to: v2, {STEPS}, promote: true}}",
    "{to: v2, allow: [beta], promote: true}",
]
PLANS = [plan_of(YAML.replace("@rollout", rollout)) for rollout in ROLLOUTS]
FIRST, LAST = ms("2025-12-01"), ms("2026-10-01")
CALLERS = ["acme", "beta", "gamma", "delta", "anonymous", *(f"~{number:024x}" for number in range(8))]


def decided(plan: Plan, path: str, label: str, at: int) -> Ruled:
    known = label if label in plan.identity.consumers else None
    key = known.encode() if known else None if label == "anonymous" else f"key of {label}".encode()
    asked = request("GET", path)._replace(consumer=known, caller=label, key=key)
    decision = decide(plan, asked, {}, at)
    assert isinstance(decision, Ruled), decision
    return decision


paths = st.sampled_from(["/api/v1/things", "/api/things", "/api/early", "/api/v1/early", "/api/v2/early"])


@given(st.sampled_from(PLANS), paths, st.sampled_from(CALLERS), st.integers(FIRST, LAST), st.data())
@rule
def test_what_is_foretold_from_where_it_landed_is_what_happens(
    plan: Plan, path: str, label: str, at: int, data: st.DataObject
) -> None:
    came = data.draw(st.integers(FIRST, at))
    landed = decided(plan, path, label, came).rule
    fate = Fates(plan).fate(Place(landed.api, landed.version, landed.endpoint), label, at)
    if fate.outcome is not Outcome.UNDECIDED:
        forwarded = isinstance(decided(plan, path, label, at), Forward)
        assert (fate.outcome is Outcome.FORWARDED) == forwarded


def of(rollout: str) -> Fates:
    return Fates(PLANS[ROLLOUTS.index(rollout)])


def test_what_is_known_all_the_same() -> None:
    place, late = Place("accounts", "v1", "*"), ms("2026-08-15")
    everybody, nobody_but = of("{to: v2, percent: 100, promote: true}"), of(ROLLOUTS[5])
    assert everybody.fate(place, "acme", late).outcome is Outcome.FORWARDED, "whoever names v1 is moved too"
    assert nobody_but.fate(place, "acme", late).outcome is Outcome.REFUSED, "on the list deny"
    assert nobody_but.fate(place, "delta", ms("2026-06-14")).outcome is not Outcome.UNDECIDED
    assert nobody_but.fate(place, "delta", ms("2026-06-16")).outcome is Outcome.FORWARDED, "its ring is open"
    assert (
        of("{to: v2, percent: 100}").fate(place, "beta", late).why
        == "hangs on whom the rollout to v2 moves then"
    )


def test_every_outcome_occurs() -> None:
    found = {
        Fates(plan).fate(Place("accounts", version, endpoint), label, at).outcome
        for plan, (version, endpoint), label, at in product(
            PLANS, [("v1", "*"), ("v2", "/early")], CALLERS, [ms("2026-04-02"), ms("2026-06-20")]
        )
    }
    assert found == set(Outcome)


def test_a_halted_rollout_moves_nobody() -> None:
    plan = PLANS[2]
    api = plan.apis["accounts"]
    halted: dict[str, Rollout] = {name: replace(one, halted=True) for name, one in api.rollouts.items()}
    still = replace(
        plan, apis=MappingProxyType({"accounts": replace(api, rollouts=MappingProxyType(halted))})
    )
    fate = Fates(still).fate(Place("accounts", "v1", "*"), "beta", ms("2026-08-15"))
    assert fate.outcome is Outcome.REFUSED
