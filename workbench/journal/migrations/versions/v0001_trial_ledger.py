"""The trial ledger: a table that can be added to, at its end, and not changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEPT = "SELECT RAISE(ABORT, 'the trial ledger is kept: entries cannot be changed or removed')"
ENDS = "SELECT RAISE(ABORT, 'the trial ledger grows at its end: the number or the hash before does not follow')"


def upgrade() -> None:
    """Make the table and the triggers that keep it."""
    op.create_table(
        "trial_ledger",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("entry", sa.String(16), nullable=False),
        sa.Column("time_ms", sa.Integer, nullable=False),
        sa.Column("lineage", sa.String, nullable=False),
        sa.Column("parameters", sa.String, nullable=False),
        sa.Column("data", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_trial_ledger"),
        sa.UniqueConstraint("entry", name="uq_trial_ledger_entry"),
        sa.CheckConstraint("count >= 1", name=op.f("ck_trial_ledger_counts")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_trial_ledger_lineage_data", "trial_ledger", ["lineage", "data"])
    op.execute(f"CREATE TRIGGER trial_ledger_is_not_changed BEFORE UPDATE ON trial_ledger BEGIN {KEPT}; END")
    op.execute(f"CREATE TRIGGER trial_ledger_is_not_removed BEFORE DELETE ON trial_ledger BEGIN {KEPT}; END")
    op.execute(
        "CREATE TRIGGER trial_ledger_grows_at_its_end BEFORE INSERT ON trial_ledger "
        "WHEN NEW.number IS NOT (SELECT COALESCE(MAX(number), 0) + 1 FROM trial_ledger) "
        "OR NEW.previous IS NOT COALESCE((SELECT hash FROM trial_ledger ORDER BY number DESC LIMIT 1), '') "
        f"BEGIN {ENDS}; END"
    )
