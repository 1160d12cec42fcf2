"""What entries say, as rows of tables. The messages in a body are found by their class, wherever they stand in it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, select

from workbench.connectors import Balance, Bar, FundingPayment, Position
from workbench.journal.codec import to_text
from workbench.journal.entries import Entry
from workbench.journal.orders import Orders, coins
from workbench.journal.records import TABLES
from workbench.journal.writing import KEYS, LATEST, write_rows
from workbench.trading import Fill, Intent, Report

Row = dict[str, Any]
NUMBERS = ("net_pnl_quote", "net_pnl", "fees_quote", "filled_quote")


class Projector:
    """Writes the rows of entries, in their order, over the connection that writes the entries too."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.orders = Orders(run)
        self.odd: list[int] = []  # entries of which no table could be made
        self._plan: Row = {}
        self._place: tuple[str, str] | None = None

    def forget(self) -> None:
        """Trust nothing that is remembered: a transaction did not come to its end."""
        self.__init__(self.run)  # type: ignore[misc]

    def write(self, connection: Connection, entries: Iterable[Entry]) -> None:
        """Write what entries say."""
        for name, rows in self.rows(connection, entries).items():
            write_rows(connection, name, rows)
        self.orders.trim()

    def rows(self, connection: Connection, entries: Iterable[Entry]) -> dict[str, list[Row]]:
        """What entries say, by table; the connection is read only."""
        once: dict[str, list[Row]] = defaultdict(list)
        latest: dict[str, dict[Any, Row]] = defaultdict(dict)
        for entry in entries:
            for name, row in self._made(connection, entry):
                row["run"] = self.run
                if name in LATEST:
                    latest[name][tuple(row[key] for key in KEYS[name])] = row
                else:
                    once[name].append(row)
        return {**once, **{name: list(found.values()) for name, found in latest.items()}}

    def _made(self, connection: Connection, entry: Entry) -> list[tuple[str, Row]]:
        """The rows that one entry makes. A body that is not as it should be makes none: the entry is what counts."""
        make = MAKERS.get(entry.kind)
        try:
            return list(make(self, connection, entry)) if make is not None else []
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError):
            self.odd.append(entry.number)
            return []

    def place(self, connection: Connection, body: Any) -> tuple[str, str]:
        """Venue and account that a body speaks of; left out, they are the first that were planned."""
        if self._place is None:
            self._place = _first_place(json.loads(self.plan(connection).get("plan") or "{}"))
        found = body if isinstance(body, dict) else {}
        venue, account, *_ = [*str(found.get("door") or "").split(":"), "", ""]
        return str(found.get("venue") or venue or self._place[0]), str(
            found.get("account") or account or self._place[1]
        )

    def plan(self, connection: Connection) -> Row:
        """The row of the run."""
        if not self._plan:
            table = TABLES["runs"]
            row = connection.execute(select(table).where(table.c.run == self.run)).mappings().one_or_none()
            self._plan = dict(row) if row else {}
        return self._plan

    def planned(self, row: Row) -> Row:
        """Remember the row of the run, and give a copy of it."""
        self._plan = row
        return dict(row)


def _first_place(plan: Any) -> tuple[str, str]:
    """The venue and account of a plan, as far as it says."""
    if not isinstance(plan, dict):
        return "", ""
    venues = plan.get("markets") or plan.get("venues")
    first = venues[0] if isinstance(venues, list) and venues else plan
    if isinstance(first, str):
        return first, str(plan.get("account") or "")
    if not isinstance(first, dict):
        return "", ""
    return str(first.get("venue") or first.get("name") or ""), str(first.get("account") or plan.get("account") or "")


def told(body: Any, kind: type) -> list[Any]:
    """The messages of a class in a body: it is one, or holds some, or lists of them."""
    if isinstance(body, kind):
        return [body]
    values = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    return [message for value in values for message in told(value, kind)]


# --- what each kind makes --------------------------------------------------------------------------------------------

Made = Iterator[tuple[str, Row]]


def _planned(on: Projector, connection: Connection, entry: Entry) -> Made:
    body = entry.body if isinstance(entry.body, dict) else {}
    yield "runs", on.planned({
        "plan": to_text(entry.body), "source_hash": str(body.get("source_hash") or _fingerprint(body)),
        "label": str(body.get("label") or ""), "planned_ms": entry.time_ms, "started_ms": None, "starts": 0,
        "stopped_ms": None, "why": "",
    })  # fmt: skip
    yield from _controllers(entry, body)


def _fingerprint(plan: Row) -> str:
    bot = plan.get("bot")
    return str(bot.get("fingerprint") or "") if isinstance(bot, dict) else ""


def _controllers(entry: Entry, body: Row) -> Made:
    """The parameters in force: of one bot, or of several by name."""
    bots = body.get("controllers") or body.get("bot")
    found = bots if isinstance(bots, list) else [bots] if bots else []
    for place, bot in enumerate(found):
        facts = bot if isinstance(bot, dict) else {"kind": str(bot)}
        parameters = facts.get("parameters", facts)
        yield "controllers", {
            "number": entry.number, "controller": str(facts.get("id") or place), "time_ms": entry.time_ms,
            "kind": str(facts.get("kind") or facts.get("path") or facts.get("name") or ""),
            "parameters": to_text(parameters),
        }  # fmt: skip


def _started(on: Projector, connection: Connection, entry: Entry) -> Made:
    row = on.plan(connection) or _unplanned(entry)
    yield "runs", on.planned({
        **row, "started_ms": entry.time_ms, "starts": row["starts"] + 1, "stopped_ms": None, "why": "",
    })  # fmt: skip


def _stopped(on: Projector, connection: Connection, entry: Entry) -> Made:
    row = on.plan(connection) or _unplanned(entry)
    body = entry.body
    why = body.get("why") or body.get("reason") or "" if isinstance(body, dict) else body
    yield "runs", on.planned({**row, "stopped_ms": entry.time_ms, "why": str(why or "")})


def _unplanned(entry: Entry) -> Row:
    return {"plan": "{}", "source_hash": "", "label": "", "planned_ms": entry.time_ms, "started_ms": None,
            "starts": 0, "stopped_ms": None, "why": ""}  # fmt: skip


def _updated(on: Projector, connection: Connection, entry: Entry) -> Made:
    if isinstance(entry.body, dict):
        yield from _controllers(entry, entry.body)


def _intent(on: Projector, connection: Connection, entry: Entry) -> Made:
    venue, account = on.place(connection, entry.body)
    for intent in told(entry.body, Intent):
        row = on.orders.intend(entry, intent, venue, account)
        yield "orders", row
        yield "order_statuses", _status(entry, intent.client_id, "", intent.instrument, row["status"])


def _word(on: Projector, connection: Connection, entry: Entry) -> Made:
    """Anything that is said of an order by the id that we gave it: sent, answered, reported, not found, cancelled."""
    reports = told(entry.body, Report)
    for report in reports:
        for row in on.orders.hear(connection, report):
            yield "orders", row
        yield (
            "order_statuses",
            _status(
                entry,
                report.client_id,
                report.venue_id,
                report.instrument,
                report.life.name,
                report.filled,
                report.reason,
            ),
        )
    if not reports and isinstance(entry.body, dict) and entry.body.get("client_id"):
        client_id, reason = str(entry.body["client_id"]), str(entry.body.get("reason") or "")
        word, noted = on.orders.note(connection, client_id, entry)
        if noted is not None:
            yield "orders", noted
        instrument = noted["instrument"] if noted else str(entry.body.get("instrument") or "")
        yield "order_statuses", _status(entry, client_id, "", instrument, word, None, reason)


def _status(
    entry: Entry, client_id: str, venue_id: str, instrument: str, status: str, filled: Any = None, reason: str = ""
) -> Row:
    return {"number": entry.number, "client_id": client_id, "venue_id": venue_id, "instrument": instrument,
            "time_ms": entry.time_ms, "status": status, "filled": filled, "reason": reason}  # fmt: skip


def _fill(on: Projector, connection: Connection, entry: Entry) -> Made:
    venue, account = on.place(connection, entry.body)
    for fill in told(entry.body, Fill):
        base, quote = coins(fill.instrument)
        external = entry.kind == "external"
        if not external and on.orders.is_booked(connection, venue, account, fill):
            continue
        yield "fills", {
            "number": entry.number, "venue": venue, "account": account, "instrument": fill.instrument,
            "trade_id": fill.trade_id, "client_id": fill.client_id, "venue_id": fill.venue_id, "base": base,
            "quote": quote, "side": fill.side, "price": fill.price, "amount": fill.amount, "fee": fill.fee,
            "fee_asset": fill.fee_asset, "is_maker": fill.is_maker, "time_ms": fill.time_ms, "external": external,
        }  # fmt: skip
        if not external:
            for row in on.orders.book(connection, fill):
                yield "orders", row


def _funding(on: Projector, connection: Connection, entry: Entry) -> Made:
    venue, account = on.place(connection, entry.body)
    rate = entry.body.get("rate") if isinstance(entry.body, dict) else None
    for paid in told(entry.body, FundingPayment):
        yield "funding", {
            "number": entry.number, "venue": venue, "account": account, "instrument": paid.instrument,
            "payment_id": paid.payment_id, "asset": paid.asset, "amount": paid.amount, "rate": rate,
            "time_ms": paid.time_ms,
        }  # fmt: skip


def _balances(on: Projector, connection: Connection, entry: Entry) -> Made:
    venue, account = on.place(connection, entry.body)
    for has in told(entry.body, Balance):
        yield "balances", {"number": entry.number, "venue": venue, "account": account, "asset": has.asset,
                           "total": has.total, "free": has.free, "time_ms": entry.time_ms}  # fmt: skip


def _positions(on: Projector, connection: Connection, entry: Entry) -> Made:
    venue, account = on.place(connection, entry.body)
    names = ("instrument", "leg", "amount", "entry", "mark", "unrealised", "leverage", "liquidation")
    for held in told(entry.body, Position):
        yield "positions", {
            "number": entry.number, "venue": venue, "account": account, "time_ms": entry.time_ms,
            **{name: getattr(held, name) for name in names},
        }  # fmt: skip


def _external(on: Projector, connection: Connection, entry: Entry) -> Made:
    yield from _fill(on, connection, entry)
    yield from _positions(on, connection, entry)


def _executors(on: Projector, connection: Connection, entry: Entry) -> Made:
    """Executors as the session tells them: one, or a list under `executors`."""
    body = entry.body if isinstance(entry.body, dict) else {}
    for facts in body.get("executors") or ([body] if "executor" in body else []):
        yield "executors", _executor(entry, dict(facts))


def _executor(entry: Entry, facts: Row) -> Row:
    row = {
        "executor": int(facts.pop("executor")), "controller": str(facts.pop("controller", "")),
        "kind": str(facts.pop("kind", "")), "market": str(facts.pop("market", "")), "level": facts.pop("level", None),
        "side": int(facts.pop("side", 0)), "status": str(facts.pop("status", "")),
        "close_type": str(facts.pop("close_type", "") or ""), "created_ms": int(facts.pop("created_ms", 0)),
        "closed_ms": facts.pop("closed_ms", None), "config": to_text(facts.pop("config", {})),
        "updated_ms": entry.time_ms, **{name: _number(facts.pop(name, None)) for name in NUMBERS},
    }  # fmt: skip
    return {**row, "details": to_text(facts)}


def _equity(on: Projector, connection: Connection, entry: Entry) -> Made:
    body = entry.body if isinstance(entry.body, dict) else {}
    names = ("cash", "position", "price", "equity", "fees", "funding")
    markets = body.get("markets")
    parts = {"": body, **(markets if isinstance(markets, dict) else {})}
    for market, part in parts.items():
        yield "equity", {"number": entry.number, "market": market, "time_ms": int(body.get("time_ms", entry.time_ms)),
                         **{name: _number(part.get(name)) for name in names}}  # fmt: skip


def _market(on: Projector, connection: Connection, entry: Entry) -> Made:
    names = ("price", "open", "high", "low", "close", "volume", "bid", "ask")
    bars = told(entry.body, Bar)
    for bar in bars[:1]:
        yield "market_data", {
            "number": entry.number, "kind": entry.kind, "market": bar.instrument, "time_ms": bar.time_ms,
            **{name: getattr(bar, name, None) for name in names},
        }  # fmt: skip
    if not bars and isinstance(entry.body, dict):
        yield "market_data", {
            "number": entry.number, "kind": entry.kind, "market": str(entry.body.get("market", "")),
            "time_ms": int(entry.body.get("time_ms", entry.time_ms)),
            **{name: _number(entry.body.get(name)) for name in names},
        }  # fmt: skip


def _number(value: Any) -> float | None:
    return None if value is None or isinstance(value, dict | list) else float(value)


MAKERS: dict[str, Callable[[Projector, Connection, Entry], Made]] = {
    "planned": _planned, "started": _started, "stopped": _stopped, "updated": _updated, "intent": _intent,
    "sent": _word, "answered": _word, "report": _word, "missing": _word, "cancel": _word, "cancelled": _word,
    "fill": _fill, "funding": _funding, "balances": _balances, "positions": _positions, "external": _external,
    "executor": _executors, "executors": _executors, "equity": _equity, "bar": _market, "tick": _market,
}  # fmt: skip
