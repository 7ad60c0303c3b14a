"""Names that become labels, counted over all workers of a gateway, those that are gone included.

A worker cannot know alone how many labels there are: its limit would count once for each worker, and again
for each that replaces one. So the workers note in one file which names they have used.
"""

from __future__ import annotations

import fcntl
from pathlib import Path

LONGEST = 100
"""Characters of the longest name that can become a label."""


class SharedNames:
    """Names in groups, each of which has its limit. ``path`` is the workers' file; without one, alone.

    The file is read only when a name is new to this worker and its group may have room, so no more often
    than there are labels in the end.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known: dict[str, set[str]] = {}

    def known(self, group: str) -> set[str]:
        """The names of a group, as far as this worker has heard of them."""
        return self._known.setdefault(group, set())

    def take(self, group: str, name: str, most: int) -> bool:
        """Whether a name may be used: it has been, by any worker, or its group has fewer than ``most``."""
        known = self.known(group)
        if name in known:
            return True
        if len(known) >= most or len(name) > LONGEST or not name.isprintable():
            return False
        if self._path is None:
            known.add(name)
            return True
        try:
            self._note(self._path, group, name, most)
        except OSError:
            return False
        return name in known

    def _note(self, path: Path, group: str, name: str, most: int) -> None:
        with path.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            for line in file:
                its_group, _, its_name = line.rstrip("\n").partition("\t")
                self.known(its_group).add(its_name)
            known = self.known(group)
            if name not in known and len(known) < most:
                file.write(f"{group}\t{name}\n")
                file.flush()
                known.add(name)
