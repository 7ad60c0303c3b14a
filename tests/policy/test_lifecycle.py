"""Phases: a date belongs to the phase it begins, and time never turns back."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy import Brownout, Decision, Forward, Gone, Removed
from tests.policy.world import ACCOUNTS, ask, ms, one_api, plan_of, rule

PLAN = plan_of(ACCOUNTS)

EDGES = [
    ("announced", "2026-09-01", ("Forward active", False), ("Forward active", True)),
    ("deprecated", "2026-10-01", ("Forward active", True), ("Forward deprecated", True)),
    ("sunset", "2027-01-01", ("Forward deprecated", True), ("Gone", True)),
    ("removed", "2027-04-01", ("Gone", True), ("Removed", True)),
]


def stands(decision: Decision) -> tuple[str, bool]:
    assert isinstance(decision, (Forward, Gone, Brownout, Removed))
    phase = f" {decision.phase}" if isinstance(decision, Forward) else ""
    return type(decision).__name__ + phase, decision.marks.told


@pytest.mark.parametrize(("date", "before", "since"), [case[1:] for case in EDGES], ids=[c[0] for c in EDGES])
def test_a_date_begins_its_phase(date: str, before: tuple[str, bool], since: tuple[str, bool]) -> None:
    found = [stands(ask(PLAN, "/api/v1/users", at=ms(date) + off)) for off in (-1, 0, 1)]
    assert found == [before, since, since]


PARTIAL = [
    ("no lifecycle", "{}", "2030-01-01", ("Forward active", False)),
    ("announced alone", "{announced: 2026-01-01}", "2030-01-01", ("Forward active", False)),
    ("deprecated alone", "{deprecated: 2026-10-01}", "2030-01-01", ("Forward deprecated", True)),
    ("before deprecated", "{deprecated: 2026-10-01, sunset: 2027-01-01}", "2026-08-01",
     ("Forward active", False)),
    ("a sunset alone is always told", "{sunset: 2027-01-01}", "2026-08-01", ("Forward active", True)),
    ("a sunset alone", "{sunset: 2027-01-01}", "2027-01-01", ("Gone", True)),
    ("never removed", "{sunset: 2027-01-01}", "2999-01-01", ("Gone", True)),
    ("all at once", "{deprecated: 2027-01-01, sunset: 2027-01-01, removed: 2027-01-01}", "2027-01-01",
     ("Removed", True)),
    ("before the epoch", "{sunset: 1969-01-01}", "1968-12-31", ("Forward active", True)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lifecycle", "at", "found"), [case[1:] for case in PARTIAL], ids=[c[0] for c in PARTIAL]
)
def test_dates_left_out(lifecycle: str, at: str, found: tuple[str, bool]) -> None:
    plan = one_api(f"{{path: /x, default: v1, versions: {{v1: {{backend: old, lifecycle: {lifecycle}}}}}}}")
    assert stands(ask(plan, "/x", at=at)) == found


ORDER = ["Forward active", "Forward deprecated", "Gone", "Removed"]
dates = st.lists(st.none() | st.integers(min_value=0, max_value=200_000), min_size=4, max_size=4)


def written(days: list[int | None]) -> str:
    """The days, in order, under the names of a lifecycle; a removal needs a sunset."""
    given_days = iter(sorted(day for day in days if day is not None))
    names = ("announced", "deprecated", "sunset", "removed")
    pairs = {name: next(given_days) for name, day in zip(names, days, strict=True) if day is not None}
    if "sunset" not in pairs:
        pairs.pop("removed", None)
    return ", ".join(f"{name}: '{day_text(day)}'" for name, day in pairs.items())


def day_text(day: int) -> str:
    """A day of a calendar of 28-day months, 336 to the year, which are days of ours too."""
    year, rest = divmod(day, 336)
    return f"{1970 + year:04d}-{rest // 28 + 1:02d}-{rest % 28 + 1:02d}"


@rule
@given(dates, st.lists(st.integers(min_value=-(10**14), max_value=10**14), min_size=2, max_size=12))
def test_phases_never_go_backwards(days: list[int | None], instants: list[int]) -> None:
    lifecycle = f"{{{written(days)}}}"
    plan = one_api(f"{{path: /x, default: v1, versions: {{v1: {{backend: old, lifecycle: {lifecycle}}}}}}}")
    found = [stands(ask(plan, "/x", at=instant)) for instant in sorted(instants)]
    for (earlier, told_earlier), (later, told_later) in pairwise(found):
        assert ORDER.index(earlier) <= ORDER.index(later)
        assert told_earlier <= told_later


@rule
@given(st.integers(), st.sampled_from(["GET", "DELETE", "BREW"]), st.booleans())
def test_any_moment_can_be_asked_about(now: int, method: str, flag: bool) -> None:
    decision = ask(PLAN, "/api/users", method=method, flags={"move-to-v2": flag}, at=now)
    assert stands(decision)[0] in ORDER or isinstance(decision, Brownout)
