"""The configuration and the switches as the admin process follows them."""

from __future__ import annotations

import threading

from duskgate.config import Loaded
from duskgate.config.current import Current
from duskgate.control.in_force import PlanInForce
from duskgate.control.switches import told_in
from duskgate.policy.plan import Plan
from duskgate.policy.switches import Gate, Judged


class Following:
    """Looks at the files when asked, from any thread. ``plan`` and ``loaded`` are what was found last."""

    def __init__(self, current: Current) -> None:
        self._current = current
        self._in_force = PlanInForce(current.loaded)
        self._lock = threading.Lock()

    @property
    def loaded(self) -> Loaded:
        """The configuration in force."""
        return self._current.loaded

    @property
    def plan(self) -> Plan:
        """Its plan, with everything switched as it is."""
        return self._in_force.plan

    def told(self, api: str, version: str) -> frozenset[str]:
        """The consumers on record as told of a version's end."""
        return told_in(self._in_force.switches.sections, api, version)

    def judged(self, gate: Gate) -> Judged | None:
        """How a gate was judged, by the record."""
        return self._in_force.switches.switches.gates.get(gate)

    def refresh(self) -> None:
        """Take over what changed, if it is sound."""
        with self._lock:
            if self._current.refresh():
                self._in_force.take_over(self._current.loaded)
            self._in_force.refresh()
