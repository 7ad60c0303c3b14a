"""The feed for programs: JSON."""

from __future__ import annotations

import json
from typing import Any

from duskgate.feed.edition import Edition
from duskgate.feed.endings import Ending, Next, Rehearsal, ahead
from duskgate.policy.instants import rfc3339


def render(edition: Edition) -> bytes:
    """The whole document."""
    document = {
        "title": edition.settings.title,
        "updated": time(edition.updated or None),
        "endings": [
            {**members(one, edition), "updated": time(edition.updated_of(one) or None)}
            for one in edition.endings
        ],
    }
    return written(document)


def written(document: Any) -> bytes:
    """A document as it is sent. Not indented: the encoder that can do that takes five times as long."""
    return (json.dumps(document, ensure_ascii=False) + "\n").encode()


def members(ending: Ending, edition: Edition) -> dict[str, Any]:
    """What is said of an ending. Every member is always there; ``null`` where there is nothing to say."""
    return {
        "api": ending.api,
        "version": ending.version,
        "endpoint": ending.endpoint,
        "methods": list(ending.methods),
        "url": edition.absolute(ending.url),
        "phase": ending.phase.value,
        "announced": time(ending.announced),
        "deprecated": time(ending.deprecated),
        "sunset": time(ending.sunset),
        "enforced": time(ending.enforced),
        "removed": time(ending.removed),
        "guide": ending.guide,
        "contact": ending.contact,
        "successor": _successor(ending.successor, edition),
        "brownouts": [brownout(one) for one in ahead(ending, edition.since)],
    }


def _successor(successor: Next | None, edition: Edition) -> dict[str, Any] | None:
    if successor is None:
        return None
    url = None if successor.url is None else edition.absolute(successor.url)
    return {"version": successor.version, "url": url, "method": successor.method}


def brownout(one: Rehearsal) -> dict[str, Any]:
    """What is said of a brownout."""
    return {
        "from": rfc3339(one.start),
        "until": rfc3339(one.end),
        "status": one.status,
        "everyone": one.everyone,
    }


def time(instant: int | None) -> str | None:
    """An instant (ms) as RFC 3339 has it."""
    return None if instant is None else rfc3339(instant)
