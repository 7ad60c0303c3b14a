"""And the contracting half of another change: nobody wants the agent any more."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for table in ("ledger_hours", "ledger_days"):
        op.drop_column(table, "agent")
    op.execute("UPDATE ledger_schema SET needs = 2")
