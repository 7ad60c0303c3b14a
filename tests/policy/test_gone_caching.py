"""How long a 410 may be cached: never past the moment when another answer may come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy import Gone
from tests.policy.world import ask, expect, ms, one_api, rule

LIFE = "deprecated: 2026-10-01, sunset: 2027-01-01"
GRACE = "grace: [{consumer: acme, until: 2027-02-01, owner: jane, reason: contract}]"
SUNSET, REMOVED = ms("2027-01-01"), ms("2027-04-01")


def max_age(lifecycle: str, at: int, resolve: str = "[]", consumer: str | None = None) -> int:
    plan = one_api(f"""{{path: /x, default: v1, resolve: {resolve},
        versions: {{v1: {{backend: old, lifecycle: {{{lifecycle}}}}}}}}}""")
    return expect(Gone, ask(plan, "/x", at=at, consumer=consumer)).max_age


TABLE = [
    ("never removed", LIFE, SUNSET, "[]", 300),
    ("long before the removal", f"{LIFE}, removed: 2027-04-01", SUNSET, "[]", 300),
    ("5 minutes before", f"{LIFE}, removed: 2027-04-01", REMOVED - 300_000, "[]", 300),
    ("a moment later", f"{LIFE}, removed: 2027-04-01", REMOVED - 299_999, "[]", 299),
    ("the last second", f"{LIFE}, removed: 2027-04-01", REMOVED - 1_000, "[]", 1),
    ("the last moment", f"{LIFE}, removed: 2027-04-01", REMOVED - 1, "[]", 0),
    ("where somebody has grace", f"{LIFE}, {GRACE}", SUNSET, "[]", 0),
    ("where a flag decides", LIFE, SUNSET, "[{flag: f, version: v1}]", 0),
    ("where a header decides", LIFE, SUNSET, "[{header: Api-Version}]", 300),
]


@pytest.mark.parametrize(
    ("lifecycle", "at", "resolve", "seconds"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE]
)
def test_seconds(lifecycle: str, at: int, resolve: str, seconds: int) -> None:
    assert max_age(lifecycle, at, resolve) == seconds


PLAN = one_api(f"""{{path: /x, default: v1, versions: {{v1: {{backend: old,
    lifecycle: {{{LIFE}, removed: 2027-04-01}}}}}}}}""")


@rule
@given(st.integers(min_value=SUNSET, max_value=REMOVED - 1))
def test_never_past_the_removal(now: int) -> None:
    age = expect(Gone, ask(PLAN, "/x", at=now)).max_age
    assert 0 <= age <= 300
    assert now + age * 1_000 <= REMOVED
