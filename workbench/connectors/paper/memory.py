"""A paper account between processes: what it has, what waits, what was traded, in one file that only grows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.connectors.protocol import Event
from workbench.errors import DataError, Rejected
from workbench.market import OrderKind
from workbench.trading import Fill, Intent, Life, Report

if TYPE_CHECKING:
    from workbench.connectors.paper.matching import Matching

FILL = tuple(Fill.__dataclass_fields__)
MONEY = ("price", "amount", "fee")


@dataclass(slots=True)
class Account:
    """A paper account as it was left."""

    money: dict[str, Decimal] = field(default_factory=dict)
    positions: list[dict[str, Any]] = field(default_factory=list)
    orders: dict[str, Intent] = field(default_factory=dict)

    def put_back(self, matching: Matching, now_ms: int) -> None:
        """Positions as they were; orders that waited wait again, those that cannot any more are gone."""
        for row in self.positions:
            held = matching.account.futures.position(row["symbol"], row["side"])
            held.amount, held.entry = Decimal(row["amount"]), Decimal(row["entry"])
        for intent in self.orders.values():
            try:
                matching.create(intent, now_ms)
            except Rejected:
                continue


class Memory:
    """Keeps a paper account in a file of JSON lines; the last line of each kind counts.

    Parameters
    ----------
    path : Path
        The file; its folder is made. A line that was cut off by a kill is left out, and only the last one can be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fills: list[Fill] = []
        self._intents: dict[str, Intent] = {}
        path.parent.mkdir(parents=True, exist_ok=True)

    def load(self) -> Account | None:
        """The account as it was left; None if there is none yet."""
        rows = list(self._rows())
        if not rows:
            return None
        was = Account()
        for row in rows:
            if "money" in row:
                was.money = {asset: Decimal(amount) for asset, amount in row["money"].items()}
                was.positions = row["positions"]
            elif "fill" in row:
                self._fills.append(_fill(row["fill"]))
            elif row["life"] == int(Life.OPEN) and "intent" in row:
                was.orders[row["order"]] = _intent(row["intent"])
            elif row["life"] > int(Life.OPEN):
                was.orders.pop(row["order"], None)
        return was

    def fills(self, instrument: str, since_ms: int) -> list[Fill]:
        """Fills of earlier processes."""
        return [fill for fill in self._fills if fill.instrument == instrument and fill.time_ms >= since_ms]

    def expect(self, intent: Intent) -> None:
        """An order is about to arrive."""
        self._intents[intent.client_id] = intent

    def keep(self, matching: Matching) -> None:
        """Write down money and positions."""
        self._write([self._money(matching)])

    def note(self, events: Iterable[Event], matching: Matching) -> None:
        """Write down what happened, pushed to the disk before anybody hears of it."""
        rows: list[dict[str, Any]] = []
        for event in events:
            if isinstance(event, Fill):
                rows.append({"fill": {name: _plain(getattr(event, name)) for name in FILL}})
            elif isinstance(event, Report):
                rows.append(self._order(event))
        if rows:
            self._write([*rows, self._money(matching)])

    def _order(self, report: Report) -> dict[str, Any]:
        row: dict[str, Any] = {"order": report.client_id, "life": int(report.life)}
        intent = self._intents.get(report.client_id)
        if intent is not None and report.life == Life.OPEN:
            left = (report.amount or intent.amount) - report.filled
            row["intent"] = {
                "client_id": intent.client_id, "instrument": intent.instrument, "side": intent.side,
                "kind": int(intent.kind), "amount": str(left), "price": _plain(intent.price),
                "trigger": _plain(intent.trigger), "reduce_only": intent.reduce_only,
                "position_side": intent.position_side,
            }  # fmt: skip
        return row

    def _money(self, matching: Matching) -> dict[str, Any]:
        money = {asset: str(balance.total) for asset, balance in matching.balances().items()}
        held = matching.account.futures.positions.items()
        positions = [
            {"symbol": symbol, "side": side, "amount": str(one.amount), "entry": str(one.entry)}
            for (symbol, side), one in held
        ]
        return {"money": money, "positions": positions}

    def _write(self, rows: list[dict[str, Any]]) -> None:
        with self.path.open("ab") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows).encode())
            file.flush()
            os.fsync(file.fileno())

    def _rows(self) -> Iterable[dict[str, Any]]:
        lines = self.path.read_bytes().split(b"\n") if self.path.exists() else []
        for number, line in enumerate(lines):
            if not line:
                continue
            try:
                yield json.loads(line)
            except ValueError:
                if number < len(lines) - 1:
                    where = f"{self.path}, line {number + 1}"
                    raise DataError(f"{where}: not JSON. Move the file away to begin anew.") from None


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def _fill(row: dict[str, Any]) -> Fill:
    read: dict[str, Any] = {name: Decimal(value) if name in MONEY else value for name, value in row.items()}
    return Fill(**read)


def _intent(row: dict[str, Any]) -> Intent:
    money = {name: Decimal(row[name]) for name in ("amount", "price", "trigger") if row[name] is not None}
    return Intent(**{**row, **money, "kind": OrderKind(row["kind"])})
