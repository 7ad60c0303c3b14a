"""From the written rollouts to compiled ones: shares, rings, and the instants of their steps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from types import MappingProxyType

from xxhash import xxh64_intdigest

from duskgate.config import guards, models
from duskgate.config.mistake import Mistake
from duskgate.config.scalars import After, instant_of
from duskgate.config.tree import suggest
from duskgate.policy.addresses import Network, Peers
from duskgate.policy.instants import LAST_MS, rfc3339
from duskgate.policy.rollout import ALWAYS, Override, Ring, Rollout
from duskgate.policy.shares import Share, buckets
from duskgate.policy.sticky import BY_CONSUMER, ByAddress, ByCookie, ByHeader, Sticky

NEVER_HIDDEN = frozenset(
    (
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "duskgate-at",
        "duskgate-token",
        "expect",
        "forwarded",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-forwarded-for",
    )
)
"""Headers with a meaning of their own, so that none of them can be an override's."""


def seed_of(api: str, version: str) -> int:
    """What divides the callers of a version for its rollout."""
    return xxh64_intdigest(f"rollout:{api}/{version}".encode(), 0)


def compiled(document: models.Document, api: str, version: str, rollout: models.Rollout) -> Rollout:
    """The rollout of a version, once ``mistakes`` finds none."""
    rings = _rings(document, rollout)
    return Rollout(
        version=version,
        to=rollout.to,
        flag=rollout.flag,
        share=_share(rollout, seed_of(api, version)),
        by=_sticky(rollout.by, document.server.trusted_proxies),
        rings=rings,
        ring_of=MappingProxyType({name: ring for ring in reversed(rings) for name in ring.consumers}),
        allow=frozenset(rollout.allow),
        deny=frozenset(rollout.deny),
        override=_override(rollout.override) if rollout.override is not None else None,
        promote=rollout.promote,
        guard=guards.compiled(rollout.guard),
    )


def instants(rollout: models.Rollout) -> list[int | None]:
    """When each step begins, in ms. Relative ones count from the first; ``None`` where that is none."""
    steps = rollout.steps or []
    start = instant_of(steps[0].at, None) if steps else None
    return [instant_of(step.at, start) for step in steps]


def _sticky(by: models.StickyBy | None, believed: Iterable[Network]) -> Sticky:
    if by is None or by.consumer:
        return BY_CONSUMER
    if by.header is not None:
        return ByHeader(by.header, by.header.lower().encode())
    if by.cookie is not None:
        return ByCookie(by.cookie.encode())
    return ByAddress(Peers(believed))


def _dated(rollout: models.Rollout) -> list[tuple[int, models.RolloutStep]]:
    return [
        (at, step) for at, step in zip(instants(rollout), rollout.steps or (), strict=True) if at is not None
    ]


def _share(rollout: models.Rollout, seed: int) -> Share | None:
    if rollout.percent is not None:
        return Share(seed, (ALWAYS,), (buckets(rollout.percent),), xxh64_intdigest)
    parts = [(at, buckets(step.percent)) for at, step in _dated(rollout) if step.percent is not None]
    if not parts:
        return None
    return Share(seed, tuple(at for at, _ in parts), tuple(part for _, part in parts), xxh64_intdigest)


def _rings(document: models.Document, rollout: models.Rollout) -> tuple[Ring, ...]:
    opened = [(ALWAYS, name) for name in rollout.rings]
    opened += [(at, step.ring) for at, step in _dated(rollout) if step.ring is not None]
    return tuple(Ring(name, since, frozenset(document.rings[name])) for since, name in opened)


def _override(override: models.Override) -> Override:
    token = override.token.encode() if override.token is not None else b""
    key = override.header.lower().encode()
    return Override(override.header, key, frozenset(override.consumers), token)


def mistakes(document: models.Document, api: models.Api, rollout: models.Rollout) -> Iterator[Mistake]:
    """What is wrong with a rollout, beyond the versions and the flag it names."""
    for key in ("allow", "deny"):
        yield from _known("consumer", getattr(rollout, key), document.consumers, (key,))
    for index, name in enumerate(rollout.deny):
        if name in rollout.allow:
            yield Mistake(("deny", index), f"{name} is also on the list allow")
    yield from _known("ring", rollout.rings, document.rings, ("rings",))
    yield from _steps(document, rollout)
    if rollout.override is not None:
        yield from _overrides(document, api, rollout, rollout.override)


def _steps(document: models.Document, rollout: models.Rollout) -> Iterator[Mistake]:
    steps = rollout.steps or []
    begin = instants(rollout)
    opened = set(rollout.rings)
    for index, step in enumerate(steps):
        if step.ring is not None:
            yield from _named("ring", step.ring, document.rings, ("steps", index, "ring"))
            if step.ring in opened:
                yield Mistake(("steps", index, "ring"), f"{step.ring} is open by then")
            opened.add(step.ring)
    if steps and isinstance(steps[0].at, After):
        reason = "counts from the first step, and is the first"
        yield Mistake(("steps", 0, "at"), reason, "write a date there")
        return
    for index, (earlier, later) in enumerate(pairwise(begin)):
        if earlier is not None and later is not None and later <= earlier:
            reason = f"does not come after the step before it ({rfc3339(earlier)})"
            yield Mistake(("steps", index + 1, "at"), reason)
        if later is not None and later > LAST_MS:
            yield Mistake(("steps", index + 1, "at"), "lies behind the year 9999")
    given = [(index, step.percent) for index, step in enumerate(steps) if step.percent is not None]
    for (_, before), (index, percent) in pairwise(given):
        if percent < before:
            reason = "is less than before: a schedule lets nobody out who was in"
            hint = "to go back, lower percentages by hand"
            yield Mistake(("steps", index, "percent"), reason, hint)


def _overrides(
    document: models.Document, api: models.Api, rollout: models.Rollout, override: models.Override
) -> Iterator[Mistake]:
    at = ("override", "consumers")
    yield from _known("consumer", override.consumers, document.consumers, at)
    by = rollout.by
    taken = {
        *NEVER_HIDDEN,
        *(step.header.lower() for step in document.identity if step.header),
        *(step.jwt.header.lower() for step in document.identity if step.jwt),
        *(step.header.lower() for step in api.steps if step.header),
        *([by.header.lower()] if by is not None and by.header is not None else []),
    }
    if override.header.lower() in taken:
        reason = f"{override.header} is read for something else, and the backend would not get it"
        yield Mistake(("override", "header"), reason, "take a header of its own")


def _known(
    kind: str, names: Collection[str], known: Collection[str], at: tuple[str | int, ...]
) -> Iterator[Mistake]:
    for index, name in enumerate(names):
        yield from _named(kind, name, known, (*at, index))


def _named(kind: str, name: str, known: Collection[str], at: tuple[str | int, ...]) -> Iterator[Mistake]:
    if name not in known:
        yield Mistake(at, f"there is no {kind} {name!r}", suggest(name, list(known)))
