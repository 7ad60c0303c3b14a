"""A named consumer's later sunset."""

import pytest

from duskgate.policy import Forward, Gone, Removed
from tests.policy.world import ACCOUNTS, answered, ask, expect, forwarded, ms, one_api, plan_of, values

PLAN = plan_of(ACCOUNTS)
OWN_SUNSET = b"Mon, 01 Feb 2027 00:00:00 GMT"
SUNSET = b"Fri, 01 Jan 2027 00:00:00 GMT"

EDGES = [
    ("before the sunset", "2027-01-01", -1, (Forward, Forward)),
    ("at the sunset", "2027-01-01", 0, (Forward, Gone)),
    ("before its end", "2027-02-01", -1, (Forward, Gone)),
    ("at its end", "2027-02-01", 0, (Gone, Gone)),
    ("at the removal", "2027-04-01", 0, (Removed, Removed)),
]


@pytest.mark.parametrize(("date", "off", "kinds"), [case[1:] for case in EDGES], ids=[c[0] for c in EDGES])
def test_only_its_consumer_has_it(date: str, off: int, kinds: tuple[type, type]) -> None:
    at = ms(date) + off
    for consumer, kind in zip(("acme", None), kinds, strict=True):
        assert type(ask(PLAN, "/api/v1/users", at=at, consumer=consumer)) is kind
    assert type(ask(PLAN, "/api/v1/users", at=at, consumer="other")) is kinds[1]


def test_in_grace_is_said_between_the_two_sunsets() -> None:
    found = [
        forwarded(ask(PLAN, "/api/v1", at=ms("2027-01-01") + off, consumer="acme")).in_grace
        for off in (-1, 0, 1)
    ]
    assert found == [False, True, True]


SUNSETS = [
    ("in grace, early", "acme", "2026-09-01", OWN_SUNSET),
    ("in grace, past the sunset", "acme", "2027-01-15", OWN_SUNSET),
    ("no grace, early", None, "2026-09-01", SUNSET),
    ("no grace, past the sunset", None, "2027-01-15", SUNSET),
    ("grace over", "acme", "2027-02-01", SUNSET),
]


@pytest.mark.parametrize(
    ("consumer", "at", "sunset"), [case[1:] for case in SUNSETS], ids=[c[0] for c in SUNSETS]
)
def test_it_is_told_its_own_sunset(consumer: str | None, at: str, sunset: bytes) -> None:
    headers = answered(ask(PLAN, "/api/v1/users", at=at, consumer=consumer))
    assert values(headers, b"sunset") == [sunset]
    assert values(headers, b"deprecation") == [b"@%d" % (ms("2026-10-01") // 1000)]


def test_its_answers_are_stored_nowhere_and_all_vary_on_who_calls() -> None:
    kept = [(b"cache-control", b"public, max-age=60")]
    graced = answered(ask(PLAN, "/api/v1/users", at="2026-11-01", consumer="acme"), kept)
    others = answered(ask(PLAN, "/api/v1/users", at="2026-11-01"), kept)
    assert values(graced, b"cache-control") == [b"no-store"]
    assert values(others, b"cache-control") == [b"public, max-age=60"]
    for headers in (graced, others):
        assert b"X-Api-Key" in b", ".join(values(headers, b"vary"))


def test_grace_outlasts_a_brownout() -> None:
    at = "2026-12-01T14:30:00"
    assert type(ask(PLAN, "/api/v1", at=at, consumer="acme")) is Forward


INHERITING = """{{path: /x, default: v1, versions: {{v1: {{backend: old, lifecycle: {{deprecated: 2026-10-01,
    sunset: 2027-01-01, grace: [{{consumer: acme, until: 2027-02-01, owner: jane, reason: contract}}]}}}}}},
    endpoints: [{{path: /a, versions: {{v1: {{lifecycle: {own}}}}}}}]}}"""


def test_an_endpoint_inherits_it() -> None:
    plan = one_api(INHERITING.format(own="{sunset: 2026-12-01}"))
    assert forwarded(ask(plan, "/x/a", at="2026-12-15", consumer="acme")).in_grace
    expect(Gone, ask(plan, "/x/a", at="2026-12-15"))


def test_an_endpoint_can_do_without_it() -> None:
    plan = one_api(INHERITING.format(own="{grace: []}"))
    expect(Gone, ask(plan, "/x/a", at="2027-01-15", consumer="acme"))


def test_an_inherited_grace_never_brings_the_sunset_forward() -> None:
    """The endpoint ends after the grace that its version gives: its own, later, sunset is the truth."""
    plan = one_api(INHERITING.format(own="{sunset: 2027-06-01}"))
    headers = answered(ask(plan, "/x/a", at="2026-12-15", consumer="acme"))
    assert values(headers, b"sunset") == [b"Tue, 01 Jun 2027 00:00:00 GMT"]
