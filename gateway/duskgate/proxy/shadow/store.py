"""The results of shadowing in an SQLite file: how often an endpoint's answers were equal, and what differed.

Several processes write to it, each in one transaction a second. It is bounded: in the fields of an endpoint,
in the age of what is kept, and in its size.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from duskgate.proxy.shadow.noise import MOST_FIELDS, NONE, Count, Field, Noise, Place
from duskgate.proxy.shadow.tally import OTHER, Batch, Sighting, Tally

FOLDER, FILE = "shadow", "results.db"
"""Where it lies in the state folder: in a folder of its own, since others watch that one for edits."""

KEPT_MS = 90 * 86_400_000
"""What was not seen for so long is forgotten."""
LARGEST = 64 * 2**20
"""Bytes; beyond that nothing is added."""
WAIT_SECONDS = 5.0
"""How long one writer waits for the others."""

_SCHEMA = """
BEGIN;
CREATE TABLE IF NOT EXISTS places (api TEXT, version TEXT, shadow TEXT, endpoint TEXT,
  equal INTEGER, different INTEGER, failed INTEGER, undecided INTEGER, streak INTEGER,
  first_seen INTEGER, last_seen INTEGER, PRIMARY KEY (api, version, shadow, endpoint));
CREATE TABLE IF NOT EXISTS differences (api TEXT, version TEXT, shadow TEXT, endpoint TEXT,
  field TEXT, kind TEXT, count INTEGER, first_seen INTEGER, last_seen INTEGER, old TEXT, new TEXT,
  PRIMARY KEY (api, version, shadow, endpoint, field, kind));
CREATE TABLE IF NOT EXISTS noise (api TEXT, version TEXT, shadow TEXT, endpoint TEXT,
  field TEXT, kind TEXT, suspected INTEGER, explained INTEGER, last_seen INTEGER,
  PRIMARY KEY (api, version, shadow, endpoint, field, kind));
COMMIT;
"""
_IS_NEW = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'noise')"
_ADD_TALLY = """
INSERT INTO places VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET
  equal = equal + excluded.equal, different = different + excluded.different,
  failed = failed + excluded.failed, undecided = undecided + excluded.undecided,
  streak = excluded.streak + streak * ?, last_seen = max(last_seen, excluded.last_seen)
"""
_ADD_SIGHTING = """
INSERT INTO differences VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET
  count = count + excluded.count, last_seen = max(last_seen, excluded.last_seen),
  old = excluded.old, new = excluded.new
"""
_FIELDS = """
SELECT field, kind FROM differences WHERE api = ? AND version = ? AND shadow = ? AND endpoint = ?
"""
_NOISE = """
SELECT field, kind, suspected, explained FROM noise
WHERE api = ? AND version = ? AND shadow = ? AND endpoint = ?
"""
_FORGET_VALUES = """
UPDATE differences SET old = NULL, new = NULL
WHERE api = ? AND version = ? AND (old IS NOT NULL OR new IS NOT NULL)
"""
_FORGET_OLD = (
    "DELETE FROM places WHERE last_seen < ?",
    "DELETE FROM differences WHERE last_seen < ?",
    "DELETE FROM noise WHERE last_seen < ?",
)


def path_in(state: Path) -> Path:
    """The file in a state folder."""
    return state / FOLDER / FILE


class Results(NamedTuple):
    """What is in the store."""

    places: Mapping[Place, Tally]
    differences: Mapping[Place, Mapping[Field, Sighting]]
    noise: Mapping[Place, Mapping[Field, Count]]


NO_RESULTS = Results({}, {}, {})


class Store:
    """The store, open for writing. Every method raises sqlite3.Error, and the first OSError too."""

    def __init__(self, path: Path, now: int) -> None:
        """Open it, made anew if it is not there, and forget what is old; ``now`` in ms."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._database = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
        run = self._database.execute
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA secure_delete = ON")  # examples that are dropped must be gone from the file
        (page,) = run("PRAGMA page_size").fetchone()
        run(f"PRAGMA max_page_count = {LARGEST // page}")
        self._database.executescript(_SCHEMA)
        for forget in _FORGET_OLD:
            run(forget, (now - KEPT_MS,))

    def write(self, batch: Batch, noise: Noise) -> None:
        """Add everything, or nothing, and tell ``noise`` what is known by now of the places in it.

        Each place that something was learnt of is in the batch.
        """
        run = self._database.execute
        learnt = noise.learnt()
        run("BEGIN IMMEDIATE")
        try:
            for place, tally in batch.tallies.items():
                self._tally(place, tally)
            for place, seen in batch.sightings.items():
                self._sightings(place, seen)
            known = {place: self._noise(place) for place in batch.tallies}
            for place, field, count in learnt:
                self._learn(place, field, count, known[place], batch.tallies[place].last)
            run("COMMIT")
        except BaseException:
            self._database.rollback()
            raise
        for place, fields in known.items():
            noise.know(place, fields)

    def _tally(self, place: Place, one: Tally) -> None:
        counts = one.equal, one.different, one.failed, one.undecided, one.streak
        self._database.execute(_ADD_TALLY, (*place, *counts, one.first, one.last, int(one.whole)))

    def _sightings(self, place: Place, seen: Mapping[Field, Sighting]) -> None:
        known = set(self._database.execute(_FIELDS, place))
        for (field, kind), one in seen.items():
            if (field, kind) not in known and len(known) >= MOST_FIELDS:
                field = OTHER
            known.add((field, kind))
            example = (None, None) if field == OTHER else (one.old, one.new)
            row = (*place, field, kind, one.count, one.first, one.last, *example)
            self._database.execute(_ADD_SIGHTING, row)

    def _noise(self, place: Place) -> dict[Field, Count]:
        rows = self._database.execute(_NOISE, place)
        return {(field, kind): Count(suspected, explained) for field, kind, suspected, explained in rows}

    def _learn(self, place: Place, field: Field, count: Count, known: dict[Field, Count], now: int) -> None:
        if field not in known and len(known) >= MOST_FIELDS:
            return
        known[field] = total = known.get(field, NONE).plus(count)
        row = (*place, *field, total.suspected, total.explained, now)
        self._database.execute("INSERT OR REPLACE INTO noise VALUES (?,?,?,?,?,?,?,?,?)", row)

    def forget_values(self, api: str, version: str) -> None:
        """Drop the examples of a version: they are no longer allowed."""
        self._database.execute(_FORGET_VALUES, (api, version))

    def close(self) -> None:
        self._database.close()


def read(path: Path) -> Results:
    """Everything in a store that others may be writing to. Raises sqlite3.Error for what is none.

    Where this user may not write, results of the last seconds may be missing.
    """
    if not path.exists():
        return NO_RESULTS
    try:
        return _read(f"{path.absolute().as_uri()}?mode=ro")
    except sqlite3.OperationalError:
        return _read(f"{path.absolute().as_uri()}?mode=ro&immutable=1")


def _read(uri: str) -> Results:
    with closing(sqlite3.connect(uri, uri=True, timeout=WAIT_SECONDS, isolation_level=None)) as database:
        run = database.execute
        run("BEGIN")  # all of it as it is at one moment
        if run(_IS_NEW).fetchone()[0]:
            return NO_RESULTS
        places: dict[Place, Tally] = {}
        differences: dict[Place, dict[Field, Sighting]] = {}
        noise: dict[Place, dict[Field, Count]] = {}
        for *where, equal, different, failed, undecided, streak, first, last in run("SELECT * FROM places"):
            places[_place(where)] = Tally(first, last, equal, different, failed, undecided, streak)
        for *where, field, kind, count, first, last, old, new in run("SELECT * FROM differences"):
            sighting = Sighting(first, last, count, old, new)
            differences.setdefault(_place(where), {})[field, kind] = sighting
        for *where, field, kind, suspected, explained, _ in run("SELECT * FROM noise"):
            noise.setdefault(_place(where), {})[field, kind] = Count(suspected, explained)
    return Results(places, differences, noise)


def _place(where: list[str]) -> Place:
    api, version, shadow, endpoint = where
    return api, version, shadow, endpoint
