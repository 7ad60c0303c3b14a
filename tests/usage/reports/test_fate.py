"""What would become of counted requests: what becomes of requests, or it is said that nobody knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy import Plan, decide, request
from duskgate.policy.decision import Brownout, Forward, Frozen, Gone, Moved, Removed
from duskgate.policy.lifecycle import Hold
from duskgate.policy.standing import Bar
from duskgate.policy.switches import Switches, Target, switched
from duskgate.usage import recorder
from duskgate.usage.ledger import bounds
from duskgate.usage.reports.fate import FORWARDED, UNNAMED, Fate, Fates, Outcome
from duskgate.usage.reports.places import NOWHERE, Place
from tests.policy.world import ms, plan_of, rule

YAML = """
identity: [{header: X-Api-Key, secret: true}]
consumers:
  acme: {match: {X-Api-Key: a}}
  beta: {match: {X-Api-Key: b}}
  gamma: {match: {X-Api-Key: c}}
backends: {one: {url: "http://127.0.0.1:9001"}}
apis:
  accounts:
    path: /api/{version}
    default: v1
    versions:
      v1:
        backend: one
        lifecycle:
          announced: 2026-01-01
          deprecated: 2026-02-01
          sunset: 2026-06-01
          removed: 2026-09-01
          successor: v2
          redirect: safe
          freeze: {from: 2026-03-01, mode: enforce}
          brownouts:
            - {from: 2026-04-01, for: 10d, percent: 30, exempt: [gamma]}
            - {from: 2026-04-20, for: 5d, status: 503}
            - {from: 2026-05-01, for: 10d, ramp: [{after: 0s, percent: 10}, {after: 5d, percent: 90}]}
          grace: [{consumer: acme, until: 2026-07-01, owner: jane, reason: contract}]
      v2: {backend: one}
    endpoints:
      - {path: "/read", methods: [GET, HEAD], versions: {v1: {lifecycle: {sunset: 2026-05-15}}}}
      - {path: "/both", methods: [GET], versions: {v1: {lifecycle: {sunset: 2026-05-15}}}}
      - {path: "/both", methods: [POST], versions: {v1: {lifecycle: {sunset: 2026-07-15, brownouts: null}}}}
      - {path: "/all", versions: {v1: {lifecycle: {redirect: all, freeze: null}}}}
      - {path: "/alone", versions: {v1: {lifecycle: {successor: null, redirect: never}}}}
"""
SEEN = frozenset(("acme", "beta", "~aa", "anonymous"))
PLAN = switched(
    plan_of(YAML),
    Switches(
        holds={Target("accounts", "v1", "/alone"): Hold(ms("2026-08-01"), "jane", "wait")},
        seen={("accounts", "v1", ms("2026-03-01")): SEEN},
    ),
)
FATES = Fates(PLAN)

FIRST, LAST = ms("2025-12-01"), ms("2026-10-01")
labels = st.one_of(
    st.sampled_from(["acme", "beta", "gamma", "anonymous", "~aa"]),
    st.binary(min_size=12, max_size=12).map(lambda mark: f"~{mark.hex()}"),
)
turns = sorted(
    {
        at + more
        for one in PLAN.apis["accounts"].rules.values()
        for window in one.lifecycle.brownouts
        for at in (window.start, window.end, ms("2026-06-01"), ms("2026-07-01"), ms("2026-09-01"))
        for more in (-1, 0, 1)
    }
)
instants = st.one_of(st.integers(FIRST, LAST), st.sampled_from(turns))
paths = st.sampled_from(["/things", "/read", "/both", "/all", "/alone"])
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"])

STATUSES = {Removed: 404, Gone: 410, Moved: 308, Frozen: 403}


@given(paths, methods, labels, instants)
@rule
def test_it_is_what_the_gateway_would_decide(path: str, method: str, label: str, at: int) -> None:
    known = label if label in PLAN.identity.consumers else None
    asked = request(method, f"/api/v1{path}")._replace(consumer=known, caller=label)
    decision = decide(PLAN, asked, {}, at)
    assert isinstance(decision, (Forward, Gone, Moved, Removed, Frozen, Brownout))
    place = Place(decision.rule.api, decision.rule.version, decision.rule.endpoint)
    fate = FATES.fate(place, label, at)
    if fate.outcome is Outcome.UNDECIDED:
        assert place.endpoint == "/both"
        return
    assert (fate.outcome is Outcome.FORWARDED) == isinstance(decision, Forward)
    if isinstance(decision, Brownout):
        assert (fate.statuses, fate.until) == ((decision.window.status,), decision.window.end)
    elif not isinstance(decision, Forward):
        assert STATUSES[type(decision)] in fate.statuses


def fate(endpoint: str, label: str, at: str, plan: Plan = PLAN) -> Fate:
    return Fates(plan).fate(Place("accounts", "v1", endpoint), label, ms(at))


REFUSED = Outcome.REFUSED
CASES = [
    ("*", "acme", "2026-06-15", FORWARDED),
    ("*", "acme", "2026-07-15", Fate(REFUSED, (Bar.SUNSET,), (308, 410))),
    ("/read", "beta", "2026-05-20", Fate(REFUSED, (Bar.SUNSET,), (308,))),
    ("/all", "beta", "2026-06-15", Fate(REFUSED, (Bar.SUNSET,), (308,))),
    ("/alone", "beta", "2026-07-15", FORWARDED),
    ("/alone", "beta", "2026-08-15", Fate(REFUSED, (Bar.SUNSET,), (410,))),
    ("*", "beta", "2026-09-15", Fate(REFUSED, (Bar.REMOVED,), (404,))),
    ("*", "gamma", "2026-03-15", Fate(REFUSED, (Bar.FROZEN,), (403,))),
    ("*", "beta", "2026-04-21", Fate(REFUSED, (Bar.BROWNOUT,), (503,), ms("2026-04-25"))),
    ("/both", "beta", "2026-08-15", Fate(REFUSED, (Bar.SUNSET,), (308, 410))),
]


@pytest.mark.parametrize(("endpoint", "label", "at", "expected"), CASES)
def test_fates(endpoint: str, label: str, at: str, expected: Fate) -> None:
    assert fate(endpoint, label, at) == expected


UNDECIDED = [
    ("/both", "beta", "2026-06-15", "hangs on the method"),
    ("*", "other", "2026-03-15", "seen before the freeze"),
    ("/all", "other", "2026-04-02", "the brownout hits 30 % of the callers"),
    ("/all", "other", "2026-05-07", "the brownout hits 90 % of the callers"),
    ("/all", "formerly-known", "2026-04-02", "the brownout hits 30 %"),
    ("/elsewhere", "beta", "2026-04-02", "no such endpoint any more"),
]


@pytest.mark.parametrize(("endpoint", "label", "at", "why"), UNDECIDED)
def test_what_is_not_known_is_not_guessed(endpoint: str, label: str, at: str, why: str) -> None:
    found = fate(endpoint, label, at)
    assert found.outcome is Outcome.UNDECIDED
    assert why in found.why


@pytest.mark.parametrize(
    ("at", "outcome"),
    [
        ("2026-02-15", Outcome.FORWARDED),
        ("2026-04-15", Outcome.FORWARDED),
        ("2026-04-21", REFUSED),
        ("2026-06-15", REFUSED),
        ("2026-09-15", REFUSED),
    ],
)
def test_of_others_is_known_what_befalls_all_alike(at: str, outcome: Outcome) -> None:
    assert fate("/all", "other", at).outcome is outcome


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (Place("accounts", "v0", "*"), "no such version any more: who names it gets 400 or 404"),
        (Place("shop", "v1", "*"), "no such api any more"),
    ],
)
def test_what_is_gone_from_the_yaml(place: Place, why: str) -> None:
    assert why in FATES.fate(place, "acme", FIRST).why


def test_a_digest_that_has_a_name_by_now_is_that_consumer() -> None:
    (label,) = [f"~{mark.hex()}" for (_, mark), name in PLAN.identity.known.items() if name == "acme"]
    assert FATES.name(label) == "acme"
    assert fate("*", label, "2026-06-15") == FORWARDED, "it has grace"
    assert FATES.name("~aa") == "~aa"


def test_while_nobody_knows_who_was_seen_nobody_is_kept_out() -> None:
    for label in ("gamma", "other", "~bb"):
        assert fate("*", label, "2026-03-15", plan_of(YAML)) == FORWARDED


def test_the_words_are_those_of_the_ledger() -> None:
    """They stand here again because those modules import what no command needs."""
    assert (UNNAMED, NOWHERE) == (bounds.UNKNOWN, recorder.NONE)
