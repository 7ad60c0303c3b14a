"""Small JSON files that operators change while the gateway runs: locked, replaced whole, changes audited.

A file holds sections, and a section holds entries by key::

    {"holds": {"accounts/v1": {"until": "2027-01-08T00:00:00Z", "by": "jane"}}}

Beside ``switches.json`` stand ``switches.json.audit`` (one JSON line a change, oldest first) and
``switches.json.lock``.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from duskgate.policy.instants import rfc3339

LARGEST_AUDIT = 16 * 2**20
"""Bytes of an audit file before it is put aside as ``.audit.1``, in place of the one before."""

Sections = Mapping[str, Mapping[str, Any]]


class BrokenEntries(ValueError):
    """The file is not one of entries; the message says where and why."""


class Entries:
    """The entries in one file. A file that is not there has none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.audit_path = path.with_name(f"{path.name}.audit")
        self._lock_path = path.with_name(f"{path.name}.lock")

    def read(self) -> Sections:
        """Every section. Raises BrokenEntries."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise BrokenEntries(f"{self.path}: cannot be read: {error}") from None
        return parsed(text, self.path)

    def put(self, section: str, key: str, value: Any, *, by: str, at: int) -> Any:
        """Set one entry, or remove it with ``None``; gives what was there before.

        ``by`` is who asked for it and ``at`` when, in ms. A change that changes nothing is not audited.
        Raises BrokenEntries where the file cannot be understood, and OSError where it cannot be written.
        """
        return self.put_all({(section, key): value}, by=by, at=at)[section, key]

    def put_all(
        self, values: Mapping[tuple[str, str], Any], *, by: str, at: int
    ) -> dict[tuple[str, str], Any]:
        """Several at once: all of them, or none."""
        with self._locked():
            sections = {name: dict(entries) for name, entries in self.read().items()}
            before = {place: sections.get(place[0], {}).get(place[1]) for place in values}
            changed = {place: value for place, value in values.items() if before[place] != value}
            if changed:
                self._audit(changed, before, by, at)
                self._replace(_edited(sections, changed))
        return before

    def audit(self) -> Iterator[dict[str, Any]]:
        """Every change on record, oldest first."""
        for path in (self.audit_path.with_name(f"{self.audit_path.name}.1"), self.audit_path):
            try:
                lines = path.read_text(encoding="utf-8").splitlines()
            except FileNotFoundError:
                continue
            for line in lines:
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:
                    continue  # the last line of a process that died while writing it

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock_path.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _audit(
        self, changed: Mapping[tuple[str, str], Any], before: Mapping[tuple[str, str], Any], by: str, at: int
    ) -> None:
        """Before the change itself: one on record that did not happen is better than one off it."""
        if self.audit_path.exists() and self.audit_path.stat().st_size > LARGEST_AUDIT:
            self.audit_path.replace(self.audit_path.with_name(f"{self.audit_path.name}.1"))
        with self.audit_path.open("a", encoding="utf-8") as file:
            for (section, key), value in changed.items():
                change = {"section": section, "key": key, "from": before[section, key], "to": value}
                file.write(json.dumps({"at": rfc3339(at), "by": by, **change}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _replace(self, sections: Sections) -> None:
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(sections, file, indent=1, sort_keys=True)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)


def parsed(text: str, path: Path) -> Sections:
    """The sections of a file's text; ``path`` is what errors name. Raises BrokenEntries."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise BrokenEntries(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise BrokenEntries(f"{path}: not JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise BrokenEntries(f"{path}: takes a mapping of mappings")
    return found


def _edited(sections: dict[str, dict[str, Any]], changed: Mapping[tuple[str, str], Any]) -> Sections:
    for (section, key), value in changed.items():
        entries = sections.setdefault(section, {})
        if value is None:
            entries.pop(key, None)
        else:
            entries[key] = value
    return {name: entries for name, entries in sections.items() if entries}
