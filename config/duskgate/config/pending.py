"""Keys that are understood but have no effect. ``check`` and ``serve`` name each one that is used."""

from __future__ import annotations

from collections.abc import Iterator

from duskgate.config.models import Document
from duskgate.config.tree import Path

Pending = Iterator[tuple[Path, str]]


def pending(document: Document) -> Pending:
    """Each key in use that changes nothing, and why."""
    yield from _consumers(document)


def _consumers(document: Document) -> Pending:
    for name, consumer in document.consumers.items():
        if consumer.contact is not None:
            yield ("consumers", name, "contact"), "nobody is written to yet"
