"""Brownouts as they are written: series, ladders, growth, and shares of the consumers that only grow."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duskgate.policy import Brownout, Plan, decide, request
from duskgate.policy.accept import Verdict
from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Window
from duskgate.policy.switches import Judged, Switches, switched
from tests.policy.world import ms, one_api

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CALLERS = [f"user-{number}" for number in range(400)]


def plan(*brownouts: str, endpoint: str = "{}") -> Plan:
    listed = ", ".join(brownouts)
    dates = f"announced: 2026-09-01, deprecated: 2026-10-01, sunset: 2027-06-01, brownouts: [{listed}]"
    versions = f"{{v1: {{backend: old, lifecycle: {{{dates}}}}}}}"
    endpoints = f"[{{path: /a, versions: {{v1: {{lifecycle: {endpoint}}}}}}}]"
    return one_api(f"{{path: /x, default: v1, versions: {versions}, endpoints: {endpoints}}}")


def windows(one: Plan) -> tuple[Window, ...]:
    return one.apis["accounts"].rules["v1"].lifecycle.brownouts


def minutes(one: Plan) -> list[tuple[str, int]]:
    """When each window starts, and how long it is."""
    return [(rfc3339(window.start)[:16], (window.end - window.start) // 60_000) for window in windows(one)]


SERIES = [
    ("one", "{from: 2026-11-01, for: 1h}", [("2026-11-01T00:00", 60)]),
    ("until", "{from: 2026-11-01, until: '2026-11-01T00:10:00Z'}", [("2026-11-01T00:00", 10)]),
    ("relative", "{from: +61d, for: 1h}", [("2026-11-01T00:00", 60)]),
    ("relative until", "{from: +61d, until: +61d20m}", [("2026-11-01T00:00", 20)]),
    ("series", "{from: 2026-11-01, for: 1h, every: 1d, times: 3}",
     [("2026-11-01T00:00", 60), ("2026-11-02T00:00", 60), ("2026-11-03T00:00", 60)]),
    ("growing", "{from: 2026-11-01, for: 5m, every: 1d, times: 3, growth: 4}",
     [("2026-11-01T00:00", 5), ("2026-11-02T00:00", 20), ("2026-11-03T00:00", 80)]),
    ("growing to the very next one", "{from: 2026-11-01, for: 6h, every: 1d, times: 2, growth: 4}",
     [("2026-11-01T00:00", 360), ("2026-11-02T00:00", 1440)]),
    ("ladder", "{from: 2026-11-01, ladder: [5m, 1h, 30m], every: 1w}",
     [("2026-11-01T00:00", 5), ("2026-11-08T00:00", 60), ("2026-11-15T00:00", 30)]),
    ("ladder of one", "{from: 2026-11-01, ladder: [5m]}", [("2026-11-01T00:00", 5)]),
]  # fmt: skip


@pytest.mark.parametrize(("written", "found"), [case[1:] for case in SERIES], ids=[c[0] for c in SERIES])
def test_a_series_is_its_windows(written: str, found: list[tuple[str, int]]) -> None:
    assert minutes(plan(written)) == found


def hit(one: Plan, at: int, callers: list[str] = CALLERS, target: str = "/x/b") -> set[str]:
    """Who is refused in a brownout."""
    asked = request("GET", target)
    return {
        caller
        for caller in callers
        if isinstance(decide(one, asked._replace(caller=caller), {}, at), Brownout)
    }


STEPS = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=4)


@few
@given(STEPS, st.integers(1, 4))
def test_a_ramp_lets_nobody_out_again(steps: list[tuple[int, int]], times: int) -> None:
    """From window to window of a series, and within each of them."""
    afters = sorted({after for after, _ in steps})
    percents = sorted(percent for _, percent in steps)
    ramp = ", ".join(
        f"{{after: {after}m, percent: {percent}}}" for after, percent in zip(afters, percents, strict=False)
    )
    every = ", every: 50m" if times > 1 else ""
    one = plan(f"{{from: 2026-11-01, for: 20m{every}, times: {times}, ramp: [{ramp}]}}")
    before: set[str] = set()
    for window in windows(one):
        for at in range(window.start, window.end, 120_000):
            now = hit(one, at, CALLERS[:25])
            assert now >= before
            before = now


@few
@given(st.integers(0, 100), st.integers(0, 100))
def test_a_raised_percentage_lets_nobody_out(one: int, other: int) -> None:
    low, high = sorted((one, other))
    series = plan(
        f"{{from: 2026-11-01, for: 1h, percent: {low}}}", f"{{from: 2026-12-01, for: 1h, percent: {high}}}"
    )
    first, second = (hit(series, ms(day), CALLERS[:60]) for day in ("2026-11-01", "2026-12-01"))
    assert first <= second


def test_the_endpoints_of_a_version_hit_the_same_consumers() -> None:
    one = plan("{from: 2026-11-01, for: 1h, percent: 30}", endpoint="{sunset: 2027-05-01}")
    at = ms("2026-11-01")
    assert hit(one, at, target="/x/a") == hit(one, at, target="/x/b")
    assert 60 < len(hit(one, at)) < 180


def test_another_configuration_of_the_same_version_hits_the_same_consumers() -> None:
    early = plan("{from: 2026-11-01, for: 1h, percent: 30}")
    late = plan("{from: 2026-12-01, for: 2h, percent: 30, exempt: [acme]}")
    assert hit(early, ms("2026-11-01")) == hit(late, ms("2026-12-01"))


@pytest.mark.parametrize(("percent", "number"), [("0", 0), ("0.004", 0), ("100", 400), ("100%", 400)])
def test_nobody_and_everybody(percent: str, number: int) -> None:
    one = plan(f"{{from: 2026-11-01, for: 1h, percent: '{percent}'}}")
    assert len(hit(one, ms("2026-11-01"))) == number


def test_before_the_first_step_of_a_ramp_nobody_is_hit() -> None:
    one = plan("{from: 2026-11-01, for: 1h, ramp: [{after: 30m, percent: 100}]}")
    assert hit(one, ms("2026-11-01T00:29:59")) == set()
    assert len(hit(one, ms("2026-11-01T00:30:00"))) == len(CALLERS)


def test_an_exempt_consumer_is_spared_and_nobody_else() -> None:
    one = plan("{from: 2026-11-01, for: 1h, exempt: [acme]}")
    asked, at = request("GET", "/x"), ms("2026-11-01")
    assert not isinstance(decide(one, asked._replace(consumer="acme", caller="acme"), {}, at), Brownout)
    assert isinstance(decide(one, asked._replace(caller="acme"), {}, at), Brownout), "a key named like it"


def test_a_gate_does_not_move_brownouts() -> None:
    one = plan("{from: 2026-11-01, for: 1h}")
    verdict = {("accounts", "v1", "*"): Judged(Verdict.UNMET)}
    assert windows(switched(one, Switches(gates=verdict))) == windows(one)


INHERITED = """{{path: /x, default: v1, versions: {{v1: {{backend: old, lifecycle: {{deprecated: 2026-10-01,
  sunset: 2027-01-01, brownouts: [{{from: 2026-11-01, for: 1h, every: 30d, times: 2}}]}}}}}},
  endpoints: [{{path: /a, versions: {{v1: {{lifecycle: {own}}}}}}}]}}"""

OWN = [
    ("nothing of its own", "{}", 2),
    ("a later sunset", "{sunset: 2027-06-01}", 2),
    ("told between the two", "{deprecated: 2026-11-15, sunset: 2027-06-01}", 1),
    ("told after both", "{deprecated: 2027-02-01, sunset: 2027-06-01}", 0),
    ("announced after both", "{announced: 2027-02-01, deprecated: 2027-02-01, sunset: 2027-06-01}", 0),
    ("announced in time", "{announced: 2026-09-01, deprecated: 2027-02-01, sunset: 2027-06-01}", 2),
    ("a sunset between the two", "{sunset: 2026-11-15}", 1),
    ("held back by a gate over the second", "{sunset: 2026-11-15, accept: {critical_unseen: 1d}}", 1),
    ("a sunset at the second", "{sunset: 2026-12-01, accept: {critical_unseen: 1d}}", 1),
    ("no sunset", "{sunset: null}", 0),
    ("none of its own", "{brownouts: []}", 0),
]


@pytest.mark.parametrize(("own", "number"), [case[1:] for case in OWN], ids=[case[0] for case in OWN])
def test_an_inherited_brownout_comes_neither_before_its_callers_are_told_nor_after_the_sunset(
    own: str, number: int
) -> None:
    one = one_api(INHERITED.format(own=own))
    hits = [hit(one, ms(day), CALLERS[:1], "/x/a") for day in ("2026-11-01", "2026-12-01")]
    assert sum(map(len, hits)) == number
    assert one.apis["accounts"].endpoints is not None
    (rules,) = one.apis["accounts"].endpoints.values()
    assert len(rules["v1"].lifecycle.brownouts) == number, "nor is one told of"
    assert all(len(hit(one, ms(day), CALLERS[:1])) == 1 for day in ("2026-11-01", "2026-12-01"))
