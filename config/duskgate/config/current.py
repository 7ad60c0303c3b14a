"""The configuration in force, and taking over an edited one: all of it or nothing."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from duskgate.config.errors import InvalidConfig
from duskgate.config.load import Loaded, load, loads

logger = logging.getLogger("duskgate")


class Current:
    """A loaded configuration that follows its file. ``loaded`` is always one that passed every check."""

    def __init__(self, loaded: Loaded, last_good: Path | None = None) -> None:
        """``last_good``: where to keep a copy of the text in force, for workers started later."""
        self.loaded = loaded
        self._last_good = last_good
        self._seen = _content(loaded.path)
        self._rejected = False
        self._keep()

    def refresh(self, *, again: bool = False) -> bool | None:
        """Look at the file. ``True``: taken over. ``False``: rejected, and logged. ``None``: no change.

        ``again``: look at a rejected file once more, because something it refers to has changed.
        """
        content = _content(self.loaded.path)
        if content is None or (content == self._seen and not (again and self._rejected)):
            return None
        self._seen = content
        try:
            self.loaded = load(self.loaded.path, standalone=self.loaded.standalone)
        except InvalidConfig as invalid:
            self._rejected = True
            for error in invalid.errors:
                logger.error("configuration rejected, the last good one stays: %s", error)
            return False
        self._rejected = False
        self._keep()
        return True

    def _keep(self) -> None:
        if self._last_good is not None:
            draft = self._last_good.with_name(f"{self._last_good.name}.{os.getpid()}")
            draft.write_text(self.loaded.text, encoding="utf-8")
            draft.replace(self._last_good)


def load_or_last_good(path: Path, last_good: Path | None) -> Loaded:
    """Load a configuration, or the kept copy of it while the file is broken.

    Raises InvalidConfig where there is no copy, or where the copy is broken too.
    """
    try:
        return load(path)
    except InvalidConfig as invalid:
        copy = _content(last_good) if last_good is not None else None
        if copy is None:
            raise
        logger.error("configuration rejected, starting with the last good one: %s", invalid)
        return loads(copy.decode("utf-8", "replace"), path, check_flags=False)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
