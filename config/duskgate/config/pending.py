"""Keys that are understood but have no effect. ``check`` and ``serve`` name each one that is used."""

from __future__ import annotations

from collections.abc import Iterator

from duskgate.config.models import Api, Document
from duskgate.config.tree import Path

Pending = Iterator[tuple[Path, str]]


def pending(document: Document) -> Pending:
    """Each key in use that changes nothing, and why."""
    for index, caller in enumerate(document.identity):
        if caller.jwt is not None:
            yield ("identity", index, "jwt"), "tokens are not read yet; callers are named by headers only"
    yield from _consumers(document)
    for name, api in document.apis.items():
        yield from _api(api, ("apis", name))


def _consumers(document: Document) -> Pending:
    for name, consumer in document.consumers.items():
        if consumer.contact is not None:
            yield ("consumers", name, "contact"), "nobody is written to yet"


def _api(api: Api, at: Path) -> Pending:
    for name in api.versions:
        yield from _rollout(api, name, (*at, "versions", name, "rollout"))


def _rollout(api: Api, name: str, at: Path) -> Pending:
    rollout = api.versions[name].rollout
    if rollout is None:
        return
    if rollout.percent is not None:
        yield (*at, "percent"), "percentages move nobody yet; use a flag with fractional targeting"
    elif "by" in rollout.model_fields_set:
        yield (*at, "by"), "a flag decides by the caller's identity"
    if name != api.default:
        yield at, "only callers who get the version by default are moved, and this is not the default"
