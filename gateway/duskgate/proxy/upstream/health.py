"""Whether a target is asked, and how much: from its failures, its probes, and the time since it came back.

A state machine without a clock: ``now`` is an argument, in seconds of any clock that only goes forward.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthRules:
    """``failures`` in a row eject a target for ``eject`` seconds, each time for that much longer.

    Back again, it gets its full share only after ``slow_return`` seconds. Of probes, ``down_after`` bad ones
    in a row take a target out, and ``up_after`` good ones bring it back.
    """

    failures: int = 5
    eject: float = 10.0
    longest: float = 300.0
    slow_return: float = 10.0
    down_after: int = 2
    up_after: int = 2


class TargetHealth:
    """One target's health."""

    def __init__(self, rules: HealthRules) -> None:
        self._rules = rules
        self._failures = 0
        self._ejections = 0
        self._ejected_until = 0.0
        self._probes = 0
        self._returned = float("-inf")
        self.down = False

    def available(self, now: float) -> bool:
        """Whether the target should be asked at all."""
        return not self.down and now >= self._ejected_until

    def share(self, now: float) -> float:
        """The part of its usual requests that the target should get: grows to 1 after it came back."""
        since = now - max(self._returned, self._ejected_until if self._ejections else float("-inf"))
        part = since / self._rules.slow_return
        return 1.0 if part >= 1.0 else max(0.1, part)

    def succeeded(self) -> None:
        """The target gave an answer."""
        self._failures = 0

    def failed(self, now: float) -> bool:
        """The target could not be asked, or broke off. Whether that ejects it."""
        self._failures += 1
        if self._failures < self._rules.failures or now < self._ejected_until:
            return False
        self._failures = 0
        recent = now < self._ejected_until + self._rules.longest
        self._ejections = self._ejections + 1 if recent else 1
        self._ejected_until = now + min(self._rules.eject * self._ejections, self._rules.longest)
        return True

    def probed(self, good: bool, now: float) -> bool:
        """A probe ended. Whether that changes if the target is up."""
        if good is not self.down:
            self._probes = 0
            return False
        self._probes += 1
        if self._probes < (self._rules.up_after if good else self._rules.down_after):
            return False
        self._probes = 0
        self.down = not good
        if good:
            self._returned = now
        return True
