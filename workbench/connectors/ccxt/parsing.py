"""ccxt's unified answers into our values, strictly: a field that is missing, of another type or not finite is refused.

ccxt makes floats of the venue's numbers. Their shortest text has the venue's own digits, up to fifteen; beyond that
they are looked up in the raw answer, which ccxt keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from workbench.connectors.ccxt.fields import LONGEST_TEXT, Row, Unreadable, as_decimal, show
from workbench.connectors.values import (
    ZERO,
    Balance,
    Bar,
    FundingPayment,
    FundingRate,
    Listing,
    MarginMode,
    Position,
    Quote,
    Rules,
    Ticker,
    Trade,
)
from workbench.market import BUY, SELL
from workbench.trading import Fill, Life, Report

LIVES = {
    "open": Life.OPEN,
    "closed": Life.FILLED,
    "canceled": Life.CANCELLED,
    "canceling": Life.OPEN,
    "expired": Life.EXPIRED,
    "rejected": Life.REJECTED,
}
LIFE_CODES = {name: int(life) for name, life in LIVES.items()}
SIDES = {"buy": BUY, "sell": SELL}
LEGS = {"long": BUY, "short": SELL}


def rules(market: object, *, in_steps: bool) -> Rules:
    """An instrument's rules; `in_steps`: does ccxt give steps, or numbers of decimals?"""
    row = Row.of(market, "market")
    precision = Row.of(row.values.get("precision"), "precision")
    limits = Row.of(row.values.get("limits") or {}, "limits").values
    size = row.maybe("contractSize") or Decimal(1)
    size = size if row.values.get("contract") and row.values.get("linear") else Decimal(1)
    amounts, costs = _limits(limits, "amount"), _limits(limits, "cost")
    prices, markets = _limits(limits, "price"), _limits(limits, "market")
    step = lambda name: _step(precision.maybe(name), in_steps)  # noqa: E731
    return Rules(
        row.symbol(), row.text("base"), row.text("quote"), row.text("settle", "") or None,
        tick=step("price"), lot=step("amount") * size, market_lot=_market_lot(row) * size,
        min_amount=(amounts.maybe("min") or ZERO) * size, max_amount=_times(amounts.maybe("max"), size),
        max_market_amount=_times(markets.maybe("max"), size),
        min_notional=costs.maybe("min") or ZERO, max_notional=costs.maybe("max") or None,
        min_price=prices.maybe("min") or ZERO, max_price=prices.maybe("max") or None,
        contract_size=size, listing=_listing(row),
        maker=row.maybe("maker", at_least=None), taker=row.maybe("taker", at_least=None),
    )  # fmt: skip


def reports(order: object, size: Decimal, *, default_ms: int) -> list[Report]:
    """An order as ccxt gives it; `size` is the base units of a contract.

    A conditional order that has fired has a second one in the book, with an id of its own, and it is that one that
    fills and ends: the first then counts as open and without a fill, which ccxt calls closed and all filled, and comes
    once under each id.
    """
    row = Row.of(order, "order")
    life = Life(row.one_of("status", LIFE_CODES))
    filled, amount = row.maybe("filled"), row.maybe("amount")
    info = Row.of(row.values.get("info") or {}, "order")
    fired = info.values.get("algoStatus", info.values.get("X")) in ("TRIGGERED", "FINISHED")
    if fired:
        life, filled = Life.OPEN, ZERO
    if filled is None and life == Life.FILLED:
        filled = amount
    stamp = row.time("lastUpdateTimestamp", 0) or row.time("lastTradeTimestamp", 0) or row.time("timestamp", default_ms)
    one = Report(
        row.symbol(), row.text("clientOrderId", ""), row.text("id", ""), life, (filled or ZERO) * size, stamp,
        _times(amount, size), row.maybe("price") or None,
        row.one_of("side", SIDES) if row.values.get("side") else 0, _reason(row) if life > Life.OPEN else "",
    )  # fmt: skip
    child = info.text("actualOrderId", "") or info.text("ai", "") if fired else ""
    return [one, replace(one, venue_id=child)] if child not in ("", "0") else [one]


def fill(trade: object, size: Decimal) -> Fill:
    """One of our own trades."""
    row = Row.of(trade, "own trade")
    fee = row.values.get("fee")
    charged = Row.of(fee, "fee") if fee else Row({}, "fee")
    return Fill(
        row.symbol(), row.text("id"), row.text("order"), row.one_of("side", SIDES), row.positive("price"),
        row.positive("amount") * size, row.time(), row.text("clientOrderId", ""),
        charged.decimal("cost", at_least=None, default=ZERO), charged.text("currency", ""),
        row.values.get("takerOrMaker") == "maker",
    )  # fmt: skip


def trade(print_: object, size: Decimal) -> Trade:
    """One public print."""
    row = Row.of(print_, "trade")
    side, amount = row.one_of("side", SIDES), row.real("amount")
    amount = amount if size == 1 else float(row.positive("amount") * size)
    return Trade(row.symbol(), row.text("id", ""), side, row.real("price"), amount, row.time())


def bars(table: object, symbol: str, timeframe: str) -> list[Bar]:
    """Candles, in order of time; those without a trade may have no prices and are left out."""
    if not isinstance(table, Sequence) or isinstance(table, (str, bytes)):
        raise Unreadable(f"candles are {show(table)}, not a list")
    found: dict[int, Bar] = {}
    for line in table:
        if not isinstance(line, Sequence) or isinstance(line, (str, bytes)) or len(line) < 6:
            raise Unreadable(f"candle is {show(line)}, not six values")
        if all(value is None for value in line[1:5]):
            continue
        row = Row(dict(zip(("timestamp", "open", "high", "low", "close", "volume"), line, strict=False)), "candle")
        first, high, low, last = (float(row.positive(name)) for name in ("open", "high", "low", "close"))
        one = Bar(symbol, timeframe, row.time(), first, high, low, last, float(row.decimal("volume")))
        if not one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high:
            raise Unreadable(f"candle {show(line)} has a high or low inside its open and close")
        found[one.time_ms] = one
    return [found[time] for time in sorted(found)]


def levels(side: object, name: str) -> list[tuple[float, float]]:
    """One side of a book: prices and amounts, best first."""
    if not isinstance(side, Sequence) or isinstance(side, (str, bytes)):
        raise Unreadable(f"{name} are {show(side)}, not a list")
    read = []
    for level in side:
        if not isinstance(level, Sequence) or isinstance(level, (str, bytes)) or len(level) < 2:
            raise Unreadable(f"a level of the {name} is {show(level)}, not a price and an amount")
        price, amount = as_decimal(level[0]), as_decimal(level[1])
        if price is None or amount is None or price <= 0 or amount < 0:
            raise Unreadable(f"a level of the {name} is {show(level)}, not a price and an amount")
        read.append((float(price), float(amount)))
    return read


def quote(ticker: object, *, default_ms: int) -> Quote | None:
    """Best bid and ask, or None where a side is empty."""
    row = Row.of(ticker, "quote")
    bid, ask = row.number("bid"), row.number("ask")
    if bid is None or ask is None:
        return None
    amounts = [row.number(name) or 0.0 for name in ("bidVolume", "askVolume")]
    return Quote(row.symbol(), bid, amounts[0], ask, amounts[1], row.time("timestamp", default_ms))


def ticker(value: object, *, default_ms: int) -> Ticker:
    """The last price and the day's summary."""
    row = Row.of(value, "ticker")
    bid, ask, volume = (row.number(name) for name in ("bid", "ask", "baseVolume"))
    return Ticker(row.symbol(), float(row.positive("last")), bid, ask, volume, row.time("timestamp", default_ms))


def balances(value: object) -> dict[str, Balance]:
    """Every asset that the answer names."""
    whole = Row.of(value, "balance")
    total, free, used = (Row.of(whole.values.get(name) or {}, name) for name in ("total", "free", "used"))
    found = {}
    for asset in total.values:
        has = total.maybe(asset, at_least=None) or ZERO
        spare = free.maybe(asset, at_least=None)
        if spare is None:
            spare = has - (used.maybe(asset, at_least=None) or ZERO)
        found[str(asset)] = Balance(str(asset), has, spare)
    return found


def position(value: object, size: Decimal) -> Position | None:
    """One leg; None where it is flat."""
    found = leg(value, size)
    return found if found.amount else None


def leg(value: object, size: Decimal) -> Position:
    """One leg, flat or not."""
    row = Row.of(value, "position")
    contracts = row.maybe("contracts", at_least=None) or ZERO
    # ccxt says "both" of a one-way position that has just become flat.
    told = row.values.get("side") not in (None, "", "both")
    side = row.one_of("side", LEGS) if told else (BUY if contracts >= 0 else SELL)
    mode = {"cross": MarginMode.CROSS, "isolated": MarginMode.ISOLATED}.get(str(row.values.get("marginMode")))
    return Position(
        row.symbol(), side if row.values.get("hedged") else 0, abs(contracts) * size * side,
        row.maybe("entryPrice") or None, row.maybe("markPrice") or None, row.maybe("unrealizedPnl", at_least=None),
        row.maybe("leverage") or None, row.maybe("liquidationPrice") or None, mode,
    )  # fmt: skip


def funding_rate(value: object, *, default_ms: int) -> FundingRate:
    """The rate that comes next."""
    row = Row.of(value, "funding rate")
    rate = float(row.decimal("fundingRate", at_least=None))
    next_ms = row.time("nextFundingTimestamp", 0) or row.time("fundingTimestamp", 0)
    stamp = row.time("timestamp", default_ms)
    return FundingRate(row.symbol(), rate, next_ms, row.number("markPrice"), row.number("indexPrice"), stamp)


def funding_payment(value: object) -> FundingPayment:
    """One payment received, or made."""
    row = Row.of(value, "funding payment")
    amount = row.decimal("amount", at_least=None)
    return FundingPayment(row.text("id"), row.symbol(), row.text("code"), amount, row.time())


def _limits(limits: Mapping[str, Any], name: str) -> Row:
    return Row.of(limits.get(name) or {}, f"limits of {name}")


def _step(value: Decimal | None, in_steps: bool) -> Decimal:
    if value is None:
        return ZERO
    return value if in_steps else Decimal(1).scaleb(-int(value))


def _market_lot(row: Row) -> Decimal:
    info = row.values.get("info")
    filters = info.get("filters") if isinstance(info, Mapping) else None
    for one in filters if isinstance(filters, Sequence) else ():
        if isinstance(one, Mapping) and one.get("filterType") == "MARKET_LOT_SIZE":
            return as_decimal(one.get("stepSize")) or ZERO
    return ZERO


def _listing(row: Row) -> Listing:
    info = row.values.get("info")
    if isinstance(info, Mapping) and info.get("status") == "CANCEL_ONLY":
        return Listing.CANCEL_ONLY
    return Listing.HALTED if row.values.get("active") is False else Listing.TRADING


def _reason(row: Row) -> str:
    info = row.values.get("info")
    said = [info.get(name) for name in ("r", "rejectReason", "X", "status")] if isinstance(info, Mapping) else []
    return next((str(word)[:LONGEST_TEXT] for word in said if word not in (None, "", "NONE", "EC_NoError")), "")


def _times(value: Decimal | None, size: Decimal) -> Decimal | None:
    return value * size if value else None
