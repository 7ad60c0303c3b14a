"""Whether a rollout changes what becomes of counted requests.

A request that was not moved when it came may be by then: a ring opened, a share grew. Whether it named its
version, and so is the rollout's at all, the ledger does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from duskgate.policy.plan import Api
from duskgate.policy.request import ANONYMOUS
from duskgate.policy.rollout import Rollout
from duskgate.policy.shares import BUCKETS
from duskgate.policy.sticky import ByConsumer


def rescuing(
    api: Api, version: str, consumer: str | None, label: str, at: int, refused: Callable[[str], bool]
) -> Iterator[tuple[Rollout, bool]]:
    """The rollouts by which a request that its version refuses may be forwarded all the same.

    ``refused`` says whether another version refuses it too. Each with whether it is sure to.
    """
    for rollout in api.rollouts.values():
        if rollout.halted or not (rollout.promote or rollout.version == api.default):
            continue
        if rollout.version == version and not refused(rollout.to):
            moved = _moved(rollout, consumer, label, at)
            if moved is not False:
                yield rollout, bool(moved) and rollout.promote and rollout.override is None
        elif rollout.to == version and not refused(rollout.version):
            yield rollout, False  # nobody is moved to where the request would be refused


def _moved(rollout: Rollout, consumer: str | None, label: str, at: int) -> bool | None:
    """Whether one that was not moved when it came is by then; ``None``: hangs on what is not known."""
    if consumer is not None:
        if consumer in rollout.deny:
            return False
        ring = rollout.ring_of.get(consumer)
        if consumer in rollout.allow or (ring is not None and ring.since <= rollout.as_of(at)):
            return True
    if rollout.flag is not None or rollout.share is None:
        return False  # flags stay what they were
    part = rollout.share.part(rollout.as_of(at))
    if part <= 0 or part >= BUCKETS:
        return part > 0
    if not isinstance(rollout.by, ByConsumer):
        return None
    if consumer is not None:
        return rollout.share.bucket(consumer) < part
    return False if label == ANONYMOUS else None  # the share goes by what the digest was made of
