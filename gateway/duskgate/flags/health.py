"""Whether a provider of flags answers: one log line for each change, however many requests there are."""

from __future__ import annotations

import logging
from collections.abc import Callable

logger = logging.getLogger("duskgate")

OnChange = Callable[[bool], None]

LONGEST_REASON = 200


class Health:
    """A provider's. ``up`` is ``None`` until anything is known. ``on_change`` is told what it becomes."""

    def __init__(self, name: str, on_change: OnChange) -> None:
        self.name = name
        self.up: bool | None = None
        self._on_change = on_change

    def well(self) -> None:
        """It answers."""
        if self.up is False:
            logger.info("flag provider %s answers again", self.name)
        self._become(True)

    def ill(self, reason: str) -> None:
        """It does not."""
        if self.up is not False:
            words = "".join(char if char.isprintable() else " " for char in reason)[:LONGEST_REASON]
            form = "flag provider %s does not answer: flags are what they were last, else off: %s"
            logger.error(form, self.name, words)
        self._become(False)

    def _become(self, up: bool) -> None:
        if up is not self.up:
            self.up = up
            self._on_change(up)
