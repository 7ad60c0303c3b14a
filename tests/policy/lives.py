"""Any lifecycle there can be, with anything switched, and callers of every sort who ask under it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

import xxhash
from hypothesis import strategies as st

from duskgate.policy import Forward, Gone, Moved, Plan, Removed, decide, request
from duskgate.policy.accept import Accept, CriticalUnseen, Unknown, Unmet, Verdict
from duskgate.policy.build import make_routes, with_lifecycle
from duskgate.policy.decision import Brownout, Frozen, Ruled
from duskgate.policy.freeze import Freeze
from duskgate.policy.lifecycle import Grace, Hold, Lifecycle, Phase, Redirect, Window
from duskgate.policy.plan import Rule
from duskgate.policy.shares import BUCKETS, Share
from duskgate.policy.switches import EVERYTHING, Judged, Switches, Target, gate_bound
from tests.policy.world import one_api

HOUR = 3_600_000
START = 1_767_225_600_000
"""2026-01-01, from where the hours of these lives count."""

WHOLE, ENDPOINT = Target("accounts", "v1"), Target("accounts", "v1", "/a")
TARGETS = [EVERYTHING, Target("accounts"), WHOLE, ENDPOINT]
GATES = [("accounts", "v1", "*"), ("accounts", "v1", "/a")]

NAMED = {"acme", "ci"}
CALLERS = ["anonymous", *sorted(NAMED), *(f"user-{number}" for number in range(9))]
SEEN = frozenset(CALLERS[:8])
"""Some of them were there before any freeze."""

BASE = one_api("""{path: '/x/{version}', default: v1,
  endpoints: [{path: /a, versions: {v1: {lifecycle: {}}}}], versions: {v1: {backend: old, lifecycle:
  {deprecated: 2026-01-01, successor: v2}}, v2: {backend: new}}}""")


def instant(hour: int) -> int:
    return START + hour * HOUR


def plan_with(whole: Lifecycle, endpoint: Lifecycle) -> Plan:
    """The api ``accounts`` whose v1 has a lifecycle, and its endpoint ``/a`` one of its own."""

    def put(rules: Mapping[str, Rule], lifecycle: Lifecycle) -> Mapping[str, Rule]:
        return MappingProxyType({**rules, "v1": with_lifecycle(rules["v1"], lifecycle)})

    api = BASE.apis["accounts"]
    assert api.endpoints is not None
    endpoints = api.endpoints.mapped(lambda rules: put(rules, endpoint))
    api = replace(api, rules=put(api.rules, whole), endpoints=endpoints)
    return replace(BASE, apis=MappingProxyType({"accounts": api}), routes=make_routes([api]))


class Life(NamedTuple):
    """A plan, and what is switched on top of it."""

    plan: Plan
    switches: Switches


@st.composite
def lifecycles(draw: st.DrawFn, hours: list[int]) -> Lifecycle:
    """Ten hours, in order, are enough for every date that there is."""
    at = [instant(hour) for hour in hours]
    maybe = draw(st.lists(st.booleans(), min_size=7, max_size=7))
    brownouts = (draw(_brownout(at[3], at[4])), draw(_brownout(at[5], at[6])))
    freeze = Freeze(at[2], draw(st.booleans()))
    accept = Accept(
        (CriticalUnseen(HOUR),),
        draw(st.sampled_from(Unmet)),
        draw(st.integers(1, 800)) * HOUR,
        draw(st.sampled_from(Unknown)),
    )
    dates = Lifecycle(
        announced=at[0] if maybe[0] else None,
        deprecated=at[1],
        sunset=at[7],
        removed=at[9] if maybe[1] else None,
        successor="v2",
        redirect=draw(st.sampled_from(Redirect)),
        brownouts=brownouts if maybe[2] else (),
        grace=MappingProxyType({"acme": Grace("acme", at[8], "jane", "late")} if maybe[3] else {}),
        grace_warning=draw(st.integers(0, 400)) * HOUR,
        freeze=freeze if maybe[4] else None,
        accept=accept if maybe[5] else None,
    )
    waits = dates.accept is not None and dates.accept.holds(None)
    return replace(dates, held_until=gate_bound(dates)) if waits else dates


@st.composite
def _brownout(draw: st.DrawFn, start: int, end: int) -> Window:
    parts = sorted(draw(st.lists(st.integers(0, BUCKETS), min_size=2, max_size=2)))
    share = Share(7, (start, (start + end) // 2), tuple(parts), xxhash.xxh64_intdigest)
    return Window(
        start,
        end,
        draw(st.sampled_from([None, share])),
        draw(st.sampled_from([frozenset(), frozenset({"ci"})])),
        draw(st.sampled_from([410, 503])),
    )


@st.composite
def lives(draw: st.DrawFn) -> Life:
    hours = sorted(draw(st.lists(st.integers(0, 3000), min_size=10, max_size=10, unique=True)))
    whole = draw(lifecycles(hours))
    endpoint = draw(st.sampled_from([whole, replace(whole, brownouts=())]) | lifecycles(hours))
    return Life(plan_with(whole, endpoint), draw(switches(instant(hours[7]), instant(hours[2]))))


@st.composite
def switches(draw: st.DrawFn, sunset: int, frozen: int) -> Switches:
    holds = draw(st.dictionaries(st.sampled_from([WHOLE, ENDPOINT]), st.integers(0, 4000), max_size=2))
    opened = st.sampled_from([None, sunset, sunset - HOUR])
    judged = st.builds(Judged, st.sampled_from(Verdict), st.just(()), opened)
    return Switches(
        holds={target: Hold(instant(hour), "jane", "late") for target, hour in holds.items()},
        no_brownouts=draw(st.frozensets(st.sampled_from(TARGETS), max_size=1)),
        gates=draw(st.dictionaries(st.sampled_from(GATES), judged)),
        seen=draw(st.sampled_from([{}, {("accounts", "v1", frozen): SEEN}])),
    )


def asked(plan: Plan, path: str, caller: str, at: int, method: str = "GET") -> Ruled:
    """The decision on a request of one of ``CALLERS``."""
    facts = request(method, path)._replace(consumer=caller if caller in NAMED else None, caller=caller)
    decision = decide(plan, facts, {}, at)
    assert isinstance(decision, Ruled), decision
    return decision


def told(plan: Plan, at: int, callers: Iterable[str] = CALLERS) -> list[Ruled]:
    """All that callers and operators could tell apart at an instant, but for seconds that count down."""
    found = []
    for path in ("/x/v1/a", "/x/v1/b"):
        for caller in callers:
            decision = asked(plan, path, caller, at)
            if isinstance(decision, (Gone, Moved)):
                decision = decision._replace(max_age=0)
            found.append(decision)
    return found


def phase_of(decision: Ruled) -> Phase:
    """The phase that a decision was made in."""
    if isinstance(decision, (Forward, Brownout, Frozen)):
        return decision.phase
    return Phase.REMOVED if isinstance(decision, Removed) else Phase.SUNSET
