"""Whether a database has the tables that this release uses, and bringing it there."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, select, text

from duskgate.usage.ledger.store import LedgerError
from duskgate.usage.ledger.tables import VERSION_TABLE, schema

HEAD = "0001"
"""The last step in ``migrations``."""

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x6475736B  # any number, the same in every gateway


def ready(connection: Connection) -> bool:
    """Whether the tables are those of this release, or of a later one that this one may use.

    Raises LedgerError where they are of a later release that this one may not use.
    """
    found = revision(connection)
    if found is None or found < HEAD:
        return False
    needs = connection.execute(select(schema.c.needs)).scalar_one()
    if needs > int(HEAD):
        raise LedgerError(
            f"the ledger's tables are of a later release (step {found}); this one knows {HEAD} and would "
            f"need to know {needs:04d}: upgrade this gateway, or give it a ledger of its own"
        )
    return True


def revision(connection: Connection) -> str | None:
    """The last step that a database has taken; ``None`` for one without a ledger."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.exec_driver_sql(
        f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608  a constant
    ).scalar()
    return found


def ensure(connection: Connection) -> None:
    """Make or change the tables where they are not ready, in the transaction that the connection is in.

    One gateway or worker does, the others wait. Raises LedgerError as ``ready`` does.
    """
    if ready(connection):
        return
    if connection.dialect.name == "postgresql":  # SQLite's transaction has the whole database already
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if not ready(connection):
        _migrate(connection)


def _migrate(connection: Connection) -> None:
    from alembic import command  # only one process in the ledger's life needs it
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, HEAD)
