"""Something wrong inside a lifecycle."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """The key below the lifecycle that it is about, why, and a way out."""

    path: tuple[str | int, ...]
    reason: str
    hint: str = ""
