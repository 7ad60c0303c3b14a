"""The file with who was seen before a freeze: one process finds out, and all workers follow it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Set
from pathlib import Path

from duskgate.policy.switches import FreezeOf

Seen = Mapping[FreezeOf, Set[str]]


class SeenFile:
    """``seen`` is what the file held last; nothing while there is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: Seen = {}
        self._signature: tuple[int, int, int] | None = None

    def refresh(self) -> bool:
        """Look at the file; ``True`` if it changed."""
        try:
            found = self.path.stat()
            signature = found.st_ino, found.st_mtime_ns, found.st_size
            if signature == self._signature:
                return False
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return False
        self._signature = signature
        self.seen = {
            (api, version, since): frozenset(callers) for api, version, since, callers in json.loads(text)
        }
        return True

    def write(self, seen: Seen) -> None:
        """Replace the file, whole. Raises OSError."""
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        draft.write_text(json.dumps([[*place, sorted(callers)] for place, callers in seen.items()]), "utf-8")
        draft.replace(self.path)
