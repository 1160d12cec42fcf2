"""The USD-M futures venue's public endpoints: what there is, what it trades at, and what funding costs."""

from __future__ import annotations

from typing import Any

from workbench.connectors.simulated import payloads_futures as shape
from workbench.connectors.simulated.endpoints import Call, Endpoint, by_limit, by_symbol
from workbench.connectors.simulated.market import Market
from workbench.connectors.simulated.refusals import Refusal
from workbench.connectors.simulated.rest_spot import (
    chosen_aggregates,
    chosen_bars,
    distorted,
    of_symbols,
    ping,
    server_time,
)
from workbench.market import BUY, SELL

LIMITS = (5, 10, 20, 50, 100, 500, 1_000)


def exchange_info(call: Call) -> Any:
    """Symbols and their rules."""
    desk = call.desk
    rows = [shape.symbol_json(market.rules) for market in desk.floor.markets.values()]
    assets = sorted({row["marginAsset"] for row in rows})
    return {"timezone": "UTC", "serverTime": desk.clock.server_ms(), "futuresType": "U_MARGINED",
            "rateLimits": [limit.row() for limit in desk.weights.limits], "exchangeFilters": [],
            "assets": [{"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"} for asset in assets],
            "symbols": rows}  # fmt: skip


def depth(call: Call) -> Any:
    """A snapshot of the book."""
    symbol, limit = call.params.symbol(), call.params.whole("limit", 500)
    if limit not in LIMITS:
        raise Refusal(-4021, "Invalid depth limit.")
    market, faults, now = call.desk.market(symbol), call.desk.faults, call.desk.now_ms
    if symbol in faults.stale_depth:
        return faults.stale_depth[symbol]
    words = shape.Words(market)
    bids, asks = (
        [[words.price(price), words.amount(amount)] for price, amount in market.book.depth(side, limit)]
        for side in (BUY, SELL)
    )
    bids, asks = distorted(faults.distorted.get(symbol), bids, asks)
    return {"lastUpdateId": market.book.update_id, "E": now, "T": now, "bids": bids, "asks": asks}


def trades(call: Call) -> Any:
    """The last public trades."""
    market, limit = call.desk.market(call.params.symbol()), call.params.limit()
    return [shape.trade_json(trade, shape.Words(market)) for trade in list(market.tape)[-limit:]]


def old_trades(call: Call) -> Any:
    """Public trades from an id on."""
    market, limit, first = call.desk.market(call.params.symbol()), call.params.limit(100), call.params.maybe("fromId")
    rows = [trade for trade in market.tape if first is None or trade.id >= first]
    return [
        shape.trade_json(trade, shape.Words(market)) for trade in (rows[-limit:] if first is None else rows[:limit])
    ]


def aggregates(call: Call) -> Any:
    """Public trades, those of one taker at one price as one."""
    words = shape.Words(call.desk.market(call.params.symbol()))
    return [shape.aggregate_json(row, words) for row in chosen_aggregates(call)]


def klines(call: Call) -> Any:
    """Klines of an interval."""
    words = shape.Words(call.desk.market(call.params.symbol()))
    return [shape.bar_json(bar, words) for bar in chosen_bars(call, 1_500)]


def pair_klines(call: Call) -> Any:
    """Klines of a pair: its perpetual's, or its index."""
    call.params.given("contractType")
    call.params.values["symbol"] = call.params.text("pair")
    return klines(call)


def mark_klines(call: Call) -> Any:
    """Klines of the mark, which follows the trades here unless a source sets it."""
    words = shape.Words(call.desk.market(call.params.symbol()))
    return [shape.bar_json(bar, words, traded=False) for bar in chosen_bars(call, 1_500)]


def index_klines(call: Call) -> Any:
    """Klines of the index."""
    call.params.values["symbol"] = call.params.text("pair")
    return mark_klines(call)


def premium_klines(call: Call) -> Any:
    """Klines of the premium, which is nothing here."""
    rows = mark_klines(call)
    return [[row[0], "0", "0", "0", "0", *row[5:]] for row in rows]


def premium_index(call: Call) -> Any:
    """Marks, indices and the funding to come."""
    return of_symbols(call, lambda market: shape.premium_json(market, call.desk.now_ms))


def funding_rates(call: Call) -> Any:
    """Fundings that were paid."""
    params = call.params
    symbol = params.symbol() if "symbol" in params else None
    start, end, limit = params.maybe("startTime"), params.maybe("endTime"), params.limit(100)
    rows: list[dict[str, Any]] = [
        {"symbol": name, "fundingTime": paid.time_ms, "fundingRate": shape.text(paid.rate),
         "markPrice": shape.text(paid.mark)}
        for name, market in call.desk.floor.markets.items() if symbol in (None, name) for paid in market.fundings
        if (start or 0) <= paid.time_ms <= (end or paid.time_ms)
    ]  # fmt: skip
    rows.sort(key=lambda row: row["fundingTime"])
    return rows[:limit] if start is not None else rows[-limit:]


def funding_info(call: Call) -> Any:
    """Caps and rhythm of the fundings."""
    return [{"symbol": m.rules.name, "adjustedFundingRateCap": shape.text(m.rules.funding_cap),
             "adjustedFundingRateFloor": shape.text(-m.rules.funding_cap),
             "fundingIntervalHours": m.rules.funding_hours, "disclaimer": False, "updateTime": m.rules.onboarded_ms}
            for m in call.desk.floor.markets.values()]  # fmt: skip


def day_ticker(call: Call) -> Any:
    """The last 24 hours."""
    return of_symbols(call, lambda market: shape.day_json(market, call.desk.now_ms))


def price_ticker(call: Call) -> Any:
    """Last prices."""
    return of_symbols(call, lambda market: {"symbol": market.rules.name, "time": call.desk.now_ms,
                                            "price": shape.Words(market).price(market.last)})  # fmt: skip


def book_ticker(call: Call) -> Any:
    """Best prices."""
    return of_symbols(call, lambda market: shape.best_json(market, call.desk.now_ms))


def open_interest(call: Call) -> Any:
    """Contracts that are open on the long side."""
    market = call.desk.market(call.params.symbol())
    return {"openInterest": shape.Words(market).amount(interest(call, market)), "symbol": market.rules.name,
            "time": call.desk.now_ms}  # fmt: skip


def constituents(call: Call) -> Any:
    """What the index is made of."""
    symbol = call.params.symbol()
    price = shape.text(call.desk.market(symbol).mark_price)
    return {"symbol": symbol, "time": call.desk.now_ms,
            "constituents": [{"exchange": "simulated", "symbol": symbol, "price": price,
                              "weight": "1.00000000"}]}  # fmt: skip


def nothing(call: Call) -> Any:
    """Indices of collateral and of baskets, of which there are none."""
    return []


def no_symbols(call: Call) -> Any:
    """The coin-margined side, which has nothing to trade here."""
    return {"timezone": "UTC", "serverTime": call.desk.clock.server_ms(), "rateLimits": [], "exchangeFilters": [],
            "symbols": []}  # fmt: skip


def interest(call: Call, market: Market) -> Any:
    """Base units that are held long."""
    accounts = [account.futures for account in call.desk.core.accounts.values()] + [call.desk.core.perpetual.house]
    held = [
        position
        for futures in accounts
        for (name, _), position in futures.positions.items()
        if name == market.rules.name
    ]
    return sum((position.amount for position in held if position.amount > 0), shape.ZERO)


DEPTH_WEIGHT = by_limit((50, 2), (100, 5), (500, 10), (1_000, 20), default=500)
KLINE_WEIGHT = by_limit((99, 1), (499, 2), (1_000, 5), (1_500, 10), default=500)
PUBLIC = [
    Endpoint("GET", "/fapi/v1/ping", ping, word="ping"),
    Endpoint("GET", "/fapi/v1/time", server_time, word="time"),
    Endpoint("GET", "/fapi/v1/exchangeInfo", exchange_info, word="exchangeInfo"),
    Endpoint("GET", "/fapi/v1/depth", depth, DEPTH_WEIGHT, word="depth"),
    Endpoint("GET", "/fapi/v1/rpiDepth", depth, 20),
    Endpoint("GET", "/fapi/v1/trades", trades, 5),
    Endpoint("GET", "/fapi/v1/historicalTrades", old_trades, 20),
    Endpoint("GET", "/fapi/v1/aggTrades", aggregates, 20),
    Endpoint("GET", "/fapi/v1/klines", klines, KLINE_WEIGHT),
    Endpoint("GET", "/fapi/v1/continuousKlines", pair_klines, KLINE_WEIGHT),
    Endpoint("GET", "/fapi/v1/markPriceKlines", mark_klines, KLINE_WEIGHT),
    Endpoint("GET", "/fapi/v1/indexPriceKlines", index_klines, KLINE_WEIGHT),
    Endpoint("GET", "/fapi/v1/premiumIndexKlines", premium_klines, KLINE_WEIGHT),
    Endpoint("GET", "/fapi/v1/premiumIndex", premium_index, by_symbol(1, 10)),
    Endpoint("GET", "/fapi/v1/fundingRate", funding_rates),
    Endpoint("GET", "/fapi/v1/fundingInfo", funding_info),
    Endpoint("GET", "/fapi/v1/ticker/24hr", day_ticker, by_symbol(1, 40)),
    Endpoint("GET", "/fapi/v1/ticker/price", price_ticker, by_symbol(1, 2), word="ticker.price"),
    Endpoint("GET", "/fapi/v2/ticker/price", price_ticker, by_symbol(1, 2)),
    Endpoint("GET", "/fapi/v1/ticker/bookTicker", book_ticker, by_symbol(2, 5), word="ticker.book"),
    Endpoint("GET", "/fapi/v1/openInterest", open_interest),
    Endpoint("GET", "/fapi/v1/constituents", constituents, 2),
    Endpoint("GET", "/fapi/v1/assetIndex", nothing),
    Endpoint("GET", "/fapi/v1/indexInfo", nothing),
    Endpoint("GET", "/dapi/v1/exchangeInfo", no_symbols),
]
