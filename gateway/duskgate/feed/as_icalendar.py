"""The feed for calendars: iCalendar (RFC 5545), by the names of RFC 7986 where it added some."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event, vText

from duskgate.feed.appointments import appointments
from duskgate.feed.edition import Edition
from duskgate.feed.endings import Ending
from duskgate.feed.forms import Form
from duskgate.feed.memory import Kept
from duskgate.feed.words import facts, happens

AGAIN = timedelta(hours=6)
"""How often calendars should ask again."""

_WITHDRAWN = "This date has been withdrawn."


def render(edition: Edition) -> bytes:
    """The whole document: what is planned, then what was withdrawn lately."""
    planned = {one.key: ending for one, ending in appointments(edition.endings)}
    calendar = Calendar()
    calendar.add("prodid", "-//Duskgate//Notice feed//EN")
    calendar.add("version", "2.0")
    calendar.add("uid", str(edition.id("feed")))
    for name in ("name", "x-wr-calname"):
        calendar.add(name, vText(edition.settings.title))  # by its name alone it would not be escaped
    calendar.add("refresh-interval", AGAIN, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT6H")
    if edition.settings.url is not None:
        calendar.add("source", edition.here(Form.ICALENDAR.suffix), parameters={"VALUE": "URI"})
    for key, kept in edition.memory.dates.items():
        calendar.add_component(_event(edition, key, kept, planned.get(key)))
    return bytes(calendar.to_ical(sorted=False))


def _event(edition: Edition, key: str, kept: Kept, ending: Ending | None) -> Event:
    """One appointment. Without an ending it has been withdrawn, and only the memory knows of it."""
    event = Event()
    event.add("uid", str(edition.id(key)))
    event.add("dtstamp", _moment(_stamp(kept, ending)))
    event.add("dtstart", _moment(kept.at))
    if kept.until is not None:
        event.add("dtend", _moment(kept.until))
    event.add("summary", happens(kept.kind, kept.name, kept.number))
    event.add("description", _WITHDRAWN if ending is None else "\n".join(facts(ending, edition)))
    event.add("categories", [kept.kind])
    event.add("status", "CANCELLED" if ending is None else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    event.add("sequence", kept.sequence)
    if kept.modified is not None:
        event.add("last-modified", _moment(kept.modified))
    if ending is not None and ending.guide is not None:
        event.add("url", ending.guide)
    return event


def _stamp(kept: Kept, ending: Ending | None) -> int:
    """When the appointment was last written, RFC 5545 section 3.8.7.2; else when callers were first told."""
    if kept.modified is not None:
        return kept.modified
    told = (ending.announced, ending.deprecated) if ending is not None else ()
    return next((instant for instant in told if instant is not None), 0)


def _moment(instant: int) -> datetime:
    """Calendars know whole seconds only."""
    return datetime.fromtimestamp(instant // 1000, UTC)
