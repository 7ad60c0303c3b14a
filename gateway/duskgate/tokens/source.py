"""Where a step's keys come from, a file or a URL. One thread looks at them, and never a request."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from duskgate.policy.callers import ByToken
from duskgate.tokens.fetch import FetchFailed, fetch
from duskgate.tokens.keys import BadKeys, Keys, read_keys

logger = logging.getLogger("duskgate")

REFRESH_SECONDS = 600.0
"""How often a URL is asked as long as all is well."""

COOL_SECONDS = 30.0
"""How long after it was asked it is not asked again, whatever keys tokens name."""

RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""How long it is waited after each failure in a row."""


class Source(Protocol):
    """Gives the keys that are in force; the last good ones, once there have been any."""

    keys: Keys | None
    looked: bool
    """Whether it has been tried to get them."""

    def look(self, now: float) -> bool | None:
        """Get them anew if it is time to. Whether that went well; ``None``: it was not time."""

    def want(self) -> bool:
        """Somebody names a key that is not among them. Whether that is a reason to look soon."""


class FileSource:
    """Keys in a file, read again when it changed."""

    def __init__(self, path: Path, algorithms: tuple[str, ...]) -> None:
        self.keys: Keys | None = None
        self.looked = False
        self._path = path
        self._algorithms = algorithms
        self._seen: tuple[int, int, int] | str | None = "never"

    def look(self, now: float) -> bool | None:
        """As ``Source`` says."""
        seen = self._signature()
        if seen == self._seen:
            return None
        self._seen, self.looked = seen, True
        try:
            self.keys = read_keys(self._path.read_bytes(), self._algorithms)
        except (OSError, BadKeys) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            logger.error("keys of tokens: %s: %s; the last good ones stay", self._path, reason)
            return False
        return True

    def want(self) -> bool:
        """As ``Source`` says: the file is looked at anyway."""
        return False

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            stat = os.stat(self._path)
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


class UrlSource:
    """Keys at a URL, asked for every ten minutes, and when a token names one that is not known."""

    def __init__(
        self,
        url: str,
        algorithms: tuple[str, ...],
        kept: Path | None,
        get: Callable[[str], bytes] = fetch,
    ) -> None:
        """``kept``: the folder of copies, for workers that are started while the URL does not answer."""
        self.keys: Keys | None = None
        self.looked = False
        self._url = url
        self._algorithms = algorithms
        self._get = get
        name = hashlib.sha256(repr((url, algorithms)).encode()).hexdigest()[:16]
        self._copy = kept / f"jwks-{name}.json" if kept is not None else None
        self._wanted = False
        self._asked = self._due = float("-inf")
        self._failures = 0
        self._remember()

    def look(self, now: float) -> bool | None:
        """As ``Source`` says."""
        if now < self._due and not (self._wanted and now >= self._asked + COOL_SECONDS):
            return None
        self._asked, self._wanted = now, False
        self._due = now + RETRY_SECONDS[-1]  # also after a fault of ours
        try:
            content = self._get(self._url)
            self.keys = read_keys(content, self._algorithms)
        except (FetchFailed, BadKeys) as error:
            pause = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
            self._failures += 1
            if self._failures == 1:
                logger.error("keys of tokens: %s: %s; trying again", self._url, error)
            self._due = now + pause
            self.looked = True
            return False
        if self._failures:
            logger.warning("keys of tokens: %s: there after %d failures", self._url, self._failures)
        self._failures, self._due, self.looked = 0, now + REFRESH_SECONDS, True
        self._keep(content)
        return True

    def want(self) -> bool:
        """As ``Source`` says."""
        self._wanted = True
        return time.monotonic() >= self._asked + COOL_SECONDS

    def _remember(self) -> None:
        if self._copy is None:
            return
        try:
            self.keys = read_keys(self._copy.read_bytes(), self._algorithms)
        except (OSError, BadKeys):
            return

    def _keep(self, content: bytes) -> None:
        if self._copy is None:
            return
        draft = self._copy.with_name(f"{self._copy.name}.{os.getpid()}")
        try:
            draft.write_bytes(content)
            draft.replace(self._copy)
        except OSError as error:
            logger.warning("keys of tokens: no copy could be kept: %s", error)


def source_of(step: ByToken, kept: Path | None) -> Source | None:
    """Where a step's keys come from; nowhere, if its tokens are not verified."""
    if step.jwks is None:
        return None
    if "://" in step.jwks:
        return UrlSource(step.jwks, step.algorithms, kept)
    return FileSource(Path(step.jwks), step.algorithms)
