"""Connections to the ledger's database: SQLite, or PostgreSQL through psycopg 3."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

LOCK_SECONDS = 2.0
"""How long a statement waits for another writer."""

STATEMENT_SECONDS = 30
CONNECT_SECONDS = 5


class LedgerError(Exception):
    """The ledger cannot be used; the message says why, in words for whoever runs the gateway."""


def engine(url: str, *, read_only: bool = False) -> Engine:
    """An engine for a ledger's URL: ``sqlite:///`` and a path, or ``postgresql://``.

    It keeps no connection open. Raises LedgerError where the driver is missing.
    """
    path = sqlite_path(url)
    if path is not None:
        return _sqlite(path, read_only)
    try:
        return _postgresql(url, read_only)
    except ImportError as error:
        raise LedgerError(
            f"psycopg cannot be used ({error}); install the extra: duskgate[postgres]"
        ) from None


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite URL."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _sqlite(path: Path, read_only: bool) -> Engine:
    mode = "ro" if read_only else "rwc"

    def open_file() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode={mode}",
            uri=True,
            timeout=LOCK_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if not read_only:
                # NORMAL loses nothing when a process dies; only a power cut may cost the last flushes
                connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    made = create_engine("sqlite://", creator=open_file, poolclass=NullPool, hide_parameters=True)
    # IMMEDIATE waits for the lock here; a transaction that began by reading could not wait for it later
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return made


def _postgresql(url: str, read_only: bool) -> Engine:
    made = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "duskgate",
            "prepare_threshold": None,  # poolers such as PgBouncer give each transaction another session
            "tcp_user_timeout": STATEMENT_SECONDS * 1000,
            # of a host that is lost between a statement and its answer nothing else would tell
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        },
    )
    mode = "READ ONLY" if read_only else "READ WRITE"

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET TRANSACTION {mode}")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS:g}s'")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")

    return made


def in_words(error: BaseException) -> str:
    """What went wrong, in one line, without the statement and what was to be written."""
    if isinstance(error, LedgerError):
        return str(error)
    cause: Any = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    first = next(iter(str(cause).strip().splitlines()), "")
    return f"{type(cause).__name__}: {first}" if first else type(cause).__name__
