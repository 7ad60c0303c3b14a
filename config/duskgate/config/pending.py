"""Keys that are understood but not acted on yet. ``check`` and ``serve`` name each one that is used."""

from __future__ import annotations

from collections.abc import Iterator

from duskgate.config.models import Document
from duskgate.config.tree import Path


def pending(document: Document) -> Iterator[tuple[Path, str]]:
    """Each key in use that has no effect in this release, and what that means."""
    if document.ledger is not None:
        yield ("ledger",), "the usage ledger is not kept yet; metrics and the access log are"
    if document.flags is not None and document.flags.provider != "file":
        yield ("flags", "provider"), "only the file provider is there yet; every flag counts as off"
    for index, caller in enumerate(document.identity):
        if caller.jwt is not None:
            yield ("identity", index, "jwt"), "tokens are not read yet; callers are named by headers only"
    yield from _backends(document)
    yield from _rollouts(document)


def _backends(document: Document) -> Iterator[tuple[Path, str]]:
    for name, backend in document.backends.items():
        if backend.health is not None:
            yield ("backends", name, "health"), "targets are not probed yet"
        if backend.retries:
            yield ("backends", name, "retries"), "failed requests are not retried yet"


def _rollouts(document: Document) -> Iterator[tuple[Path, str]]:
    for api_name, api in document.apis.items():
        for version_name, version in api.versions.items():
            at: Path = ("apis", api_name, "versions", version_name, "rollout")
            if version.rollout is not None and version.rollout.percent is not None:
                yield (*at, "percent"), "percentages move nobody yet; use a flag with fractional targeting"
