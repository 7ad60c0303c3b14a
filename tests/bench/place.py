"""Where one proxy runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A folder of its own and ports on 127.0.0.1: its own, its admin port and the backend's."""

    folder: Path
    port: int
    admin: int
    backend: int
