"""What each rule of a rollout finds in a request, in words."""

from __future__ import annotations

from collections.abc import Iterator

from duskgate.policy.guard import Stop
from duskgate.policy.instants import rfc3339
from duskgate.policy.request import Request
from duskgate.policy.rollout import ALWAYS, Rollout
from duskgate.policy.shares import BUCKETS


def told(rollout: Rollout, request: Request, now: int) -> Iterator[tuple[str, str]]:
    """Each rule and what it found, in their order; also those after the one that decides."""
    if rollout.halted:
        yield "halted", f"nobody is moved{_why(rollout.stop)}"
    elif rollout.paused_at is not None:
        yield "paused", f"since {rfc3339(rollout.paused_at)}: no later step counts{_why(rollout.stop)}"
    elif rollout.stop is not None:
        yield "guard", f"tripped, and only said so{_why(rollout.stop)}"
    consumer = request.consumer
    for name, listed in (("deny", rollout.deny), ("allow", rollout.allow)):
        if consumer is not None and consumer in listed:
            yield name, f"{consumer} is on the list"
    if rollout.override is not None:
        yield "override", _override(rollout, request)
    ring = rollout.ring_of.get(consumer) if consumer is not None else None
    if ring is not None:
        yield "ring", f"{consumer} is in {ring.name}, {_open(rollout, ring.since, now)}"
    if rollout.share is not None:
        yield "share", _share(rollout, request, now)


def _why(stop: Stop | None) -> str:
    return "" if stop is None else f" ({stop.by}, {rfc3339(stop.since)}: {stop.reason})"


def _override(rollout: Rollout, request: Request) -> str:
    override = rollout.override
    if override is None or override.key not in request.fields:
        return "not asked for"
    wanted = override.read(request)
    if wanted is None:
        return f"{override.name} counts for nothing: not always or never, or from somebody who may not use it"
    return f"{override.name} says {'always' if wanted else 'never'}"


def _open(rollout: Rollout, since: int, now: int) -> str:
    if since == ALWAYS:
        return "which is open"
    return f"which {'is open since' if since <= rollout.as_of(now) else 'opens'} {rfc3339(since)}"


def _share(rollout: Rollout, request: Request, now: int) -> str:
    share = rollout.share
    if share is None:
        return "none"
    part = share.part(rollout.as_of(now))
    key = rollout.by.read(request)
    if key is None:
        bucket = "no bucket: the request has nothing to go by"
    else:
        bucket = f"bucket {share.bucket(key)} of {BUCKETS}"
    return f"{part / 100:g} % by {rollout.by.label}, {bucket}; those below {part} are moved"
