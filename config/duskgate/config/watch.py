"""Noticing that files changed: editors' renames and Kubernetes' symlink swaps included."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

logger = logging.getLogger("duskgate")

RECHECK_MS = 5_000
"""Where the file system reports no events, files are looked at this often."""


class _Reasons(DefaultFilter):
    """What is a reason to look. Events of what is ignored are one too when nobody has looked for long:
    watchfiles restarts its timeout with each of them, so where a database is busy it would never come."""

    def __init__(self, ignored: Iterable[str], recheck_ms: int) -> None:
        super().__init__(ignore_paths=sorted(ignored))
        self._recheck = recheck_ms / 1000
        self.looked()

    def looked(self) -> None:
        """Somebody looks now."""
        self._due = time.monotonic() + self._recheck

    def __call__(self, change: Change, path: str) -> bool:
        return super().__call__(change, path) or time.monotonic() >= self._due


async def changes(
    paths: Iterable[Path], ignored: Iterable[Path] = (), recheck_ms: int = RECHECK_MS
) -> AsyncIterator[None]:
    """Yield whenever something changed in the folders of these files, and every ``recheck_ms`` besides.

    Whoever listens compares contents: an event is only a reason to look. Where the system gives no events
    at all, and for what changed before the watch began, there is only the looking. What happens to
    ``ignored`` files, and to those whose names only begin like theirs, is no reason.
    """
    folders = {path.resolve().parent for path in paths} | {path.absolute().parent for path in paths}
    quiet = {str(path.parent.resolve() / path.name) for path in ignored}
    quiet |= {str(path.absolute()) for path in ignored}
    reasons = _Reasons(quiet, recheck_ms)
    while True:
        try:
            watcher = awatch(
                *folders,
                watch_filter=reasons,
                recursive=False,
                debounce=50,
                step=20,
                rust_timeout=recheck_ms,
                yield_on_timeout=True,
            )
            async for _ in watcher:
                reasons.looked()
                yield
        except (OSError, RuntimeError) as error:
            logger.warning("files are not watched but looked at every %d s: %s", recheck_ms // 1000, error)
        await asyncio.sleep(recheck_ms / 1000)
        yield
