"""The calendar as another library reads it."""

from datetime import UTC, datetime, timedelta

import pytest
import vobject  # type: ignore[import-untyped]

from duskgate.feed.edition import Edition
from duskgate.feed.feed import _rendered
from duskgate.feed.forms import Form
from duskgate.feed.memory import EMPTY, Memory
from tests.feed.world import SAMPLE, edition

V1, AVATAR, PUT = (
    "accounts v1",
    "accounts v1 DELETE, GET /users/{id}/avatar",
    "accounts v1 PUT /users/{id}/avatar",
)


class Event:
    """One event as vobject found it."""

    def __init__(self, parsed: object) -> None:
        self.parsed = parsed

    def __getattr__(self, name: str) -> object:
        return getattr(self.parsed, name).value

    @property
    def sequence(self) -> int:
        return int(str(self.__getattr__("sequence")))


def read(one: Edition) -> dict[str, Event]:
    """The events by their summaries. There are no two with the same one, nor with the same UID."""
    text = _rendered(one, Form.ICALENDAR).decode()
    calendar = vobject.readOne(text)
    events = [Event(parsed) for parsed in calendar.contents.get("vevent", [])]
    assert len({event.uid for event in events}) == len(events)
    assert len({event.summary for event in events}) == len(events)
    return {str(event.summary): event for event in events}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_dates_of_what_ends() -> None:
    found = read(edition())
    assert {name: event.dtstart for name, event in found.items()} == {
        f"{V1} is deprecated": at("2026-10-01"),
        f"{V1} is switched off": at("2027-01-01"),
        f"{V1} is removed": at("2027-04-01"),
        f"{V1} is switched off for a while (brownout 1)": at("2026-12-01T14:00"),
        f"{V1} is switched off for a while (brownout 2)": at("2026-12-08T14:00"),
        f"{AVATAR} is switched off": at("2026-12-20"),
        f"{PUT} is switched off": at("2026-12-24"),
    }
    first = found[f"{V1} is switched off for a while (brownout 1)"]
    assert first.dtend == at("2026-12-01T15:00")
    sunset = found[f"{V1} is switched off"]
    assert (sunset.status, sunset.transp, sunset.sequence) == ("CONFIRMED", "TRANSPARENT", 0)
    assert (sunset.url, sunset.categories) == ("https://docs.example.com/migrate-to-v2", ["sunset"])
    assert str(sunset.description).splitlines() == [
        "Deprecated: 2026-10-01T00:00:00Z",
        "Sunset, 410 from then on: 2027-01-01T00:00:00Z",
        "Takes effect at the latest: 2027-01-04T00:00:00Z",
        "Removed, 404 from then on: 2027-04-01T00:00:00Z",
        "Successor: v2: /api/v2",
        "Guide: https://docs.example.com/migrate-to-v2",
        "Contact: mailto:api@example.com",
    ]


def test_the_calendar_says_what_it_is_and_how_often_to_ask() -> None:
    text = _rendered(
        edition(SAMPLE + "feed: {url: 'https://api.example.com', title: Ends}\n"), Form.ICALENDAR
    )
    calendar = vobject.readOne(text.decode())
    assert calendar.version.value == "2.0"
    assert [calendar.contents[name][0].value for name in ("name", "x-wr-calname")] == ["Ends", "Ends"]
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT6H\r\n" in text
    assert calendar.source.value == "https://api.example.com/.well-known/api-deprecations.ics"
    assert all(line == b"" or len(line) <= 75 for line in text.split(b"\r\n"))


def uids(found: dict[str, Event]) -> dict[str, object]:
    return {summary: event.uid for summary, event in found.items()}


MOVED = SAMPLE.replace("sunset: 2027-01-01", "sunset: 2027-01-10").replace("08T14:00", "08T16:00")


def test_ids_do_not_come_from_dates() -> None:
    assert uids(read(edition())) == uids(read(edition(MOVED)))
    assert uids(read(edition())) == uids(read(edition(at="2027-05-01")))


def test_ids_of_two_gateways_differ_where_it_is_said_which_they_are() -> None:
    one = set(uids(read(edition(SAMPLE + "feed: {url: 'https://one.example'}\n"))).values())
    two = set(uids(read(edition(SAMPLE + "feed: {url: 'https://two.example'}\n"))).values())
    assert len(one) == len(two)
    assert not one & two


def test_the_sequence_rises_when_a_date_moves_and_only_then() -> None:
    first = edition()
    again = edition(at="2026-10-06", memory=first.memory)
    assert {event.sequence for event in read(again).values()} == {0}
    moved = read(edition(MOVED, at="2026-10-07", memory=again.memory))
    raised = {summary: event for summary, event in moved.items() if event.sequence}
    assert {summary: event.sequence for summary, event in raised.items()} == {
        f"{V1} is switched off": 1,
        f"{V1} is switched off for a while (brownout 2)": 1,
    }
    assert {event.last_modified for event in raised.values()} == {at("2026-10-07")}
    assert {event.dtstamp for event in raised.values()} == {at("2026-10-07")}
    others = [event for summary, event in moved.items() if summary not in raised]
    assert {event.last_modified for event in others} == {at("2026-10-05")}


@pytest.mark.parametrize(
    ("later", "status"),
    [
        (timedelta(days=1), "CANCELLED"),
        (timedelta(days=90, seconds=-1), "CANCELLED"),
        (timedelta(days=90), None),
    ],
)
def test_what_is_withdrawn_stays_as_cancelled_for_90_days(later: timedelta, status: str | None) -> None:
    without = SAMPLE.replace("          removed: 2027-04-01\n", "")
    withdrawn = edition(without, at="2026-10-06", memory=edition().memory)
    now = (at("2026-10-06") + later).isoformat()
    found = read(edition(without, at=now, memory=withdrawn.memory)).get(f"{V1} is removed")
    if status is None:
        assert found is None
    else:
        assert found is not None
        assert (found.status, found.sequence, found.dtstart) == (status, 1, at("2027-04-01"))
        assert found.description == "This date has been withdrawn."


@pytest.mark.parametrize("memory", [None, EMPTY])
def test_every_event_has_what_calendars_need_also_without_a_memory(memory: Memory | None) -> None:
    one = edition(memory=memory)
    for event in read(one).values():
        assert event.sequence == 0
        told = at("2026-09-01") if memory is None else at("2026-10-05")
        assert event.dtstamp == told
    assert (b"LAST-MODIFIED" in _rendered(one, Form.ICALENDAR)) == (memory is not None)


def test_what_the_yaml_holds_cannot_break_the_calendar() -> None:
    text = SAMPLE.replace("/users/{id}/avatar", "/ä,b<c>&'d") + "feed: {title: 'a\\,b;c:\"d'}\n"
    one = edition(text.replace('"/pictures/{id}"', "/p"))
    assert f"{V1} PUT /ä,b<c>&'d is switched off" in read(one)
    calendar = vobject.readOne(_rendered(one, Form.ICALENDAR).decode())
    assert calendar.contents["name"][0].value == 'a\\,b;c:"d'
