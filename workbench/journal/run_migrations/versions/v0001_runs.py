"""The journal of runs: entries that can be added to and not changed, snapshots, and the tables made from entries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEPT = "the journal is kept: entries cannot be changed or removed"
ON_POSTGRESQL = f"""
CREATE FUNCTION workbench_keep() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{KEPT}'; END $$
"""


def upgrade() -> None:
    """Make the tables, and the triggers that keep the entries."""
    make_tables()
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER entries_are_kept_on_{verb.lower()} BEFORE {verb} ON entries "
                f"BEGIN SELECT RAISE(ABORT, '{KEPT}'); END"
            )
    else:
        op.execute(ON_POSTGRESQL)
        op.execute(
            "CREATE TRIGGER entries_are_kept BEFORE UPDATE OR DELETE ON entries "
            "FOR EACH ROW EXECUTE FUNCTION workbench_keep()"
        )


def make_tables() -> None:
    """The tables as they were in this version."""
    op.create_table(
        "balances",
        sa.Column("run", sa.String, nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("venue", sa.String, nullable=False),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("asset", sa.String, nullable=False),
        sa.Column("total", sa.String, nullable=False),
        sa.Column("free", sa.String, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run", "number", "venue", "account", "asset", name="pk_balances"),
    )
    op.create_table(
        "controllers",
        sa.Column("run", sa.String, nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("controller", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run", "number", "controller", name="pk_controllers"),
    )
    op.create_table(
        "entries",
        sa.Column("run", sa.String, nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("run", "number", name="pk_entries"),
    )
    op.create_table(
        "equity",
        sa.Column("run", sa.String, nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("market", sa.String, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("cash", sa.Double),
        sa.Column("position", sa.Double),
        sa.Column("price", sa.Double),
        sa.Column("equity", sa.Double),
        sa.Column("fees", sa.Double),
        sa.Column("funding", sa.Double),
        sa.PrimaryKeyConstraint("run", "number", "market", name="pk_equity"),
    )
    op.create_table(
        "executors",
        sa.Column("run", sa.String, nullable=False),
        sa.Column("executor", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("controller", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("market", sa.String, nullable=False),
        sa.Column("level", sa.BigInteger),
        sa.Column("side", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("close_type", sa.String, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("closed_ms", sa.BigInteger),
        sa.Column("net_pnl_quote", sa.Double),
        sa.Column("net_pnl", sa.Double),
        sa.Column("fees_quote", sa.Double),
        sa.Column("filled_quote", sa.Double),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run", "executor", name="pk_executors"),
    )
    op.create_table(
        "fills",
        sa.Column("run", sa.String, nullable=False),
        sa.Column("venue", sa.String, nullable=False),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("instrument", sa.String, nullable=False),
        sa.Column("trade_id", sa.String, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("client_id", sa.String, nullable=False),
        sa.Column("venue_id", sa.String, nullable=False),
        sa.Column("base", sa.String, nullable=False),
        sa.Column("quote", sa.String, nullable=False),
        sa.Column("side", sa.BigInteger, nullable=False),
        sa.Column("price", sa.String, nullable=False),
        sa.Column("amount", sa.String, nullable=False),
        sa.Column("fee", sa.String, nullable=False),
        sa.Column("fee_asset", sa.String, nullable=False),
        sa.Column("is_maker", sa.Boolean, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("external", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("run", "venue", "account", "instrument", "trade_id", "side", name="pk_fills"),
    )
    op.create_table(
        "funding",
        sa.Column("run", sa.String, nullable=False),
        sa.Column("venue", sa.String, nullable=False),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("instrument", sa.String, nullable=False),
        sa.Column("payment_id", sa.String, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("asset", sa.String, nullable=False),
        sa.Column("amount", sa.String, nullable=False),
        sa.Column("rate", sa.Double),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run", "venue", "account", "instrument", "payment_id", name="pk_funding"),
    )
    op.create_table(
        "market_data",
        sa.Column("run", sa.String, nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("market", sa.String, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("price", sa.Double),
        sa.Column("open", sa.Double),
        sa.Column("high", sa.Double),
        sa.Column("low", sa.Double),
        sa.Column("close", sa.Double),
        sa.Column("volume", sa.Double),
        sa.Column("bid", sa.Double),
        sa.Column("ask", sa.Double),
        sa.PrimaryKeyConstraint("run", "number", name="pk_market_data"),
    )
    op.create_table(
        "order_statuses",
        sa.Column("run", sa.String, nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("client_id", sa.String, nullable=False),
        sa.Column("venue_id", sa.String, nullable=False),
        sa.Column("instrument", sa.String, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("filled", sa.String),
        sa.Column("reason", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("run", "number", name="pk_order_statuses"),
    )
    op.create_table(
        "orders",
        sa.Column("run", sa.String, nullable=False),
        sa.Column("client_id", sa.String, nullable=False),
        sa.Column("venue", sa.String, nullable=False),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("instrument", sa.String, nullable=False),
        sa.Column("base", sa.String, nullable=False),
        sa.Column("quote", sa.String, nullable=False),
        sa.Column("venue_id", sa.String, nullable=False),
        sa.Column("side", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("amount", sa.String, nullable=False),
        sa.Column("price", sa.String),
        sa.Column("trigger", sa.String),
        sa.Column("time_in_force", sa.String, nullable=False),
        sa.Column("reduce_only", sa.Boolean, nullable=False),
        sa.Column("position_side", sa.BigInteger, nullable=False),
        sa.Column("leverage", sa.String),
        sa.Column("controller", sa.String, nullable=False),
        sa.Column("executor", sa.BigInteger),
        sa.Column("world_order", sa.BigInteger),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("filled", sa.String, nullable=False),
        sa.Column("reported", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("run", "client_id", name="pk_orders"),
    )
    op.create_index("ix_orders_run_venue_id", "orders", ["run", "venue_id"])
    op.create_table(
        "positions",
        sa.Column("run", sa.String, nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("venue", sa.String, nullable=False),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("instrument", sa.String, nullable=False),
        sa.Column("leg", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("amount", sa.String, nullable=False),
        sa.Column("entry", sa.String),
        sa.Column("mark", sa.String),
        sa.Column("unrealised", sa.String),
        sa.Column("leverage", sa.String),
        sa.Column("liquidation", sa.String),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run", "number", "venue", "account", "instrument", "leg", name="pk_positions"),
    )
    op.create_table(
        "runs",
        sa.Column("run", sa.String, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("source_hash", sa.String, nullable=False),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("planned_ms", sa.BigInteger, nullable=False),
        sa.Column("started_ms", sa.BigInteger),
        sa.Column("starts", sa.BigInteger, nullable=False),
        sa.Column("stopped_ms", sa.BigInteger),
        sa.Column("why", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_runs"),
    )
    op.create_table(
        "snapshots",
        sa.Column("run", sa.String, nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("blob", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("run", "number", name="pk_snapshots"),
    )
