"""The configuration in force, and taking over an edited one: all of it or nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from duskgate.config.errors import InvalidConfig
from duskgate.config.load import Loaded, load, loads

logger = logging.getLogger("duskgate")


class Current:
    """A loaded configuration that follows its file. ``loaded`` is always one that passed every check.

    ``rejected``: the file's content is not what is in force, because it did not pass.
    """

    def __init__(self, loaded: Loaded, last_good: Path | None = None, *, rejected: bool = False) -> None:
        """``last_good``: where to keep a copy of the text in force, for workers started later."""
        self.loaded = loaded
        self.rejected = rejected
        self._last_good = last_good
        self._seen = _content(loaded.path)
        self._keep()

    @classmethod
    def start(cls, path: Path, last_good: Path | None) -> Current:
        """Load a configuration, or the kept copy of it while the file is broken.

        Raises InvalidConfig where there is no copy, or where the copy is broken too.
        """
        try:
            return cls(load(path), last_good)
        except InvalidConfig as invalid:
            copy = _content(last_good) if last_good is not None else None
            if copy is None:
                raise
            logger.error("configuration rejected, starting with the last good one: %s", invalid)
            loaded = loads(copy.decode("utf-8", "replace"), path, check_flags=False)
            return cls(loaded, last_good, rejected=True)

    def refresh(self, prepare: Callable[[Loaded], None] | None = None, *, again: bool = False) -> bool | None:
        """Look at the file. ``True``: taken over. ``False``: rejected, and logged. ``None``: no change.

        ``prepare`` makes ready for the new configuration before it is in force; if that raises, the new one
        is rejected. ``again``: look at a rejected file once more, because something it refers to has changed.
        """
        content = _content(self.loaded.path)
        if content is None or (content == self._seen and not (again and self.rejected)):
            return None
        self._seen = content
        try:
            loaded = load(self.loaded.path, standalone=self.loaded.standalone)
            if prepare is not None:
                prepare(loaded)
        except InvalidConfig as invalid:
            for error in invalid.errors:
                logger.error("configuration rejected, the last good one stays: %s", error)
            self.rejected = True
            return False
        except Exception:
            logger.exception("configuration rejected, the last good one stays: it cannot be put to use")
            self.rejected = True
            return False
        self.loaded, self.rejected = loaded, False
        self._keep()
        return True

    def _keep(self) -> None:
        if self._last_good is None or self.rejected:
            return
        draft = self._last_good.with_name(f"{self._last_good.name}.{os.getpid()}")
        try:
            draft.write_text(self.loaded.text, encoding="utf-8")
            draft.replace(self._last_good)
        except OSError as error:
            logger.warning("no copy of the configuration could be kept: %s", error)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
