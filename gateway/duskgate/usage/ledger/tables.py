"""The ledger's tables as this release knows them. How a database gets there is in ``migrations``.

A release only uses tables and columns that it names here, and gives each one that it adds a default in the
database: so the release before goes on working while both run.
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text

HOUR = 3_600_000
DAY = 24 * HOUR
"""Lengths of the two kinds of periods, in ms. They begin where UTC's hours and days do."""


class Key(NamedTuple):
    """What is counted apart: the words are those of docs/usage.md."""

    api: str
    endpoint: str
    version: str
    consumer: str
    outcome: str
    code: str
    agent: str

    def digest(self) -> bytes:
        """The key in 16 bytes, under which its row is found.

        A release that counts one more thing apart leaves it out here where it has its default, so that both
        releases find the same row.
        """
        return hashlib.blake2b(json.dumps(self).encode(), digest_size=16).digest()


metadata = MetaData()


def _periods(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("start", BigInteger, primary_key=True, autoincrement=False),
        Column("id", LargeBinary(16), primary_key=True),
        *(Column(word, Text, nullable=False) for word in Key._fields),
        Column("count", BigInteger, nullable=False),
        Column("first_seen", BigInteger, nullable=False),
        Column("last_seen", BigInteger, nullable=False),
        Index(f"{name}_by_version", "api", "version", "start"),
        Index(f"{name}_by_consumer", "consumer", "start"),
        sqlite_with_rowid=False,
    )


hours = _periods("ledger_hours")
"""What came in each hour. ``start`` is the period's first ms since the epoch."""

days = _periods("ledger_days")
"""The same by days, once the hours are no longer kept. No use stands in both."""

writers = Table(
    "ledger_writers",
    metadata,
    Column("writer", Text, primary_key=True),
    Column("batch", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""The number of the last batch that each writer has written: none is ever counted twice."""

schema = Table(
    "ledger_schema",
    metadata,
    Column("needs", Integer, primary_key=True, autoincrement=False),
)
"""One row: the oldest level of tables that a release may know and still use this database."""

VERSION_TABLE = "ledger_version"
"""Where Alembic notes the revision."""
