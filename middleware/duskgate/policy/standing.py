"""What a lifecycle means for one caller at a moment: whether something bars the way, and what.

Only of who calls and when: that is all that is known of a request once it has become a number in the ledger.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from duskgate.policy.lifecycle import Grace, Lifecycle, Phase, Window


class Bar(str, Enum):
    """Why a request is not forwarded, though it is known where it is bound."""

    REMOVED = "removed"
    SUNSET = "sunset"
    FROZEN = "frozen"
    BROWNOUT = "brownout"

    __str__ = str.__str__


class Standing(NamedTuple):
    """How a caller stands. ``grace`` is what it has left, ``window`` the brownout that bars the way.

    ``newcomer``: it was never seen before a freeze, whether that is enforced or only observes.
    """

    phase: Phase
    bar: Bar | None
    grace: Grace | None = None
    window: Window | None = None
    newcomer: bool = False


def standing_of(lifecycle: Lifecycle, consumer: str | None, caller: str, now: int) -> Standing:
    """How a caller stands at an instant (ms). ``consumer`` is its known name, ``caller`` its label."""
    phase = lifecycle.phase(now)
    grace = lifecycle.grace_for(consumer, now) if lifecycle.grace else None
    if phase is Phase.REMOVED:
        return Standing(phase, Bar.REMOVED, grace)
    if grace is not None:
        return Standing(phase, None, grace)
    if phase is Phase.SUNSET:
        return Standing(phase, Bar.SUNSET)
    freeze = lifecycle.freeze
    newcomer = freeze is not None and freeze.keeps_out(caller, now)
    if newcomer and freeze is not None and freeze.enforced:
        return Standing(phase, Bar.FROZEN, newcomer=True)
    window = lifecycle.brownout(now) if lifecycle.brownouts else None
    if window is not None and window.hits(consumer, caller, now):
        return Standing(phase, Bar.BROWNOUT, None, window, newcomer)
    return Standing(phase, None, newcomer=newcomer)
