"""When an edit leaves callers less time, and whom it hits."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy.accept import (
    Accept,
    ContactsNotified,
    CriticalUnseen,
    OldShare,
    SuccessorErrors,
    Unknown,
    Unmet,
)
from duskgate.policy.lifecycle import NEVER_ENDS, Grace, Lifecycle
from duskgate.policy.plan import Plan
from duskgate.policy.switches import Switches, switched
from duskgate.usage.ledger.answers import Use
from duskgate.usage.reports.effects import effects
from duskgate.usage.reports.fate import Fates, Outcome
from duskgate.usage.reports.lives import changes, in_days, shorter_than
from duskgate.usage.reports.period import DAY
from duskgate.usage.reports.places import Place
from tests.policy.world import ms, plan_of, rule
from tests.usage.reports.test_fate import FIRST, LAST, PLAN, SEEN, YAML

NOW = ms("2026-01-01")


@st.composite
def lifecycles(draw: st.DrawFn) -> Lifecycle:
    given_dates = sorted(draw(st.lists(st.integers(0, 400), min_size=4, max_size=4)))
    announced, deprecated, sunset, removed = (NOW + day * DAY for day in given_dates)
    grace = {}
    if draw(st.booleans()) and removed > sunset:
        grace["acme"] = Grace("acme", draw(st.integers(sunset + 1, removed)), "jane", "contract")
    return Lifecycle(
        announced=draw(st.sampled_from([announced, None])),
        deprecated=draw(st.sampled_from([deprecated, None])),
        sunset=sunset,
        removed=draw(st.sampled_from([removed, None])) if not grace else removed,
        grace=MappingProxyType(grace),
    )


@given(lifecycles())
@rule
def test_the_same_twice_is_no_difference(dates: Lifecycle) -> None:
    assert list(changes(dates, dates, NOW)) == []


@given(lifecycles(), st.integers(1, 100))
@rule
def test_moving_everything_later_shortens_nothing(old: Lifecycle, days: int) -> None:
    assert [one for one in changes(old, moved(old, days), NOW) if one.shortened] == []


@given(lifecycles(), st.integers(1, 100))
@rule
def test_moving_everything_earlier_always_shortens(old: Lifecycle, days: int) -> None:
    short = {one.what for one in changes(old, moved(old, -days), NOW) if one.shortened}
    assert "sunset" in short
    assert ("removed" in short) == (old.removed is not None)
    assert ("grace of acme" in short) == bool(old.grace)


@given(lifecycles(), lifecycles())
@rule
def test_whoever_has_less_time_is_named(old: Lifecycle, new: Lifecycle) -> None:
    short = {one.what for one in changes(old, new, NOW) if one.shortened}
    assert ("sunset" in short) == (new.sunset < old.sunset)  # type: ignore[operator]
    left = [one.grace["acme"].until if one.grace else one.sunset for one in (old, new)]
    changed = [one.grace["acme"].until if one.grace else None for one in (old, new)]
    assert ("grace of acme" in short) == (left[1] < left[0] and changed[0] != changed[1])  # type: ignore[operator]


def moved(dates: Lifecycle, days: int) -> Lifecycle:
    def at(instant: int | None) -> int | None:
        return None if instant is None else instant + days * DAY

    graces = {name: replace(one, until=one.until + days * DAY) for name, one in dates.grace.items()}
    return replace(
        dates,
        announced=at(dates.announced),
        deprecated=at(dates.deprecated),
        sunset=at(dates.sunset),
        removed=at(dates.removed),
        grace=MappingProxyType(graces),
    )


def day(number: int) -> int:
    return NOW + number * DAY


LIFE = Lifecycle(announced=day(10), deprecated=day(20), sunset=day(100), removed=day(200))
GRACED = replace(LIFE, grace=MappingProxyType({"acme": Grace("acme", day(150), "jane", "contract")}))
SHORTENED = [
    (LIFE, replace(LIFE, sunset=day(99)), {"sunset": "1 day earlier"}),
    (LIFE, replace(LIFE, removed=day(198)), {"removed": "2 days earlier"}),
    (LIFE, replace(LIFE, deprecated=day(30)), {"deprecated": "10 days less until the sunset"}),
    (LIFE, replace(LIFE, deprecated=day(30), sunset=day(110)), {}),
    (
        LIFE,
        replace(LIFE, deprecated=None),
        {"deprecated": "callers lose the notice from 2026-01-21T00:00:00Z on"},
    ),
    (LIFE, replace(LIFE, announced=day(15)), {"announced": "5 days less until the sunset"}),
    (LIFE, replace(LIFE, announced=day(5), deprecated=day(6), sunset=day(101)), {}),
    (GRACED, LIFE, {"grace of acme": "ends 50 days earlier for acme"}),
    (GRACED, replace(LIFE, sunset=day(160)), {}),
    (LIFE, GRACED, {}),
    (NEVER_ENDS, LIFE, {}),
    (
        NEVER_ENDS,
        replace(LIFE, announced=None, deprecated=None, sunset=NOW),
        {"sunset": "takes effect at once"},
    ),
    (LIFE, NEVER_ENDS, {}),
]


@pytest.mark.parametrize(("old", "new", "short"), SHORTENED)
def test_what_shortens_notice(old: Lifecycle, new: Lifecycle, short: dict[str, str]) -> None:
    assert {one.what: one.shortened for one in changes(old, new, NOW) if one.shortened} == short


@pytest.mark.parametrize(
    ("minimum", "dates", "since", "said"),
    [
        (0, LIFE, None, None),
        (90 * DAY, LIFE, None, None),
        (91 * DAY, LIFE, None, "gives 90 days of notice; the minimum is 91 days"),
        (90 * DAY, LIFE, day(30), "gives 70 days of notice; the minimum is 90 days"),
        (90 * DAY, LIFE, day(3), None),
        (DAY, LIFE, day(120), "gives 0 days of notice; the minimum is 1 day"),
        (
            DAY,
            Lifecycle(sunset=day(50)),
            None,
            "how much notice it gives cannot be told; the minimum is 1 day",
        ),
        (DAY, Lifecycle(sunset=day(50)), day(1), None),
        (DAY, Lifecycle(deprecated=day(50)), day(1), None),
    ],
)
def test_notice_below_the_minimum(
    minimum: int, dates: Lifecycle, since: int | None, said: str | None
) -> None:
    assert shorter_than(minimum, dates, since) == said


def test_gates_in_words() -> None:
    conditions = (
        OldShare(0.01, DAY),
        CriticalUnseen(DAY),
        SuccessorErrors(DAY, 0.005),
        ContactsNotified(2 * DAY),
    )
    gated = replace(LIFE, accept=Accept(conditions, Unmet.HOLD, 14 * DAY, Unknown.ENFORCE))
    (said,) = changes(LIFE, gated, NOW)
    assert said.after == (
        "old_share below 1.00% over 1 day, critical_unseen over 1 day, successor_errors with 0.50% more "
        "over 1 day, contacts_notified over 2 days; else hold for 14 days at most; unknown: enforce"
    )
    assert (said.what, said.before, said.shortened) == ("gate", None, None)


def test_days_in_words() -> None:
    assert [in_days(length) for length in (0, DAY, DAY // 2, 10 * DAY)] == [
        "0 days",
        "1 day",
        "0.5 days",
        "10 days",
    ]


# who is hit

EDITED = (
    YAML.replace("sunset: 2026-06-01", "sunset: 2026-05-25")
    .replace("percent: 30", "percent: 60")
    .replace("until: 2026-07-01", "until: 2026-06-20")
    .replace('path: "/all"', 'path: "/everything"')
    .replace("removed: 2026-09-01", "removed: 2026-08-01")
)
NEW = switched(plan_of(EDITED), Switches(seen={("accounts", "v1", ms("2026-03-01")): SEEN}))
ENDPOINTS = ["*", "/read", "/both", "/all", "/alone"]
LABELS = ["acme", "beta", "gamma", "anonymous", "other", "~aa", "~bb"]
USES = [
    Use("accounts", "v1", endpoint, label, "forwarded", 1, FIRST, FIRST)
    for endpoint in ENDPOINTS
    for label in LABELS
]


@pytest.mark.parametrize(("old", "new"), [(PLAN, NEW), (NEW, PLAN)], ids=["edited", "taken back"])
def test_effects_are_what_differs_at_every_instant(old: Plan, new: Plan) -> None:
    before, after = Fates(old), Fates(new)
    found = effects(old, new, USES, FIRST)

    @given(st.sampled_from(ENDPOINTS), st.sampled_from(LABELS), st.integers(FIRST, LAST))
    @rule
    def at_an_instant(endpoint: str, label: str, at: int) -> None:
        place = Place("accounts", "v1", endpoint)
        was, becomes = before.fate(place, label, at), after.fate(place, label, at)
        own = [one for one in found if (one.calls.place, one.calls.consumer) == (place, label)]
        now = [one for one in own if one.start <= at and (one.end is None or at < one.end)]
        if was.outcome is becomes.outcome:
            assert now == []
        else:
            (one,) = now
            assert one.becomes.outcome is becomes.outcome

    at_an_instant()
    assert {one.becomes.outcome for one in found} >= {Outcome.UNDECIDED}


def test_what_did_not_change_has_no_effect() -> None:
    assert effects(PLAN, PLAN, USES, FIRST) == []
