"""What the ledger answers, from hours and days alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from duskgate.usage.ledger.answers import Called, ConsumerUse, DayCount, Part, Use, VersionShare
from duskgate.usage.ledger.keep import tidy
from duskgate.usage.ledger.reader import Reader
from duskgate.usage.ledger.store import LedgerError
from duskgate.usage.ledger.tables import DAY, HOUR
from tests.usage.ledger.world import KEY, NOON, put, row, session

AVATAR = KEY._replace(endpoint="/users/{id}/avatar", outcome="refused", code="4xx")
SLOW = KEY._replace(consumer="~0123456789ab", code="5xx")
NEW = KEY._replace(version="v2", consumer="zeta")
ELSEWHERE = KEY._replace(api="shop", consumer="zeta")
NOWHERE = KEY._replace(api="none", endpoint="none", version="none", outcome="rejected", code="4xx")

EARLIER = NOON - 3 * DAY
ROWS = [
    row(KEY, EARLIER + 10, 5, EARLIER + 20),
    row(KEY, EARLIER + HOUR, 6, EARLIER + HOUR + 30),
    row(SLOW, EARLIER + 7, 1),
    row(KEY, NOON, 2, NOON + 900_000),
    row(AVATAR, NOON + 40, 3, NOON + 50),
    row(SLOW, NOON + HOUR, 4, NOON + HOUR + 60),
    row(NEW, NOON + 5, 7),
    row(NEW._replace(code="5xx"), NOON + 6, 1),
    row(ELSEWHERE, NOON + 8, 9),
    row(NOWHERE, NOON + 9, 10),
]


@pytest.fixture(params=["hours", "days-and-hours"])
def reader(url: str, request: pytest.FixtureRequest) -> Reader:
    """The same ledger twice: once everything by the hour, once the first day put together."""
    put(url, ROWS)
    if request.param == "days-and-hours":
        with session(url) as one:
            tidy(one, NOON, DAY, 400 * DAY)
    return Reader(url)


def test_everything_that_was_used(reader: Reader) -> None:
    found = reader.uses()
    assert found[0] == Use("accounts", "v1", "*", "acme", "forwarded", 13, EARLIER + 10, NOON + 900_000)
    assert sum(use.count for use in found) == sum(one[2] for one in ROWS)
    assert len({(use.api, use.version, use.endpoint, use.consumer, use.outcome) for use in found}) == len(
        found
    )
    recent = reader.uses(NOON)
    assert sum(use.count for use in recent) == sum(one[2] for one in ROWS if one[0] >= NOON)
    earlier = reader.uses(None, NOON)
    assert sum(use.count for use in earlier) == 12


def test_how_much_on_each_day(reader: Reader) -> None:
    first, last = EARLIER // DAY * DAY, NOON // DAY * DAY
    found = reader.by_day()
    assert found[0] == DayCount("accounts", "v1", "*", first, 12)
    assert [one for one in found if one.start == last and one.version == "v2"] == [
        DayCount("accounts", "v2", "*", last, 8)
    ]
    assert sum(one.count for one in found) == sum(one[2] for one in ROWS)
    assert [one.start for one in found] == sorted(one.start for one in found)
    assert reader.by_day(first, last) == [found[0]]


def test_consumers_of_a_version(reader: Reader) -> None:
    acme = ConsumerUse(
        16,
        EARLIER + 10,
        NOON + 900_000,
        (
            Part("*", "forwarded", 13, EARLIER + 10, NOON + 900_000),
            Part("/users/{id}/avatar", "refused", 3, NOON + 40, NOON + 50),
        ),
    )
    slow = ConsumerUse(
        5,
        EARLIER + 7,
        NOON + HOUR + 60,
        (Part("*", "forwarded", 5, EARLIER + 7, NOON + HOUR + 60),),
    )
    assert reader.consumers("accounts", "v1") == {"acme": acme, "~0123456789ab": slow}
    assert list(reader.consumers("accounts", "v2")) == ["zeta"]
    assert reader.consumers("accounts", "v3") == {}


@pytest.mark.parametrize(
    ("since", "until", "counts"),
    [
        (NOON, None, {"acme": 5, "~0123456789ab": 4}),
        (NOON, NOON + HOUR, {"acme": 5}),
        (NOON + HOUR, None, {"~0123456789ab": 4}),
        (None, NOON, {"acme": 11, "~0123456789ab": 1}),
        (None, EARLIER, {}),
        (NOON + 2 * HOUR, None, {}),
        (NOON + 60, NOON + 70, {"acme": 2}),
    ],
)
def test_consumers_in_a_window(
    reader: Reader, since: int | None, until: int | None, counts: dict[str, int]
) -> None:
    found = reader.consumers("accounts", "v1", since, until)
    assert {consumer: use.count for consumer, use in found.items()} == counts


@pytest.mark.parametrize(
    ("at", "labels"),
    [
        (EARLIER + 7, set()),
        (EARLIER + 8, {"~0123456789ab"}),
        (EARLIER + 11, {"~0123456789ab", "acme"}),
        (NOON + DAY, {"~0123456789ab", "acme"}),
    ],
)
def test_who_was_seen_before_an_instant(reader: Reader, at: int, labels: set[str]) -> None:
    assert reader.first_seen_before("accounts", "v1", at) == labels


def test_the_share_of_each_version(reader: Reader) -> None:
    share = reader.share("accounts", NOON, NOON + DAY)
    assert share == {
        "v1": VersionShare(9, {"2xx": 2, "4xx": 3, "5xx": 4}),
        "v2": VersionShare(8, {"2xx": 7, "5xx": 1}),
    }
    assert {version: one.errors for version, one in share.items()} == {"v1": 4, "v2": 1}
    assert reader.share("accounts", NOON, NOON + HOUR)["v1"].errors == 0
    assert reader.share("accounts", NOON, NOON + DAY, "/users/{id}/avatar") == {
        "v1": VersionShare(3, {"4xx": 3})
    }
    assert reader.share("unheard-of", 0, NOON) == {}


def test_what_a_consumer_calls(reader: Reader) -> None:
    assert reader.of_consumer("zeta") == [
        Called("shop", "v1", "*", 9, NOON + 8, NOON + 8),
        Called("accounts", "v2", "*", 8, NOON + 5, NOON + 6),
    ]
    assert [one.count for one in reader.of_consumer("acme", NOON)] == [2, 3, 10]
    assert reader.of_consumer("nobody") == []


def test_when_it_begins(reader: Reader, tmp_path: Path) -> None:
    assert reader.begins() == EARLIER + 7
    empty = f"sqlite:///{tmp_path / 'new.db'}"
    put(empty, [])
    assert Reader(empty).begins() is None


def test_all_rows_in_order(reader: Reader) -> None:
    rows = list(reader.rows())
    assert sum(one.count for one in rows) == sum(one[2] for one in ROWS)
    assert [one.start for one in rows] == sorted(one.start for one in rows)
    first = rows[0]
    assert (first.start, first.length) in ((EARLIER, HOUR), (EARLIER // DAY * DAY, DAY))
    assert sum(one.count for one in reader.rows(NOON, NOON + HOUR)) == 32
    assert sum(one.count for one in reader.rows(until=NOON)) == 12


def test_rows_come_as_they_are_asked_for(url: str) -> None:
    many = [row(KEY._replace(consumer=f"c{number}"), NOON) for number in range(5_000)]
    put(url, many)
    streaming = Reader(url).rows()
    assert next(streaming).count == 1
    streaming.close()  # type: ignore[attr-defined]
    assert sum(1 for _ in Reader(url).rows()) == 5_000


def test_without_a_ledger_it_says_so(tmp_path: Path) -> None:
    absent = tmp_path / "absent.db"
    with pytest.raises(LedgerError, match="there is no ledger at"):
        Reader(f"sqlite:///{absent}").consumers("accounts", "v1")
    assert not absent.exists(), "asking makes nothing"
    (tmp_path / "empty.db").touch()
    with pytest.raises(LedgerError, match="serving makes it"):
        list(Reader(f"sqlite:///{tmp_path / 'empty.db'}").rows())
    (tmp_path / "text.db").write_text("no database at all, but a text that is long enough" * 100)
    with pytest.raises(LedgerError, match="cannot be read: DatabaseError: file is not a database"):
        Reader(f"sqlite:///{tmp_path / 'text.db'}").share("accounts", 0, NOON)


def test_reading_changes_nothing_and_waits_for_nobody(url: str) -> None:
    put(url, ROWS)
    with session(url) as one, one.transaction():  # a writer in the middle of its transaction
        assert len(Reader(url).consumers("accounts", "v1")) == 2


@pytest.mark.parametrize("url", ["postgresql://duskgate:hunter2@127.0.0.1:1/ledger"])
def test_a_server_that_is_away_is_said_without_the_password(url: str) -> None:
    with pytest.raises(LedgerError, match="cannot be read: OperationalError: connection failed") as caught:
        Reader(url).of_consumer("acme")
    assert "hunter2" not in str(caught.value)
