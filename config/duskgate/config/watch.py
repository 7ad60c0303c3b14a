"""Noticing that files changed: editors' renames and Kubernetes' symlink swaps included."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from watchfiles import awatch

RECHECK_MS = 5_000
"""Where the file system reports no events, files are looked at this often."""


async def changes(paths: Iterable[Path]) -> AsyncIterator[None]:
    """Yield whenever something changed in the folders of these files, and every ``RECHECK_MS`` besides.

    Whoever listens compares contents: an event is only a reason to look.
    """
    folders = {path.resolve().parent for path in paths} | {path.absolute().parent for path in paths}
    watcher = awatch(
        *folders, recursive=False, debounce=50, step=20, rust_timeout=RECHECK_MS, yield_on_timeout=True
    )
    async for _ in watcher:
        yield
