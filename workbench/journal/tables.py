"""The rows that are stored."""

from __future__ import annotations

import hashlib

from sqlalchemy import CheckConstraint, Index, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

HEAD = "0001"  # the migration that these classes are at


class Row(DeclarativeBase):
    """Root of all stored rows. Constraints have names, so that migrations can find them."""

    metadata = MetaData(
        naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                           "ck": "ck_%(table_name)s_%(constraint_name)s", "pk": "pk_%(table_name)s"}
    )  # fmt: skip


class Trial(Row):
    """One entry of the trial ledger: so many combinations of a strategy, run at once.

    `hash` is over the entry and the hash before it: an entry that is changed later breaks the chain at its place.
    """

    __tablename__ = "trial_ledger"
    __table_args__ = (
        CheckConstraint("count >= 1", name="counts"),
        Index(None, "lineage", "data"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    entry: Mapped[str] = mapped_column(String(16), unique=True)
    time_ms: Mapped[int]
    lineage: Mapped[str]
    parameters: Mapped[str]
    data: Mapped[str]
    kind: Mapped[str]
    count: Mapped[int]
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


CHAINED = ("number", "entry", "time_ms", "lineage", "parameters", "data", "kind", "count", "previous")


def chain_hash(values: dict[str, object]) -> str:
    """SHA-256 over an entry, its number and the hash before it."""
    return hashlib.sha256("\x1f".join(str(values[name]) for name in CHAINED).encode()).hexdigest()
