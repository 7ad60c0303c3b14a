"""Judging rollouts: what trips a guard, and what must not."""

from __future__ import annotations

import random

import pytest

from duskgate.policy.guard import Action, Guard
from duskgate.usage.guard import Judged, Verdict, judge, obstacle
from duskgate.usage.window import Counts, Sides, Window
from tests.policy.world import ms, one_api
from tests.usage.test_window import counts

NAMES = ("v2", "v1")
WITHIN, OVER, UNKNOWN = Verdict


def guard(delta: float | None = 0.01, ratio: float | None = None, least: int = 200) -> Guard:
    return Guard(60_000, least, delta, ratio, Action.ROLLBACK)


def rates(new: tuple[int, int], old: tuple[int, int]) -> Sides:
    """Requests and errors of each."""
    return Sides(counts([0.01] * new[0], new[1]), counts([0.01] * old[0], old[1]))


QUIET = rates((0, 0), (0, 0))


def judged(window: Sides, latest: Sides | None = None, before: int = 0, **bounds: float | None) -> Judged:
    return judge(guard(**bounds), NAMES, window, window if latest is None else latest, before)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("new", "old", "verdict"),
    [
        ((199, 199), (5000, 0), UNKNOWN),
        ((5000, 5000), (199, 0), UNKNOWN),
        ((200, 200), (200, 0), OVER),
        ((200, 0), (200, 0), WITHIN),
        ((1000, 10), (1000, 0), WITHIN),
        ((200, 4), (200, 0), WITHIN),  # 2 %, of which chance explains that much
        ((200, 7), (200, 0), OVER),
        ((100_000, 1100), (100_000, 0), OVER),  # 1.1 %, of which it does not
        ((1000, 300), (1000, 300), WITHIN),  # both fail alike: it is not the new version's doing
        ((1000, 20), (1000, 900), WITHIN),
        ((1000, 1000), (1000, 995), WITHIN),  # nothing can fail more than always
    ],
)
def test_errors_are_compared(new: tuple[int, int], old: tuple[int, int], verdict: Verdict) -> None:
    assert judged(rates(new, old)).verdict is verdict


def test_with_a_delta_of_nothing_every_error_more_counts() -> None:
    assert judged(rates((200, 1), (200, 0)), delta=0.0).verdict is OVER
    assert judged(rates((200, 1), (200, 1)), delta=0.0).verdict is WITHIN


def times(new: list[float], old: list[float]) -> Sides:
    return Sides(counts(new), counts(old))


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        ([0.05] * 1000, WITHIN),
        ([0.07] * 1000, WITHIN),
        ([0.09] * 1000, OVER),
        ([0.05] * 980 + [1.0] * 20, OVER),
        ([0.05] * 995 + [1.0] * 5, WITHIN),
        ([0.05] * 988 + [1.0] * 12, WITHIN),  # a hundredth, and chance
    ],
)
def test_the_slowest_hundredth_is_compared(new: list[float], verdict: Verdict) -> None:
    assert judged(times(new, [0.05] * 1000), delta=None, ratio=1.5).verdict is verdict


def test_jitter_of_fast_backends_is_no_slowness() -> None:
    assert judged(times([0.0045] * 500, [0.001] * 500), delta=None, ratio=1.5).verdict is WITHIN


def test_it_takes_two_looks_in_a_row() -> None:
    bad = rates((200, 100), (200, 0))
    first = judged(bad)
    assert (first.in_a_row, first.trips) == (1, False)
    second = judged(bad, before=first.in_a_row)
    assert second.trips
    good = judged(rates((200, 0), (200, 0)), before=1)
    assert good.in_a_row == 0


def test_what_has_passed_is_let_pass() -> None:
    since = rates((20, 0), (20, 0))
    found = judged(rates((200, 50), (200, 0)), since, before=1)
    assert (found.verdict, found.in_a_row) == (WITHIN, 0)
    assert "it has passed" in found.reasons[0]


def test_silence_neither_trips_nor_clears() -> None:
    found = judged(rates((200, 100), (200, 0)), QUIET, before=1)
    assert (found.verdict, found.in_a_row) == (OVER, 1)


def test_reasons_have_the_numbers() -> None:
    found = judged(Sides(counts([0.5] * 400, 100), counts([0.05] * 800, 8)), ratio=1.5)
    assert found.reasons == (
        "errors: v2 25.00% of 400, v1 1.00% of 800; 1.00% more is all right",
        "p99: v2 0.534 s, v1 0.0541 s; 1.5 times as long is all right",
    )


def replay(rng: random.Random, new: float, old: float, each: int) -> int | None:
    """At which of an hour's looks a guard of 1 % over 5 min trips, with so many requests to a look."""
    window, total, in_a_row = Window(300_000), Sides(Counts(), Counts()), 0
    bound = guard(least=200)
    for look in range(360):
        lately = Sides(*(_some(each, sum(rng.random() < rate for _ in range(each))) for rate in (new, old)))
        total = Sides(*(_sum(one, more) for one, more in zip(total, lately, strict=True)))
        window.add(look * 10_000, total)
        whole, latest = window.whole(), window.latest()
        if whole is None or latest is None:
            continue
        found = judge(bound, NAMES, whole, latest, in_a_row)
        in_a_row = found.in_a_row
        if found.trips:
            return look
    return None


def _some(number: int, errors: int) -> Counts:
    return Counts(errors, (number, *Counts().times[1:]))


def _sum(one: Counts, more: Counts) -> Counts:
    return Counts(one.errors + more.errors, tuple(a + b for a, b in zip(one.times, more.times, strict=True)))


def test_an_hour_of_chance_trips_nothing() -> None:
    rng = random.Random(3)  # noqa: S311
    assert [replay(rng, 0.01, 0.01, each) for each in (7, 7, 7, 50, 50)] == [None] * 5


def test_a_version_that_fails_three_times_as_often_as_it_may_is_found_within_two_windows() -> None:
    rng = random.Random(4)  # noqa: S311
    found = [replay(rng, 0.035, 0.005, 50) for _ in range(5)]
    assert all(look is not None and look < 60 for look in found), found


PAST = ms("2027-01-02")
WELL = counts([0.01] * 100, 19)


@pytest.mark.parametrize(
    ("lifecycle", "down", "old", "said"),
    [
        ("{}", False, WELL, None),
        ("{}", True, WELL, "all targets of v1 are down by their health checks"),
        ("{}", False, counts([0.01] * 100, 20), "v1 itself answers 20.00% of 100 requests with errors"),
        ("{sunset: 2027-01-01}", False, WELL, "v1 is past its sunset"),
        ("{sunset: 2026-12-01, removed: 2027-01-01}", False, WELL, "v1 is past its removal"),
        ("{sunset: 2027-02-01}", False, WELL, None),
        (
            "{sunset: 2027-02-01, brownouts: [{from: 2027-01-02, for: 1h}]}",
            False,
            WELL,
            "v1 is in a brownout until 2027-01-02T01:00:00Z",
        ),
    ],
)
def test_nobody_is_moved_back_to_what_is_unhealthy_or_has_ended(
    lifecycle: str, down: bool, old: Counts, said: str | None
) -> None:
    versions = f"{{v1: {{backend: old, lifecycle: {lifecycle}}}, v2: {{backend: new}}}}"
    plan = one_api(f"{{path: /x, default: v1, versions: {versions}}}")
    rule = plan.apis["accounts"].rules["v1"]
    assert obstacle(rule, down, old, PAST) == said
