"""Something wrong inside one section."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """The key below the section that it is about, why, and a way out."""

    path: tuple[str | int, ...]
    reason: str
    hint: str = ""
