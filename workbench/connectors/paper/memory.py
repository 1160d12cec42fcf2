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
DAMAGED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


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
            held.amount, held.entry = row["amount"], row["entry"]
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
        """The account as it was left; None if there is none yet.

        Raises
        ------
        DataError
            If a line is not one of ours.
        """
        was, lines = Account(), self.path.read_bytes().split(b"\n") if self.path.exists() else []
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                self._take(json.loads(line), was)
            except DAMAGED as fault:
                if number < len(lines):  # only the last can have been cut off by a kill
                    where = f"{self.path}, line {number}"
                    raise DataError(f"{where}: not a line of a paper account ({fault}). Move the file away.") from fault
        return was if was.money or was.orders or self._fills else None

    def _take(self, row: Any, was: Account) -> None:
        if "money" in row:
            money = {str(asset): _finite(amount) for asset, amount in row["money"].items()}
            was.money, was.positions = money, [_leg(leg) for leg in row["positions"]]
        elif "fill" in row:
            self._fills.append(_fill(row["fill"]))
        elif row["life"] == int(Life.OPEN) and "intent" in row:
            was.orders[row["order"]] = _intent(row["intent"])
        elif row["life"] > int(Life.OPEN):
            was.orders.pop(row["order"], None)

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


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def _fill(row: dict[str, Any]) -> Fill:
    read: dict[str, Any] = {name: _finite(value) if name in MONEY else value for name, value in row.items()}
    return Fill(**read)


def _leg(row: Any) -> dict[str, Any]:
    return {
        "symbol": str(row["symbol"]),
        "side": str(row["side"]),
        "amount": _finite(row["amount"]),
        "entry": _finite(row["entry"]),
    }


def _finite(value: Any) -> Decimal:
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{value!r} is no amount")
    return number


def _intent(row: dict[str, Any]) -> Intent:
    money = {name: _finite(row[name]) for name in ("amount", "price", "trigger") if row[name] is not None}
    return Intent(**{**row, **money, "kind": OrderKind(row["kind"])})
