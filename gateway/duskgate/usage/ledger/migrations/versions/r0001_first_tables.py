"""The first tables. Written out in full: what stands in ``tables.py`` goes on changing, this does not."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WORDS = ("api", "endpoint", "version", "consumer", "outcome", "code", "agent")


def upgrade() -> None:
    for table in ("ledger_hours", "ledger_days"):
        op.create_table(
            table,
            sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("id", sa.LargeBinary(16), primary_key=True),
            *(sa.Column(word, sa.Text, nullable=False) for word in WORDS),
            sa.Column("count", sa.BigInteger, nullable=False),
            sa.Column("first_seen", sa.BigInteger, nullable=False),
            sa.Column("last_seen", sa.BigInteger, nullable=False),
            sqlite_with_rowid=False,
        )
        op.create_index(f"{table}_by_version", table, ["api", "version", "start"])
        op.create_index(f"{table}_by_consumer", table, ["consumer", "start"])
    op.create_table(
        "ledger_writers",
        sa.Column("writer", sa.Text, primary_key=True),
        sa.Column("batch", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    schema = op.create_table(
        "ledger_schema", sa.Column("needs", sa.Integer, primary_key=True, autoincrement=False)
    )
    op.bulk_insert(schema, [{"needs": 1}])
