"""The feed for feed readers: Atom (RFC 4287). An entry is what ends; it is updated when something changes."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from duskgate.feed.edition import Edition
from duskgate.feed.endings import Ending
from duskgate.feed.forms import Form
from duskgate.feed.words import facts, standing
from duskgate.policy.instants import rfc3339

ATOM = "http://www.w3.org/2005/Atom"


def render(edition: Edition) -> bytes:
    """The whole document."""
    title = edition.settings.title
    feed = Xml.Element("feed", {"xmlns": ATOM, "xml:lang": "en"})
    _add(feed, "id", edition.id("feed").urn)
    _add(feed, "title", title)
    _add(feed, "updated", rfc3339(edition.updated))
    _add(_add(feed, "author"), "name", title)
    _link(feed, "self", edition.here(Form.ATOM.suffix), Form.ATOM)
    _link(feed, "alternate", edition.here(Form.HTML.suffix), Form.HTML)
    for ending in edition.endings:
        _entry(feed, ending, edition)
    return bytes(Xml.tostring(feed, encoding="utf-8", xml_declaration=True))


def _entry(feed: Xml.Element, ending: Ending, edition: Edition) -> None:
    entry = _add(feed, "entry")
    _add(entry, "id", edition.id(ending.key).urn)
    _add(entry, "title", standing(ending))
    _add(entry, "updated", rfc3339(edition.updated_of(ending)))
    if ending.announced is not None:
        _add(entry, "published", rfc3339(ending.announced))
    if ending.guide is not None:
        Xml.SubElement(entry, "link", {"rel": "alternate", "href": ending.guide})
    else:
        _link(entry, "alternate", edition.here(Form.HTML.suffix), Form.HTML)
    Xml.SubElement(entry, "category", {"term": ending.phase.value})
    _add(entry, "content", "\n".join([f"{standing(ending)}.", *facts(ending, edition)])).set("type", "text")


def _add(parent: Xml.Element, name: str, text: str | None = None) -> Xml.Element:
    child = Xml.SubElement(parent, name)
    child.text = text and "".join(one for one in text if one == "\n" or one.isprintable())
    return child


def _link(parent: Xml.Element, relation: str, href: str, form: Form) -> None:
    kind = form.media_type.split(";", 1)[0]
    Xml.SubElement(parent, "link", {"rel": relation, "type": kind, "href": href})
