"""A writer's way to the database: opened when needed, checked before use, given up after a failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from duskgate.usage.ledger.schema import ensure
from duskgate.usage.ledger.store import engine, sqlite_path


class Session:
    """One connection at a time. For one thread."""

    def __init__(self, url: str) -> None:
        self._engine = engine(url)
        self._path = sqlite_path(url)
        self._connection: Connection | None = None
        self._file: tuple[int, int] | None = None

    @contextmanager
    def transaction(self, *, repeatable: bool = False) -> Iterator[Connection]:
        """A transaction on a database that has the tables.

        ``repeatable``: one that sees the database as it was at its beginning. Raises LedgerError, or an
        exception of SQLAlchemy's or the driver's.
        """
        try:
            connection = self._open()
            if connection.dialect.name == "postgresql":
                level = "REPEATABLE READ" if repeatable else "READ COMMITTED"
                connection.execution_options(isolation_level=level)
            with connection.begin():
                yield connection
        except BaseException:
            self.close()
            raise

    def _open(self) -> Connection:
        if self._connection is not None and self._file != self._identity():
            self.close()  # the file was removed or replaced: what is written to the old one, nobody reads
        if self._connection is None:
            connection = self._connection = self._engine.connect()
            with connection.begin():
                ensure(connection)
            self._file = self._identity()
        return self._connection

    def _identity(self) -> tuple[int, int] | None:
        return file_identity(self._path) if self._path is not None else None

    def close(self) -> None:
        """Close the connection; the next transaction opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


def file_identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one of the same name."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
