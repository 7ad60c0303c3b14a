"""The few sentences of the feed, in one place for all of its forms."""

from __future__ import annotations

from duskgate.feed.edition import Edition
from duskgate.feed.endings import Ending, Next
from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Phase

HAPPENS = {
    "deprecated": "{name} is deprecated",
    "sunset": "{name} is switched off",
    "removed": "{name} is removed",
    "brownout": "{name} is switched off for a while (brownout {number})",
}
"""What happens on each kind of date."""


def happens(kind: str, name: str, number: int) -> str:
    """One date in words."""
    return HAPPENS[kind].format(name=name, number=number)


def standing(ending: Ending) -> str:
    """How an ending stands, in one sentence without its end."""
    match ending.phase:
        case Phase.REMOVED:
            return f"{ending.name} has been removed"
        case Phase.SUNSET:
            return f"{ending.name} has been switched off"
        case _ if ending.sunset is not None:
            return f"{ending.name} is switched off on {rfc3339(ending.sunset)}"
        case Phase.DEPRECATED:
            return f"{ending.name} is deprecated"
        case _:
            return f"{ending.name} will be deprecated"


def facts(ending: Ending, edition: Edition) -> list[str]:
    """Everything about an ending, a line each."""
    lines = [
        f"{label}: {rfc3339(instant)}"
        for label, instant in (
            ("Deprecated", ending.deprecated),
            ("Sunset, 410 from then on", ending.sunset),
            ("Takes effect at the latest", ending.enforced),
            ("Removed, 404 from then on", ending.removed),
        )
        if instant is not None
    ]
    if ending.successor is not None:
        lines.append(f"Successor: {successor(ending.successor, edition)}")
    if ending.guide is not None:
        lines.append(f"Guide: {ending.guide}")
    if ending.contact is not None:
        lines.append(f"Contact: {ending.contact}")
    return lines


def successor(next_one: Next, edition: Edition) -> str:
    """Where to go, in words."""
    method = f"{next_one.method} " if next_one.method is not None else ""
    url = f": {method}{edition.absolute(next_one.url)}" if next_one.url is not None else ""
    return f"{next_one.version}{url}"
