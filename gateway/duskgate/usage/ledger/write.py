"""What is written to the ledger, each in the transaction that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Table, delete, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from duskgate.usage.ledger.tables import DAY, Key, days, hours, writers

Row = tuple[int, Key, int, int, int]
"""The hour's start, what was counted apart, and its count, first and last seen."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written at once. ``number`` is the writer's own count of its batches, from 1."""

    number: int
    rows: Sequence[Row]

    @property
    def requests(self) -> int:
        """How many requests it tells of."""
        return sum(row[2] for row in self.rows)


def write(connection: Connection, writer: str, batch: Batch, now: int) -> None:
    """Add a batch, unless this writer has written it before and never heard so."""
    if not _claim(connection, writer, batch.number, now):
        return
    rows = [
        {
            "start": start,
            "id": key.digest(),
            **key._asdict(),
            "count": count,
            "first_seen": first,
            "last_seen": last,
        }
        for start, key, count, first, last in batch.rows
    ]
    # always in the same order: two writers that wait for each other's rows would wait for ever
    rows.sort(key=lambda row: (row["start"], row["id"]))
    connection.execute(_adding(hours, connection), rows)


def _claim(connection: Connection, writer: str, number: int, now: int) -> bool:
    new = _insert(writers, connection).values(writer=writer, batch=number, at=now)
    claim = new.on_conflict_do_update(
        index_elements=["writer"],
        set_={"batch": new.excluded.batch, "at": new.excluded.at},
        where=writers.c.batch < new.excluded.batch,
    )
    return connection.execute(claim.returning(writers.c.batch)).first() is not None


def _insert(table: Table, connection: Connection) -> Any:
    made = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return made(table)


def _adding(table: Table, connection: Connection) -> Any:
    """An insert that adds to the row that is there already."""
    new = _insert(table, connection)
    wide = connection.dialect.name == "postgresql"
    least, greatest = (func.least, func.greatest) if wide else (func.min, func.max)
    return new.on_conflict_do_update(
        index_elements=["start", "id"],
        set_={
            "count": table.c.count + new.excluded.count,
            "first_seen": least(table.c.first_seen, new.excluded.first_seen),
            "last_seen": greatest(table.c.last_seen, new.excluded.last_seen),
        },
    )


def oldest_hour(connection: Connection) -> int | None:
    """The start of the first hour that is kept."""
    found: int | None = connection.execute(select(func.min(hours.c.start))).scalar()
    return found


def roll_up(connection: Connection, day: int) -> None:
    """Put the hours of the day that begins at ``day`` together.

    On PostgreSQL the transaction must be REPEATABLE READ: an hour that another writer adds to meanwhile is
    then neither lost nor counted twice, but makes this fail.
    """
    old = (hours.c.start >= day) & (hours.c.start < day + DAY)
    words = [hours.c[word] for word in Key._fields]
    summed = (
        select(
            literal(day, BigInteger),
            hours.c.id,
            *words,
            func.sum(hours.c.count),
            func.min(hours.c.first_seen),
            func.max(hours.c.last_seen),
        )
        .where(old)
        .group_by(hours.c.id, *words)
    )
    columns = ["start", "id", *Key._fields, "count", "first_seen", "last_seen"]
    connection.execute(_adding(days, connection).from_select(columns, summed))
    connection.execute(delete(hours).where(old))


def forget(connection: Connection, before: int, writers_before: int) -> None:
    """Delete days that began before one instant, and the notes of writers silent since another."""
    connection.execute(delete(days).where(days.c.start < before))
    connection.execute(delete(writers).where(writers.c.at < writers_before))
