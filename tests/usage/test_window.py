"""Counts over a window: what is in it, what has left it, how slow the slowest hundredth was."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.usage.instruments import FINE_BUCKETS
from duskgate.usage.window import LONGEST_PART, Counts, Sides, Window, part_of

SECOND = 1000
NONE = Counts()


def counts(seconds: Sequence[float], errors: int = 0) -> Counts:
    times = [0] * (len(FINE_BUCKETS) + 1)
    for one in seconds:
        times[bisect_left(FINE_BUCKETS, one)] += 1
    return Counts(errors, tuple(times))


def sides(new: int, old: int = 0, errors: int = 0) -> Sides:
    """So many requests to each, all of them fast."""
    return Sides(counts([0.01] * new, errors), counts([0.01] * old))


def requests(found: Sides | None) -> tuple[int, int] | None:
    return None if found is None else (found.new.requests, found.old.requests)


def test_what_was_counted_before_the_first_look_is_in_no_window() -> None:
    window = Window(10 * SECOND)
    window.add(0, sides(1000, 1000))
    assert window.whole() is None
    window.add(SECOND, sides(1003, 1001))
    assert requests(window.whole()) == (3, 1)


def test_what_is_older_than_the_window_has_left_it() -> None:
    window = Window(10 * SECOND)
    for second in range(31):
        window.add(second * SECOND, sides(second * 2, second))
    assert requests(window.whole()) == (20, 10)
    assert requests(window.latest()) == (2, 1)


@given(st.lists(st.tuples(st.integers(1, 8_000), st.integers(0, 50)), min_size=2, max_size=60))
def test_a_window_reaches_back_as_far_as_it_should_and_holds_no_more_than_it_needs(
    steps: list[tuple[int, int]],
) -> None:
    window, now, total = Window(10 * SECOND), 0, 0
    seen: list[tuple[int, int]] = []
    for length, number in steps:
        now, total = now + length, total + number
        window.add(now, sides(total))
        seen.append((now, total))
    before = [count for at, count in seen if at <= now - 10 * SECOND]
    start = before[-1] if before else seen[0][1]
    if len(seen) > 1 and (not before or seen[-2][0] > now - 10 * SECOND):
        assert requests(window.whole()) == (total - start, 0)
    assert len(window._looks) <= sum(at > now - 10 * SECOND for at, _ in seen) + 2


def test_a_counter_that_goes_backwards_begins_anew() -> None:
    window = Window(10 * SECOND)
    window.add(0, sides(50))
    window.add(SECOND, sides(60))
    window.add(2 * SECOND, sides(5))
    assert window.whole() is None
    window.add(3 * SECOND, sides(9))
    assert requests(window.whole()) == (4, 0)


@pytest.mark.parametrize(
    ("window", "part"), [(2_000, 200), (60_000, 6_000), (300_000, 10_000), (3_600_000, LONGEST_PART)]
)
def test_a_window_is_looked_at_ten_times_or_more_often(window: int, part: int) -> None:
    assert part_of(window) == part
    looked = Window(window)
    looked.add(0, sides(0))
    assert not looked.due(part - 1)
    assert looked.due(part)


@given(
    st.lists(st.floats(0.006, 50), min_size=100, max_size=200),
    st.sampled_from([0.5, 1, 1.5, 3]),
)
def test_the_slowest_hundredth_is_known_to_a_tenth(times: list[float], ratio: float) -> None:
    counted = counts(times)
    ordered = sorted(times)
    exact = ordered[-(-99 * len(times) // 100) - 1]
    assert exact / 1.11 <= counted.p99() <= exact * 1.11
    bound = counted.p99() * ratio
    if bound < FINE_BUCKETS[-1]:
        surely, perhaps = (sum(one > bound * factor for one in times) for factor in (1.11, 1 / 1.11))
        assert surely <= counted.slower(bound) + 1e-6
        assert counted.slower(bound) <= perhaps + 1e-6


def test_what_is_faster_than_five_milliseconds_is_all_alike() -> None:
    assert counts([0.0002] * 100).p99() == counts([0.004] * 100).p99() == 0.005
    assert counts([0.0049] * 100).slower(0.005) == 0


def test_what_is_slower_than_the_last_bucket_is_slower_than_every_bound_in_it() -> None:
    assert counts([100.0] * 10).slower(60.0) > 9.99
    assert counts([100.0] * 10).p99() == FINE_BUCKETS[-1]
    assert counts([100.0] * 10).slower(FINE_BUCKETS[-1] * 2) == 0
    assert NONE.p99() == 0
