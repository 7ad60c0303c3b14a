"""Noticing that files changed: editors' renames and Kubernetes' symlink swaps included."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from watchfiles import DefaultFilter, awatch

logger = logging.getLogger("duskgate")

RECHECK_MS = 5_000
"""Where the file system reports no events, files are looked at this often."""


async def changes(paths: Iterable[Path], ignored: Iterable[Path] = ()) -> AsyncIterator[None]:
    """Yield whenever something changed in the folders of these files, and every ``RECHECK_MS`` besides.

    Whoever listens compares contents: an event is only a reason to look. Where the system gives no events
    at all, there is only the looking. What happens to ``ignored`` files, and to those whose names only begin
    like theirs, is no reason.
    """
    folders = {path.resolve().parent for path in paths} | {path.absolute().parent for path in paths}
    quiet = {str(path.parent.resolve() / path.name) for path in ignored}
    quiet |= {str(path.absolute()) for path in ignored}
    while True:
        try:
            watcher = awatch(
                *folders,
                watch_filter=DefaultFilter(ignore_paths=sorted(quiet)),
                recursive=False,
                debounce=50,
                step=20,
                rust_timeout=RECHECK_MS,
                yield_on_timeout=True,
            )
            async for _ in watcher:
                yield
        except (OSError, RuntimeError) as error:
            logger.warning("files are not watched but looked at every %d s: %s", RECHECK_MS // 1000, error)
        await asyncio.sleep(RECHECK_MS / 1000)
        yield
