"""What holds for every lifecycle, whatever is switched on top of it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duskgate.policy import Lifecycle, Phase
from duskgate.policy.switches import NOTHING, switched
from duskgate.policy.timeline import Event, Kind, events, rules
from tests.policy.lives import CALLERS, Life, asked, instant, lives, phase_of, told

PHASES = list(Phase)
some = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@some
@given(lives(), st.sampled_from(CALLERS), st.sampled_from(["/x/v1/a", "/x/v1/b"]), st.data())
def test_phases_never_go_backwards(life: Life, caller: str, path: str, data: st.DataObject) -> None:
    """Under any one plan: holds and gates move dates, and a plan knows them all beforehand."""
    plan = switched(life.plan, life.switches)
    hours = sorted(data.draw(st.lists(st.integers(-10, 5000), min_size=2, max_size=12)))
    ranks = [PHASES.index(phase_of(asked(plan, path, caller, instant(hour)))) for hour in hours]
    assert ranks == sorted(ranks)


@some
@given(lives())
def test_nothing_changes_but_at_an_event(life: Life) -> None:
    """Whoever reads the timeline has read everything that will happen."""
    plan = switched(life.plan, life.switches)
    instants = sorted({event.at for event in events(plan)})
    for begin, end in pairwise([instants[0] - 10**9, *instants, instants[-1] + 10**9]):
        assert told(plan, begin) == told(plan, end - 1)


def shows(event: Event, dates: Lifecycle) -> bool:
    """Whether an event must be seen by one of ``CALLERS``; others may pass in silence."""
    match event.kind:
        case Kind.SUNSET:
            return dates.held_until is None  # else its gate holds it back, and ``enforced`` comes instead
        case Kind.FROZEN:
            return dates.freeze is not None and dates.freeze.seen is not None
        case Kind.BROWNOUT | Kind.BROWNOUT_ENDS:
            return all(window.share is None for window in dates.brownouts)
        case Kind.SHARE:
            return False  # by how much a share grows may be less than a caller
        case Kind.GRACE_EXPIRING:
            return dates.enforced is not None and event.at > dates.enforced  # else only operators are told
        case _:
            return True


@some
@given(lives())
def test_every_event_changes_something(life: Life) -> None:
    plan = switched(life.plan, life.switches)
    dates = {rule.endpoint: rule.lifecycle for rule, _ in rules(plan)}
    for event in events(plan):
        if shows(event, dates[event.endpoint]):
            assert told(plan, event.at - 1) != told(plan, event.at), event


@some
@given(lives())
def test_nothing_switched_is_the_very_same_plan(life: Life) -> None:
    assert switched(life.plan, NOTHING) is life.plan


@some
@given(lives())
def test_what_is_not_touched_is_the_very_same_rule(life: Life) -> None:
    plan = switched(life.plan, life.switches)
    before, after = life.plan.apis["accounts"], plan.apis["accounts"]
    assert after.rules["v2"] is before.rules["v2"]
    assert before.endpoints is not None
    assert after.endpoints is not None
    pairs = zip(before.endpoints.values(), after.endpoints.values(), strict=True)
    for old, new in [(before.rules, after.rules), *pairs]:
        assert new["v2"] is old["v2"]
        assert (new["v1"] is old["v1"]) == (new["v1"].lifecycle == old["v1"].lifecycle)


@some
@given(lives(), st.integers(-10, 5000), st.integers(0, 2000))
def test_events_are_in_order_and_in_the_range_asked_for(life: Life, since: int, length: int) -> None:
    plan = switched(life.plan, life.switches)
    everything = events(plan)
    assert [event.at for event in everything] == sorted(event.at for event in everything)
    order = list(Kind)
    for one, other in pairwise(everything):
        if (one.at, one.endpoint) == (other.at, other.endpoint):
            assert order.index(one.kind) <= order.index(other.kind), "a life's own order"
    begin, end = instant(since), instant(since + length)
    assert events(plan, begin, end) == [event for event in everything if begin <= event.at < end]
    assert sorted([*events(plan, until=begin), *events(plan, begin)]) == sorted(everything)
