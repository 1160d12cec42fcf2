"""What the futures venue tells about all its customers (`/futures/data`): as one row, that of now: it keeps no past."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from workbench.connectors.simulated import payloads_futures as shape
from workbench.connectors.simulated.bars import INTERVALS
from workbench.connectors.simulated.endpoints import Call, Endpoint
from workbench.connectors.simulated.market import Market
from workbench.connectors.simulated.refusals import Refusal
from workbench.connectors.simulated.rest_futures import interest

PERIODS = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")
MOST, USUAL = 500, 30


def open_interest_history(call: Call) -> Any:
    """Contracts that are open on the long side."""
    market = _asked(call)
    amount = interest(call, market)
    return [{"symbol": market.rules.name, "sumOpenInterest": shape.text(amount),
             "sumOpenInterestValue": shape.text(amount * market.mark_price), "CMCCirculatingSupply": "0",
             "timestamp": call.desk.now_ms}]  # fmt: skip


def accounts_ratio(call: Call) -> Any:
    """How many accounts are long, and how many short."""
    market = _asked(call)
    held = _held(call, market)
    return [_ratio(call, market, Decimal(sum(a > 0 for a in held)), Decimal(sum(a < 0 for a in held)))]


def positions_ratio(call: Call) -> Any:
    """How much is held long, and how much short."""
    market = _asked(call)
    held = _held(call, market)
    return [
        _ratio(call, market, sum((a for a in held if a > 0), shape.ZERO), -sum((a for a in held if a < 0), shape.ZERO))
    ]


def taker_volume(call: Call) -> Any:
    """What takers bought and sold, by period."""
    params = call.params
    market, period = call.desk.market(params.symbol()), params.choice("period", PERIODS)
    start, end, limit = params.maybe("startTime"), params.maybe("endTime"), params.limit(USUAL, MOST)
    market.bars.roll(call.desk.now_ms)
    return [_taken(bar.open_ms, bar.bought, bar.amount - bar.bought)
            for bar in market.klines(period, start, end, limit)]  # fmt: skip


def basis(call: Call) -> Any:
    """How far the last price is from the index."""
    params = call.params
    pair, kind = params.symbol("pair"), params.choice("contractType", ("PERPETUAL",))
    params.choice("period", PERIODS)
    market = call.desk.market(pair)
    gap = market.last - market.mark_price
    rate = gap / market.mark_price if market.mark_price else shape.ZERO
    return [{"pair": pair, "contractType": kind, "indexPrice": shape.text(market.mark_price),
             "futuresPrice": shape.text(market.last), "basis": shape.text(gap), "basisRate": shape.text(rate),
             "annualizedBasisRate": "", "timestamp": call.desk.now_ms}]  # fmt: skip


def no_settlements(call: Call) -> Any:
    """Prices of contracts that were delivered: perpetuals never are."""
    call.params.symbol("pair")
    return []


def _asked(call: Call) -> Market:
    params = call.params
    if params.choice("period", PERIODS) not in INTERVALS:
        raise Refusal(-1130, "Data sent for parameter 'period' is not valid.")
    for name in ("limit", "startTime", "endTime"):
        params.given(name)
    return call.desk.market(params.symbol())


def _held(call: Call, market: Market) -> list[Decimal]:
    return [position.amount for account in call.desk.core.accounts.values()
            for (name, _), position in account.futures.positions.items() if name == market.rules.name]  # fmt: skip


def _ratio(call: Call, market: Market, longs: Decimal, shorts: Decimal) -> dict[str, Any]:
    whole = longs + shorts
    part = longs / whole if whole else Decimal("0.5")
    ratio = longs / shorts if shorts else longs if longs else Decimal(1)
    return {"symbol": market.rules.name, "longShortRatio": f"{ratio:.4f}", "longAccount": f"{part:.4f}",
            "shortAccount": f"{1 - part:.4f}", "timestamp": call.desk.now_ms}  # fmt: skip


def _taken(open_ms: int, bought: Decimal, sold: Decimal) -> dict[str, Any]:
    ratio = bought / sold if sold else bought if bought else Decimal(1)
    return {"buySellRatio": f"{ratio:.4f}", "buyVol": shape.text(bought), "sellVol": shape.text(sold),
            "timestamp": open_ms}  # fmt: skip


PUBLIC = [
    Endpoint("GET", "/futures/data/openInterestHist", open_interest_history, 0),
    Endpoint("GET", "/futures/data/globalLongShortAccountRatio", accounts_ratio, 0),
    Endpoint("GET", "/futures/data/topLongShortAccountRatio", accounts_ratio, 0),
    Endpoint("GET", "/futures/data/topLongShortPositionRatio", positions_ratio, 0),
    Endpoint("GET", "/futures/data/takerlongshortRatio", taker_volume, 0),
    Endpoint("GET", "/futures/data/basis", basis, 0),
    Endpoint("GET", "/futures/data/delivery-price", no_settlements, 0),
]
