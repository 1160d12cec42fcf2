"""The spot venue's public endpoints: what there is, and what it trades at."""

from __future__ import annotations

from typing import Any

from workbench.connectors.simulated import payloads_spot as shape
from workbench.connectors.simulated.amounts import text
from workbench.connectors.simulated.bars import INTERVALS, MINUTE
from workbench.connectors.simulated.endpoints import Call, Endpoint, by_limit, by_symbol
from workbench.connectors.simulated.market import DAY, Market
from workbench.connectors.simulated.refusals import Refusal
from workbench.market import BUY, SELL

UNITS = {"m": MINUTE, "h": 60 * MINUTE, "d": DAY}
MOST = {"m": 59, "h": 23, "d": 7}


def ping(call: Call) -> Any:
    """Nothing."""
    return {}


def server_time(call: Call) -> Any:
    """The venue's time."""
    return {"serverTime": call.desk.clock.server_ms()}


def exchange_info(call: Call) -> Any:
    """Symbols and their rules."""
    names, desk = call.params.symbols(), call.desk
    permissions, status = call.params.text("permissions", "SPOT"), call.params.text("symbolStatus", "")
    call.params.given("showPermissionSets")
    chosen = [desk.market(name) for name in names] if names else list(desk.floor.markets.values())
    shown = [m for m in chosen if "SPOT" in permissions and status in ("", m.rules.status)]
    return {"timezone": "UTC", "serverTime": desk.clock.server_ms(),
            "rateLimits": [limit.row() for limit in desk.weights.limits], "exchangeFilters": [],
            "symbols": [shape.symbol_json(market.rules) for market in shown], "sors": []}  # fmt: skip


def depth(call: Call) -> Any:
    """A snapshot of the book."""
    symbol, limit = call.params.symbol(), call.params.limit(100, 5_000)
    market, faults = call.desk.market(symbol), call.desk.faults
    if symbol in faults.stale_depth:
        return faults.stale_depth[symbol]
    bids, asks = (shape.levels_json(market.book.depth(side, limit)) for side in (BUY, SELL))
    bids, asks = distorted(faults.distorted.get(symbol), bids, asks)
    return {"lastUpdateId": market.book.update_id, "bids": bids, "asks": asks}


def distorted(how: str | None, bids: list[list[str]], asks: list[list[str]]) -> tuple[list[list[str]], list[list[str]]]:
    """A book as a fault shows it: one side empty, or bids above asks."""
    if how == "empty":
        return [], asks
    return (asks, bids) if how == "crossed" else (bids, asks)


def trades(call: Call) -> Any:
    """The last public trades."""
    market, limit = call.desk.market(call.params.symbol()), call.params.limit()
    return [shape.trade_json(trade) for trade in list(market.tape)[-limit:]]


def old_trades(call: Call) -> Any:
    """Public trades from an id on."""
    market, limit, first = call.desk.market(call.params.symbol()), call.params.limit(), call.params.maybe("fromId")
    rows = [trade for trade in market.tape if first is None or trade.id >= first]
    return [shape.trade_json(trade) for trade in (rows[-limit:] if first is None else rows[:limit])]


def aggregates(call: Call) -> Any:
    """Public trades, those of one taker at one price as one."""
    return [shape.aggregate_json(row) for row in chosen_aggregates(call)]


def chosen_aggregates(call: Call) -> list[Any]:
    """The rows that `aggTrades` asks for, on both sides of the venue."""
    params = call.params
    market, limit = call.desk.market(params.symbol()), params.limit()
    first, start, end = params.maybe("fromId"), params.maybe("startTime"), params.maybe("endTime")
    if first is not None:
        return [row for row in market.aggregates if row.id >= first][:limit]
    rows = [row for row in market.aggregates if (start or 0) <= row.time_ms <= (end or row.time_ms)]
    return rows[:limit] if start is not None else rows[-limit:]


def klines(call: Call) -> Any:
    """Klines of an interval."""
    return [shape.bar_json(bar) for bar in chosen_bars(call)]


def chosen_bars(call: Call, most: int = 1_000) -> list[Any]:
    """The bars that `klines` asks for, on both sides of the venue."""
    params = call.params
    market, interval = call.desk.market(params.symbol()), params.interval(INTERVALS)
    start, end, limit = params.maybe("startTime"), params.maybe("endTime"), params.limit(500, most)
    params.given("timeZone")
    frozen = call.desk.faults.freeze_klines_ms
    if frozen:
        end = min(end or frozen, frozen)
    market.bars.roll(call.desk.now_ms)
    return market.klines(interval, start, end, limit)


def average_price(call: Call) -> Any:
    """Volume-weighted price of the last five minutes."""
    market, now = call.desk.market(call.params.symbol()), call.desk.now_ms
    last = market.tape[-1].time_ms if market.tape else now
    return {"mins": 5, "price": text(market.average(now)), "closeTime": last}


def of_symbols(call: Call, row: Any) -> Any:
    """One row for `symbol`, a list for `symbols` or for none."""
    names = call.params.symbols()
    if names is None:
        return [row(market) for market in call.desk.floor.markets.values()]
    rows = [row(call.desk.market(name)) for name in names]
    return rows[0] if "symbol" in call.params else rows


def day_ticker(call: Call) -> Any:
    """The last 24 hours."""
    mini = call.params.choice("type", ("FULL", "MINI"), default="FULL") == "MINI"
    call.params.given("symbolStatus")
    return of_symbols(call, lambda market: _day(call, market, mini))


def window_ticker(call: Call) -> Any:
    """A rolling window, whose open is that of a minute."""
    mini = call.params.choice("type", ("FULL", "MINI"), default="FULL") == "MINI"
    size, now = call.params.text("windowSize", "1d"), call.desk.now_ms
    number, unit = size[:-1], size[-1:]
    if unit not in UNITS or not number.isdigit() or not 1 <= int(number) <= MOST[unit]:
        raise Refusal(-1130, "Data sent for parameter 'windowSize' is not valid.")
    length = int(number) * UNITS[unit]
    return of_symbols(call, lambda market: shape.window_json(market, now, length + (now - length) % MINUTE, mini=mini))


def trading_day(call: Call) -> Any:
    """Since midnight, UTC."""
    mini = call.params.choice("type", ("FULL", "MINI"), default="FULL") == "MINI"
    call.params.given("timeZone")
    now = call.desk.now_ms
    return of_symbols(call, lambda market: shape.window_json(market, now, now % DAY, mini=mini))


def price_ticker(call: Call) -> Any:
    """Last prices."""
    call.params.given("symbolStatus")
    return of_symbols(call, lambda market: {"symbol": market.rules.name, "price": text(market.last)})


def book_ticker(call: Call) -> Any:
    """Best prices."""
    call.params.given("symbolStatus")
    return of_symbols(call, shape.best_json)


def _day(call: Call, market: Market, mini: bool) -> Any:
    now = call.desk.now_ms
    return shape.window_json(market, now, DAY, mini=True) if mini else shape.day_json(market, now)


DEPTH_WEIGHT = by_limit((100, 5), (500, 25), (1_000, 50), (5_000, 250), default=100)
PUBLIC = [
    Endpoint("GET", "/api/v3/ping", ping, word="ping"),
    Endpoint("GET", "/api/v3/time", server_time, word="time"),
    Endpoint("GET", "/api/v3/exchangeInfo", exchange_info, 20, word="exchangeInfo"),
    Endpoint("GET", "/api/v3/depth", depth, DEPTH_WEIGHT, word="depth", strict=True),
    Endpoint("GET", "/api/v3/trades", trades, 25, word="trades.recent", strict=True),
    Endpoint("GET", "/api/v3/historicalTrades", old_trades, 25, word="trades.historical", strict=True),
    Endpoint("GET", "/api/v3/aggTrades", aggregates, 4, word="trades.aggregate", strict=True),
    Endpoint("GET", "/api/v3/klines", klines, 2, word="klines", strict=True),
    Endpoint("GET", "/api/v3/uiKlines", klines, 2, word="uiKlines", strict=True),
    Endpoint("GET", "/api/v3/avgPrice", average_price, 2, word="avgPrice", strict=True),
    Endpoint("GET", "/api/v3/ticker/24hr", day_ticker, by_symbol(2, 80), word="ticker.24hr"),
    Endpoint("GET", "/api/v3/ticker/tradingDay", trading_day, 4, word="ticker.tradingDay"),
    Endpoint("GET", "/api/v3/ticker", window_ticker, 4, word="ticker"),
    Endpoint("GET", "/api/v3/ticker/price", price_ticker, by_symbol(2, 4), word="ticker.price"),
    Endpoint("GET", "/api/v3/ticker/bookTicker", book_ticker, by_symbol(2, 4), word="ticker.book"),
]
