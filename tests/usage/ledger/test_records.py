"""What gates and freezes are told of a real ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from duskgate.usage.gates import Facts, Served
from duskgate.usage.ledger.records import LedgerRecords
from duskgate.usage.ledger.tables import HOUR
from duskgate.usage.written import Written
from tests.usage.ledger.world import KEY, NOON, put, row

AVATAR = KEY._replace(endpoint="/users/{id}/avatar", consumer="beta", outcome="refused", code="4xx")
SLOW = KEY._replace(consumer="~0123456789ab", code="5xx")
NEW = KEY._replace(version="v2", consumer="zeta")
NOWHERE = KEY._replace(endpoint="none", version="none", outcome="rejected", code="4xx")

ROWS = [
    row(KEY, NOON, 2, NOON + 900_000),
    row(AVATAR, NOON + 40, 3, NOON + 50),
    row(SLOW, NOON + HOUR, 4, NOON + HOUR + 60),
    row(NEW, NOON + 5, 7),
    row(NOWHERE, NOON + 9, 10),
]


WELL = Written(2**60, 0)


@pytest.fixture
def records(url: str) -> LedgerRecords:
    put(url, ROWS)
    return LedgerRecords(url, lambda: WELL, 1000)


@pytest.fixture
def facts(records: LedgerRecords) -> Facts:
    found = records.facts()
    assert found is not None
    return found


def test_since_when_anything_is_known(facts: Facts) -> None:
    assert facts.begins() == NOON


@pytest.mark.parametrize(
    ("endpoint", "since", "served"),
    [
        ("*", NOON, {"v1": Served(9, 4), "v2": Served(7, 0)}),
        ("*", NOON + HOUR, {"v1": Served(4, 4)}),
        ("/users/{id}/avatar", NOON, {"v1": Served(3, 0)}),
        ("/elsewhere", NOON, {}),
    ],
)
def test_what_each_version_served_and_what_no_version_did_is_no_part_of_it(
    facts: Facts, endpoint: str, since: int, served: dict[str, Served]
) -> None:
    assert facts.served("accounts", endpoint, since) == served


@pytest.mark.parametrize(
    ("endpoint", "since", "callers"),
    [
        ("*", NOON, {"acme": NOON + 900_000, "beta": NOON + 50, "~0123456789ab": NOON + HOUR + 60}),
        ("*", NOON + HOUR, {"~0123456789ab": NOON + HOUR + 60}),
        ("/users/{id}/avatar", NOON, {"beta": NOON + 50}),
    ],
)
def test_who_called_and_when_last(facts: Facts, endpoint: str, since: int, callers: dict[str, int]) -> None:
    assert facts.callers("accounts", "v1", endpoint, since) == callers


def test_who_was_there_before_a_freeze(records: LedgerRecords) -> None:
    assert records.seen_before("accounts", "v1", NOON + 40, 9) == {"acme"}
    assert records.seen_before("accounts", "v1", NOON + 41, 9) == {"acme", "beta"}
    assert len(records.seen_before("accounts", "v1", NOON + 41, 1) or ()) == 1, "no more than asked for"
    assert records.seen_before("accounts", "v2", NOON, 9) == set()


def test_where_there_is_no_ledger_nothing_is_known_and_it_is_said_why_until_there_is_one(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'duskgate.db'}"
    records = LedgerRecords(url, lambda: WELL, 1000)
    assert records.facts() is None
    assert records.seen_before("accounts", "v1", NOON, 9) is None
    assert str(records.fault).startswith("there is no ledger at ")
    put(url, ROWS)
    assert records.facts() is not None
    assert records.fault is None


class Writers:
    """How writing goes, made up, and what time it is."""

    def __init__(self) -> None:
        self.now = NOON
        self.is_ = Written(None, 0)

    def records(self, url: str) -> LedgerRecords:
        return LedgerRecords(url, lambda: self.is_, 1000, lambda: self.now)


def test_from_a_ledger_that_is_not_written_nothing_is_concluded(url: str) -> None:
    put(url, ROWS)
    writers = Writers()
    records = writers.records(url)
    assert records.facts() is not None, "it may only have begun"
    writers.now += 1001
    assert (records.facts(), records.seen_before("accounts", "v1", NOON + 40, 9)) == (None, None)
    assert records.fault == "the ledger has not been written since 2026-11-24T12:00:00Z"
    writers.is_ = Written(writers.now - 1000, 0)
    assert records.facts() is not None
    assert records.seen_before("accounts", "v1", NOON + 40, 9) == {"acme"}
    assert records.fault is None


def test_what_was_lost_is_not_taken_for_what_never_came(url: str) -> None:
    put(url, ROWS)
    writers = Writers()
    records = writers.records(url)
    begins = []
    for lost, later in ((7, 0), (7, 10), (8, 20), (8, 30)):  # what this process never saw happen is long ago
        writers.is_, writers.now = Written(2**60, lost), NOON + later
        facts = records.facts()
        begins.append(facts.begins() if facts is not None else None)
    assert begins == [NOON, NOON, NOON + 20, NOON + 20]
