"""How well the ledger is being written, for who concludes something from what does not stand there."""

from __future__ import annotations

from typing import NamedTuple


class Written(NamedTuple):
    """``flushed`` is when the slowest worker last had written all that there was, in ms; ``None`` if none
    has yet. ``dropped`` are the requests that the ledger will never have."""

    flushed: int | None
    dropped: int
