"""The tables of a run's database: its entries and snapshots, and what the entries say, as tables.

Every table but the first two is written from entries, in their transaction, and can be made again from them. Amounts
of money are the venue's own digits; times are UTC milliseconds.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Double, Index, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

RUN_HEAD = "0001"  # the migration that these classes are at


class Exact(TypeDecorator[Decimal]):
    """A decimal, kept as the digits that were written: 0.10 stays 0.10, and nothing is rounded."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        """As text, without an exponent."""
        return None if value is None else format(Decimal(value), "f")

    def process_result_value(self, value: Any, dialect: Any) -> Decimal | None:
        """As the decimal it was."""
        return None if value is None else Decimal(value)


class Record(DeclarativeBase):
    """Root of the rows of a run's database; each belongs to a run."""

    metadata = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})
    type_annotation_map = {int: BigInteger, Decimal: Exact, float: Double}  # noqa: RUF012

    run: Mapped[str] = mapped_column(primary_key=True, sort_order=-1)


class EntryRow(Record):
    """What happened: the journal itself."""

    __tablename__ = "entries"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time_ms: Mapped[int]
    kind: Mapped[str]
    body: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(String(64))


class SnapshotRow(Record):
    """The session's state after an entry; it only saves time."""

    __tablename__ = "snapshots"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    blob: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[str] = mapped_column(String(64))


class RunRow(Record):
    """A run: what was planned, and when it last started and stopped."""

    __tablename__ = "runs"
    plan: Mapped[str] = mapped_column(Text)
    source_hash: Mapped[str]
    label: Mapped[str]
    planned_ms: Mapped[int]
    started_ms: Mapped[int | None]
    starts: Mapped[int]
    stopped_ms: Mapped[int | None]
    why: Mapped[str]


class OrderRow(Record):
    """An order of ours, as far as it has come."""

    __tablename__ = "orders"
    __table_args__ = (Index(None, "run", "venue_id"),)
    client_id: Mapped[str] = mapped_column(primary_key=True)
    venue: Mapped[str]
    account: Mapped[str]
    instrument: Mapped[str]
    base: Mapped[str]
    quote: Mapped[str]
    venue_id: Mapped[str]
    side: Mapped[int]
    kind: Mapped[str]
    amount: Mapped[Decimal]
    price: Mapped[Decimal | None]
    trigger: Mapped[Decimal | None]
    time_in_force: Mapped[str]
    reduce_only: Mapped[bool]
    position_side: Mapped[int]
    leverage: Mapped[Decimal | None]
    controller: Mapped[str]
    executor: Mapped[int | None]
    world_order: Mapped[int | None]
    purpose: Mapped[str]
    created_ms: Mapped[int]
    updated_ms: Mapped[int]
    status: Mapped[str]
    filled: Mapped[Decimal]  # booked from fills
    reported: Mapped[Decimal]  # the most that the venue said was filled
    value: Mapped[Decimal]  # Σ price · amount of the fills
    reason: Mapped[str]


class OrderStatusRow(Record):
    """One word on an order: ours or the venue's."""

    __tablename__ = "order_statuses"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    client_id: Mapped[str]
    venue_id: Mapped[str]
    instrument: Mapped[str]
    time_ms: Mapped[int]
    status: Mapped[str]
    filled: Mapped[Decimal | None]
    reason: Mapped[str]


class FillRow(Record):
    """One execution, once; where two orders of ours met, once for each side."""

    __tablename__ = "fills"
    venue: Mapped[str] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    instrument: Mapped[str] = mapped_column(primary_key=True)
    trade_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    client_id: Mapped[str]
    venue_id: Mapped[str]
    base: Mapped[str]
    quote: Mapped[str]
    side: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[Decimal]
    amount: Mapped[Decimal]
    fee: Mapped[Decimal]
    fee_asset: Mapped[str]
    is_maker: Mapped[bool]
    time_ms: Mapped[int]
    external: Mapped[bool]  # not of an order of ours


class FundingRow(Record):
    """One funding payment, once; `amount` above zero was received."""

    __tablename__ = "funding"
    venue: Mapped[str] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    instrument: Mapped[str] = mapped_column(primary_key=True)
    payment_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    asset: Mapped[str]
    amount: Mapped[Decimal]
    rate: Mapped[float | None]
    time_ms: Mapped[int]


class BalanceRow(Record):
    """What an account had of an asset when it was asked."""

    __tablename__ = "balances"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    venue: Mapped[str] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    asset: Mapped[str] = mapped_column(primary_key=True)
    total: Mapped[Decimal]
    free: Mapped[Decimal]
    time_ms: Mapped[int]


class PositionRow(Record):
    """What an account held of an instrument when it was asked."""

    __tablename__ = "positions"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    venue: Mapped[str] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    instrument: Mapped[str] = mapped_column(primary_key=True)
    leg: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    amount: Mapped[Decimal]
    entry: Mapped[Decimal | None]
    mark: Mapped[Decimal | None]
    unrealised: Mapped[Decimal | None]
    leverage: Mapped[Decimal | None]
    liquidation: Mapped[Decimal | None]
    time_ms: Mapped[int]


class ExecutorRow(Record):
    """An executor, as it was last told."""

    __tablename__ = "executors"
    executor: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    controller: Mapped[str]
    kind: Mapped[str]
    market: Mapped[str]
    level: Mapped[int | None]
    side: Mapped[int]
    status: Mapped[str]
    close_type: Mapped[str]
    created_ms: Mapped[int]
    closed_ms: Mapped[int | None]
    net_pnl_quote: Mapped[float | None]
    net_pnl: Mapped[float | None]  # fraction of what went in
    fees_quote: Mapped[float | None]
    filled_quote: Mapped[float | None]
    config: Mapped[str] = mapped_column(Text)
    details: Mapped[str] = mapped_column(Text)
    updated_ms: Mapped[int]


class ControllerRow(Record):
    """A controller's parameters from an entry on: as planned, and after each update."""

    __tablename__ = "controllers"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    controller: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    parameters: Mapped[str] = mapped_column(Text)
    time_ms: Mapped[int]


class EquityRow(Record):
    """What the run was worth at a bar's close; `market` is empty in the row of the whole."""

    __tablename__ = "equity"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    market: Mapped[str] = mapped_column(primary_key=True)
    time_ms: Mapped[int]
    cash: Mapped[float | None]
    position: Mapped[float | None]
    price: Mapped[float | None]
    equity: Mapped[float | None]
    fees: Mapped[float | None]
    funding: Mapped[float | None]


class MarketRow(Record):
    """A bar, or a price that reached something."""

    __tablename__ = "market_data"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    market: Mapped[str]
    time_ms: Mapped[int]
    price: Mapped[float | None]
    open: Mapped[float | None]
    high: Mapped[float | None]
    low: Mapped[float | None]
    close: Mapped[float | None]
    volume: Mapped[float | None]
    bid: Mapped[float | None]
    ask: Mapped[float | None]


TABLES: dict[str, Any] = {
    row.__tablename__: row.__table__
    for row in (RunRow, ControllerRow, OrderRow, OrderStatusRow, FillRow, FundingRow, BalanceRow, PositionRow,
                ExecutorRow, EquityRow, MarketRow)
}  # fmt: skip
ENTRIES: Any = EntryRow.__table__
SNAPSHOTS: Any = SnapshotRow.__table__
