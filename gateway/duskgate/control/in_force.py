"""The plan in force: the configuration's, with everything switched as it is."""

from __future__ import annotations

import logging
from dataclasses import replace

from duskgate.config import Loaded
from duskgate.control.seen import Seen
from duskgate.control.switches import SwitchesFile
from duskgate.policy.plan import Plan
from duskgate.policy.switches import switched

logger = logging.getLogger("duskgate")


class PlanInForce:
    """Makes the plan in force anew whenever the configuration or a switch changed. ``plan`` is the last."""

    def __init__(self, loaded: Loaded) -> None:
        self.switches = SwitchesFile(loaded.state)
        self._seen: Seen = {}
        self._loaded = loaded
        self._said: str | None = None
        self._say_fault()
        self.plan = self._made()

    @property
    def broken(self) -> bool:
        """Whether the switches' file says something else than what is in force, because it is broken."""
        return self.switches.fault is not None

    def take_over(self, loaded: Loaded) -> None:
        """Another configuration is in force."""
        self._loaded = loaded
        self.plan = self._made()

    def refresh(self) -> bool:
        """Look at the switches; ``True`` if they changed."""
        changed = self.switches.refresh()
        self._say_fault()
        if changed:
            self.plan = self._made()
        return changed

    def remember(self, seen: Seen) -> None:
        """The callers that were seen on a version before each freeze."""
        if seen != self._seen:
            self._seen = seen
            self.plan = self._made()

    def _made(self) -> Plan:
        return switched(self._loaded.plan, replace(self.switches.switches, seen=self._seen))

    def _say_fault(self) -> None:
        fault = self.switches.fault
        if fault is not None and fault != self._said:
            logger.error("switches rejected, the last good ones stay: %s", fault)
        self._said = fault
