"""Brownouts: half-open windows in which the sunset is rehearsed."""

import pytest

from duskgate.policy import Brownout, Forward, Gone, Phase, Window
from tests.policy.world import ACCOUNTS, ask, expect, ms, one_api, plan_of

PLAN = plan_of(ACCOUNTS)
START, END = ms("2026-12-01T14:00:00"), ms("2026-12-01T15:00:00")


@pytest.mark.parametrize(
    ("at", "kind"),
    [(START - 1, Forward), (START, Brownout), (END - 1, Brownout), (END, Forward)],
    ids=["before", "at the start", "before the end", "at the end"],
)
def test_the_start_is_in_it_and_the_end_is_not(at: int, kind: type) -> None:
    assert type(ask(PLAN, "/api/v1/users", at=at)) is kind


def test_it_says_when_it_ends_and_in_which_phase() -> None:
    decision = expect(Brownout, ask(PLAN, "/api/v1/users", at=START))
    assert (decision.window, decision.phase) == (Window(START, END), Phase.DEPRECATED)
    assert decision.successor == b"/api/v2/users"


@pytest.mark.parametrize(
    ("target", "flags"),
    [("/api/v2/users", []), ("/api/users", ["move-to-v2"])],
    ids=["other version", "moved by flag"],
)
def test_it_leaves_other_versions_alone(target: str, flags: list[str]) -> None:
    assert type(ask(PLAN, target, flags=dict.fromkeys(flags, True), at=START)) is Forward


SEVERAL = one_api("""{path: /x, default: v1, versions: {v1: {backend: old, lifecycle: {sunset: 2027-01-01,
  brownouts: [{from: 2026-12-03, for: 1h}, {from: 2026-12-01, for: 1h},
    {from: 2026-12-31T23:00:00Z, for: 1h}]}}}}""")

TABLE = [
    ("in the earliest", "2026-12-01T00:30:00", Brownout),
    ("between", "2026-12-02", Forward),
    ("in the one written first", "2026-12-03T00:30:00", Brownout),
    ("in the last hour", "2026-12-31T23:59:59", Brownout),
    ("and then the sunset", "2027-01-01", Gone),
]


@pytest.mark.parametrize(("at", "kind"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE])
def test_several_in_any_order(at: str, kind: type) -> None:
    assert type(ask(SEVERAL, "/x", at=at)) is kind
