"""The Atom feed as another library reads it."""

from typing import Any
from xml.etree import ElementTree as Xml

import feedparser  # type: ignore[import-untyped]
import pytest

from duskgate.feed.edition import Edition
from duskgate.feed.feed import _rendered
from duskgate.feed.forms import Form
from duskgate.feed.memory import EMPTY, Memory
from tests.config.world import SMALLEST
from tests.feed.world import PATH, SAMPLE, edition, loaded
from tests.policy.world import ms

MOVED = SAMPLE.replace("sunset: 2026-12-20", "sunset: 2026-12-21")


def read(one: Edition) -> Any:
    found = feedparser.parse(_rendered(one, Form.ATOM))
    assert not found.bozo, found.bozo_exception
    assert found.version == "atom10"
    return found


def test_the_feed_itself() -> None:
    feed = read(edition(memory=None)).feed
    assert (feed.title, feed.author, feed.updated) == (
        "API deprecations",
        "API deprecations",
        "2026-10-01T00:00:00Z",
    )
    assert feed.id.startswith("urn:uuid:")
    links = {link.rel: (link.href, link.type) for link in feed.links}
    assert links == {
        "self": (f"{PATH}.atom", "application/atom+xml"),
        "alternate": (f"{PATH}.html", "text/html"),
    }


def test_links_are_absolute_where_it_is_known_how() -> None:
    found = read(edition(SAMPLE + "feed: {url: 'https://api.example.com'}\n"))
    assert [link.href for link in found.feed.links] == [
        f"https://api.example.com{PATH}.atom",
        f"https://api.example.com{PATH}.html",
    ]


def test_an_entry_is_what_ends() -> None:
    entries = read(edition(memory=None)).entries
    assert [entry.title for entry in entries] == [
        "accounts v1 is switched off on 2027-01-01T00:00:00Z",
        "accounts v1 DELETE, GET /users/{id}/avatar is switched off on 2026-12-20T00:00:00Z",
        "accounts v1 PUT /users/{id}/avatar is switched off on 2026-12-24T00:00:00Z",
    ]
    put = entries[2]
    assert (put.published, put.updated) == ("2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z")
    assert put.link == "https://docs.example.com/migrate-to-v2"
    assert [tag.term for tag in put.tags] == ["deprecated"]
    assert "Successor: v2: POST /api/v2/pictures/{id}" in put.content[0].value


@pytest.mark.parametrize(
    ("at", "title"),
    [
        ("2026-10-05", "accounts v1 is switched off on 2027-01-01T00:00:00Z"),
        ("2027-01-04", "accounts v1 has been switched off"),
        ("2027-04-01", "accounts v1 has been removed"),
    ],
)
def test_an_entry_says_how_it_stands(at: str, title: str) -> None:
    assert read(edition(at=at)).entries[0].title == title


@pytest.mark.parametrize(
    ("at", "title"),
    [("2026-09-15", "a v1 will be deprecated"), ("2026-10-15", "a v1 is deprecated")],
)
def test_what_has_no_sunset_is_only_deprecated(at: str, title: str) -> None:
    dates = "lifecycle: {announced: 2026-09-01, deprecated: 2026-10-01}"
    text = SMALLEST.replace("{backend: old}", f"{{backend: old, {dates}}}").replace("accounts", "a")
    assert [entry.title for entry in read(edition(text, at=at)).entries] == [title]


def ids(one: Edition) -> list[str]:
    return [entry.id for entry in read(one).entries]


def test_ids_stay_and_differ() -> None:
    assert ids(edition()) == ids(edition(MOVED)) == ids(edition(at="2027-05-01"))
    assert len({*ids(edition()), read(edition()).feed.id}) == 4


def test_an_entry_is_updated_when_it_changes_and_no_other_is() -> None:
    first = edition()
    moved = read(edition(MOVED, at="2026-10-07", memory=first.memory))
    assert [entry.updated for entry in moved.entries] == [
        "2026-10-05T00:00:00Z",
        "2026-10-07T00:00:00Z",
        "2026-10-05T00:00:00Z",
    ]
    assert moved.feed.updated == "2026-10-07T00:00:00Z"


def test_the_feed_is_updated_when_something_is_withdrawn() -> None:
    first = edition()
    gone = read(edition(SMALLEST, at="2026-10-07", memory=first.memory))
    assert (gone.entries, gone.feed.updated) == ([], "2026-10-07T00:00:00Z")


@pytest.mark.parametrize("memory", [None, EMPTY])
def test_a_sunset_that_nobody_announced_is_in_it_too(memory: Memory | None) -> None:
    text = SMALLEST.replace("{backend: old}", "{backend: old, lifecycle: {sunset: 2027-01-01}}")
    one = Edition.of(loaded(text).document.feed, loaded(text).plan, memory, ms("2026-10-05"))
    (entry,) = read(one).entries
    assert entry.title == "accounts v1 is switched off on 2027-01-01T00:00:00Z"
    assert entry.updated == ("1970-01-01T00:00:00Z" if memory is None else "2026-10-05T00:00:00Z")


def test_what_the_yaml_holds_cannot_break_the_document() -> None:
    text = SAMPLE.replace("/users/{id}/avatar", "/ä,b<c>&'d") + 'feed: {title: "a<b>&\\a"}\n'
    document = _rendered(edition(text.replace('"/pictures/{id}"', "/p")), Form.ATOM)
    root = Xml.fromstring(document)  # noqa: S314  our own
    assert root.findtext("{http://www.w3.org/2005/Atom}title") == "a<b>&"
    assert "accounts v1 PUT /ä,b<c>&'d" in document.decode().replace("&lt;", "<").replace(
        "&gt;", ">"
    ).replace("&amp;", "&")
