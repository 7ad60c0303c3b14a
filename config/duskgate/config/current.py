"""The configuration in force, and taking over an edited one: all of it or nothing."""

from __future__ import annotations

import logging
from pathlib import Path

from duskgate.config.errors import InvalidConfig
from duskgate.config.load import Loaded, load

logger = logging.getLogger("duskgate")


class Current:
    """A loaded configuration that follows its file. ``loaded`` is always one that passed every check."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self._seen = _content(loaded.path)

    def refresh(self) -> bool | None:
        """Look at the file. ``True``: taken over. ``False``: rejected, and logged. ``None``: no change."""
        content = _content(self.loaded.path)
        if content is None or content == self._seen:
            return None
        self._seen = content
        try:
            self.loaded = load(self.loaded.path)
        except InvalidConfig as invalid:
            for error in invalid.errors:
                logger.error("configuration rejected, the last good one stays: %s", error)
            return False
        return True


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
