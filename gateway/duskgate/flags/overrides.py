"""Flags flipped for single callers: a table that is looked up before anybody evaluates a rule.

It is a file of entries (``control/entries.py``): a section a flag, an entry a caller, ``on`` or ``off``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from duskgate.control.entries import BrokenEntries, Sections, parsed
from duskgate.flags.file import replace_file
from duskgate.policy.identify import Who

ON, OFF = "on", "off"

OVERRIDE = {True: "override-on", False: "override-off"}
"""What is told as the variant of a flag that was flipped for the caller."""

Table = Mapping[str, Mapping[str, bool]]


def table_of(sections: Sections, path: Path) -> Table:
    """Flags, callers, and whether it is on for them; ``path`` is what errors name. Raises BrokenEntries."""
    for flag, users in sections.items():
        for user, value in users.items():
            if value not in (ON, OFF):
                raise BrokenEntries(f"{path}: {flag}: {user}: takes on or off")
    return {flag: {user: value == ON for user, value in users.items()} for flag, users in sections.items()}


class OverridesFile:
    """The overrides in force, following their file. A broken file changes nothing."""

    def __init__(self, path: Path, last_good: Path | None = None) -> None:
        """``last_good``: a copy of what was in force last, for workers started while the file is broken."""
        self.path = path
        self.fault: str | None = None
        self._last_good = last_good
        self._seen: bytes | None = None
        self._table: Table = {}
        self.refresh()
        if self.fault is not None and last_good is not None:
            with suppress(BrokenEntries):
                self._table = _table(_content(last_good), last_good)

    def value(self, flag: str, who: Who) -> bool | None:
        """What the flag was flipped to for a caller, if it was."""
        users = self._table.get(flag)
        if users is None or who.targeting_key is None:
            return None
        found = users.get(who.label)
        return users.get(who.targeting_key) if found is None else found

    def refresh(self) -> bool:
        """Look at the file; ``True`` if it was taken over. ``fault`` says what is wrong with it."""
        try:
            content = _content(self.path)
            seen = hashlib.sha256(content).digest()
            if seen == self._seen:
                return False
            self._seen = seen
            table = _table(content, self.path)
        except BrokenEntries as error:
            self.fault = str(error)
            return False
        changed = table != self._table or self.fault is not None
        self._table, self.fault = table, None
        if self._last_good is not None and changed:
            replace_file(self._last_good, content)
        return changed


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b"{}"
    except OSError as error:
        raise BrokenEntries(f"{path}: cannot be read: {error.strerror}") from None


def _table(content: bytes, path: Path) -> Table:
    try:
        return table_of(parsed(content.decode("utf-8"), path), path)
    except UnicodeDecodeError:
        raise BrokenEntries(f"{path}: is not UTF-8 text") from None
