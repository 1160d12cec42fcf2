"""The table of orders, folded from entries: how far each has come, by the rules of `trading.Tracker`.

Only orders that may still change are remembered; an older one is read back when something is said of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, bindparam, select

from workbench.journal.entries import Entry
from workbench.journal.records import TABLES
from workbench.trading import Fill, Intent, Life, Report

Row = dict[str, Any]
ZERO = Decimal(0)
MOST_REMEMBERED = 500
WORDS = {"sent": Life.SENT, "missing": None, "cancel": None, "cancelled": None}
TRADE = ("run", "venue", "account", "instrument", "trade_id", "side")  # orders of ours may meet: one trade, two sides
_fills = TABLES["fills"].c
BOOKED = select(_fills.number).where(*(_fills[name] == bindparam(name) for name in TRADE), ~_fills.external)


def coins(instrument: str) -> tuple[str, str]:
    """Base and quote of an instrument, as its name says them."""
    base, _, rest = instrument.partition("/")
    return base, rest.partition(":")[0]


class Orders:
    """The orders of a run, as their table says."""

    def __init__(self, run: str) -> None:
        self.run = run
        self._known: dict[str, Row] = {}
        self._named: dict[tuple[str, str], str] = {}
        self._booked: dict[tuple[str, str, str, str, int], None] = {}
        self._nameless: list[Fill] | None = None  # fills of orders that nobody knows yet

    def intend(self, entry: Entry, intent: Intent, venue: str, account: str) -> Row:
        """A new order."""
        body = entry.body if isinstance(entry.body, dict) else {}
        base, quote = coins(intent.instrument)
        row = {
            "run": self.run, "client_id": intent.client_id, "venue": venue, "account": account,
            "instrument": intent.instrument, "base": base, "quote": quote, "venue_id": "", "side": intent.side,
            "kind": intent.kind.name, "amount": intent.amount, "price": intent.price, "trigger": intent.trigger,
            "time_in_force": intent.time_in_force, "reduce_only": intent.reduce_only,
            "position_side": intent.position_side, "leverage": body.get("leverage"),
            "controller": str(body.get("controller", "")), "executor": body.get("executor"),
            "world_order": body.get("order"), "purpose": str(body.get("purpose", "")),
            "created_ms": intent.created_ms or entry.time_ms, "updated_ms": entry.time_ms,
            "status": Life.INTENDED.name, "filled": ZERO, "reported": ZERO, "value": ZERO, "reason": "",
        }  # fmt: skip
        self._remember(row)
        return dict(row)

    def note(self, connection: Connection, client_id: str, entry: Entry) -> tuple[str, Row | None]:
        """What we did with an order, or the venue's answer to a request, in a word; and its row, if there is one."""
        row = self._find(connection, client_id, "", "")
        word, life = _word(entry)
        if row is None:
            return word, None
        was = Life[row["status"]]
        forward = life is not None and (was < life if life < Life.OPEN else was <= Life.OPEN)
        if forward and life is not None and not (life == Life.REJECTED and was == Life.OPEN):
            row.update(status=life.name, reason=str(entry.body.get("reason") or row["reason"]))
        row["updated_ms"] = max(row["updated_ms"], entry.time_ms)
        return word, dict(row)

    def hear(self, connection: Connection, report: Report) -> Iterator[Row]:
        """A venue's word on an order of ours."""
        row = self._find(connection, report.client_id, report.instrument, report.venue_id)
        if row is None:
            return
        self._name(connection, row, report.venue_id)
        row["reported"] = max(row["reported"], report.filled)
        was, now = Life[row["status"]], report.life
        if was <= Life.OPEN:
            row["amount"], row["price"] = report.amount or row["amount"], report.price or row["price"]
        row["updated_ms"] = max(row["updated_ms"], report.time_ms)
        ended = was in (Life.FILLED, Life.CANCELLED, Life.EXPIRED)
        said_no = now in (Life.REJECTED, Life.LOST)
        if now > Life.OPEN and not ended and not (said_no and was > Life.OPEN):
            row.update(status=now.name, reason=report.reason)
        elif now <= Life.OPEN and (was < Life.OPEN or was in (Life.REJECTED, Life.LOST)):
            row["status"] = Life.OPEN.name
        yield dict(row)

    def is_booked(self, connection: Connection, venue: str, account: str, fill: Fill) -> bool:
        """Has this trade been written before? From now on it has."""
        key = (venue, account, fill.instrument, fill.trade_id, fill.side)
        if key in self._booked:
            return True
        self._booked[key] = None
        values = dict(zip(TRADE, (self.run, *key), strict=True))
        return connection.execute(BOOKED, values).first() is not None

    def book(self, connection: Connection, fill: Fill) -> Iterator[Row]:
        """A fill that is new."""
        row = self._find(connection, fill.client_id, fill.instrument, fill.venue_id)
        if row is None:
            self._strays(connection).append(fill)
            return
        self._name(connection, row, fill.venue_id)
        self._add(row, fill)
        yield dict(row)

    def _add(self, row: Row, fill: Fill) -> None:
        row["filled"] += fill.amount
        row["value"] += fill.price * fill.amount
        row["updated_ms"] = max(row["updated_ms"], fill.time_ms)
        was = Life[row["status"]]
        if row["filled"] >= row["amount"]:
            row["status"] = Life.FILLED.name
        elif was < Life.OPEN or was in (Life.REJECTED, Life.LOST):
            row["status"] = Life.OPEN.name

    def _name(self, connection: Connection, row: Row, venue_id: str) -> None:
        """Learn the venue's id, and book what came under it before."""
        key = (row["instrument"], venue_id)
        if not venue_id or key in self._named:
            return
        self._named[key] = row["client_id"]
        row["venue_id"] = row["venue_id"] or venue_id
        strays = self._strays(connection)
        for fill in [one for one in strays if (one.instrument, one.venue_id) == key]:
            strays.remove(fill)
            self._add(row, fill)

    def _strays(self, connection: Connection) -> list[Fill]:
        if self._nameless is None:
            table = TABLES["fills"]
            rows = connection.execute(
                select(table).where(table.c.run == self.run, table.c.client_id == "", ~table.c.external)
            ).mappings()
            names = Fill.__dataclass_fields__
            found = [Fill(**{name: row[name] for name in names}) for row in rows]
            self._nameless = [
                fill for fill in found if self._look_up(connection, fill.instrument, fill.venue_id) is None
            ]
        return self._nameless

    def _find(self, connection: Connection, client_id: str, instrument: str, venue_id: str) -> Row | None:
        """An order by our id, or by the venue's."""
        if client_id in self._known:
            return self._known[client_id]
        table = TABLES["orders"]
        if client_id:
            found = connection.execute(select(table).where(table.c.run == self.run, table.c.client_id == client_id))
            row = found.mappings().one_or_none()
            if row is not None:
                return self._remember(dict(row))
        return self._look_up(connection, instrument, venue_id)

    def _look_up(self, connection: Connection, instrument: str, venue_id: str) -> Row | None:
        if not venue_id:
            return None
        known = self._named.get((instrument, venue_id))
        if known is not None:
            return self._find(connection, known, "", "")
        table = TABLES["orders"]
        same = (table.c.run == self.run, table.c.venue_id == venue_id, table.c.instrument == instrument)
        row = connection.execute(select(table).where(*same)).mappings().first()
        return self._remember(dict(row)) if row is not None else None

    def _remember(self, row: Row) -> Row:
        self._known[row["client_id"]] = row
        if row["venue_id"]:
            self._named[(row["instrument"], row["venue_id"])] = row["client_id"]
        return row

    def trim(self) -> None:
        """Once all is written: forget older orders that have ended, and trades; they are read back when spoken of."""
        if len(self._known) > MOST_REMEMBERED:
            ended = [name for name, row in self._known.items() if Life[row["status"]] > Life.OPEN]
            for client_id in ended[: MOST_REMEMBERED // 2]:
                row = self._known.pop(client_id)
                self._named.pop((row["instrument"], row["venue_id"]), None)
        while len(self._booked) > MOST_REMEMBERED:
            del self._booked[next(iter(self._booked))]


def _word(entry: Entry) -> tuple[str, Life | None]:
    """What an entry without a report says of an order, and the life that it makes of it."""
    body = entry.body
    if entry.kind == "answered":
        if body.get("unanswered"):
            return Life.UNKNOWN.name, Life.UNKNOWN
        if body.get("refused"):
            return Life.REJECTED.name, Life.REJECTED
        return entry.kind.upper(), None
    if entry.kind == "missing" and (body.get("lost") or body.get("proven")):
        return Life.LOST.name, Life.LOST
    life = WORDS.get(entry.kind)
    return (life.name if life is not None else entry.kind.upper()), life
