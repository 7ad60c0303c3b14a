"""What a later release might do: tell rehearsed requests from real ones. The expanding half."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for table in ("ledger_hours", "ledger_days"):
        op.add_column(table, sa.Column("traffic", sa.Text, nullable=False, server_default="real"))
