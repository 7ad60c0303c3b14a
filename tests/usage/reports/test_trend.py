"""Where daily counts are heading."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from duskgate.usage.reports.period import DAY, Period, from_instant, last_days
from duskgate.usage.reports.trend import FEWEST_DAYS, FURTHEST_DAYS, days_to_zero, mean
from tests.policy.world import ms, rule

counts = st.lists(st.integers(0, 10**9), min_size=FEWEST_DAYS, max_size=120)


@given(st.integers(1, 10**6), st.integers(FEWEST_DAYS, 200), st.integers(0, 200))
@rule
def test_a_straight_line_is_followed_to_its_end(step: int, days: int, left: int) -> None:
    """A day's count stands in its middle."""
    line = [step * (days + left - day) for day in range(days)]
    ahead = days_to_zero(line)
    assert ahead == pytest.approx(left + 0.5)


@given(counts, st.integers(2, 1000))
@rule
def test_how_many_callers_there_are_does_not_matter(some: list[int], times: int) -> None:
    ahead, of_more = days_to_zero(some), days_to_zero([count * times for count in some])
    assert of_more == (None if ahead is None else pytest.approx(ahead))


@given(counts)
@rule
def test_it_only_ever_comes_where_the_line_falls(some: list[int]) -> None:
    ahead = days_to_zero(some)
    if ahead is None:
        return
    assert 0 <= ahead <= FURTHEST_DAYS
    assert days_to_zero(some[::-1]) is None, "backwards it rises"
    middle = (len(some) - 1) / 2
    assert sum((day - middle) * count for day, count in enumerate(some)) < 0


@given(counts, st.integers(1, 10**6))
@rule
def test_more_calls_every_day_never_bring_the_end_nearer(some: list[int], more: int) -> None:
    ahead, later = days_to_zero(some), days_to_zero([count + more for count in some])
    assume(ahead is not None)
    assert later is None or (ahead is not None and later >= ahead)


@pytest.mark.parametrize(
    "some",
    [[], [9] * 6, [9] * 30, [0] * 30, [1, 2, 3, 4, 5, 6, 7], [10**9] * 9 + [10**9 - 1], [9, 5, 1]],
    ids=["nothing", "too few", "level", "no call", "rising", "as good as level", "a falling line too short"],
)
def test_where_nothing_can_be_said(some: list[int]) -> None:
    assert days_to_zero(some) is None


def test_who_has_stopped_is_there_already() -> None:
    assert days_to_zero([90, 0, 0, 0, 0, 0, 0, 0, 0, 0]) == 0


def test_means() -> None:
    assert mean([]) is None
    assert mean([1, 2]) == 1.5


# days


@given(st.integers(0, 4 * 10**12), st.integers(1, 3650))
@rule
def test_periods_are_whole_days(now: int, days: int) -> None:
    period = last_days(now, days)
    assert period.since % DAY == period.today % DAY == period.before % DAY == 0
    assert period.days == days
    assert period.since - period.before == period.today - period.since
    assert period.today <= now < period.today + DAY
    assert from_instant(period.since, now) == from_instant(period.since + DAY - 1, now) == period
    assert len(period.whole_days(period.since, period.today, period.since)) == days


def test_a_day_that_is_not_wholly_on_record_does_not_count() -> None:
    period = Period(ms("2026-11-01"), ms("2026-11-24T12:00:00"))
    begins = ms("2026-11-03T00:00:01")
    assert period.whole_days(period.since, period.today, begins)[0] == ms("2026-11-04")
    assert period.whole_days(period.since, period.today, ms("2026-11-03"))[0] == ms("2026-11-03")
    assert len(period.whole_days(period.since, period.today, None)) == 0
    assert len(period.whole_days(period.since, period.today, period.now)) == 0
