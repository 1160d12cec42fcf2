"""A conditional order that has fired is another order from then on, and says nothing of fills."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from typing import Any

import ccxt.pro
import pytest

from tests.connectors.bench import bench
from workbench.connectors.ccxt import parsing
from workbench.market import BUY, OrderKind
from workbench.trading import Intent, Life, Tracker

SYMBOL = "BTC/USDT:USDT"


def told(word: str, child: str = "77") -> dict[str, Any]:
    """An `ALGO_UPDATE` of Binance's, as ccxt reads it."""
    row = {
        "caid": "ours", "aid": 1_000_001, "at": "CONDITIONAL", "o": "STOP", "s": "BTCUSDT", "S": "BUY", "ps": "BOTH",
        "f": "GTC", "q": "0.010", "X": word, "ai": child, "ap": "0.00000", "aq": "0.00000", "act": "STOP",
        "tp": "60100", "p": "59000", "V": "NONE", "wt": "CONTRACT_PRICE", "pm": "NONE", "cp": False, "pP": False,
        "R": False, "tt": 5, "gtd": 0, "rm": "",
    }  # fmt: skip
    return {**ccxt.pro.binanceusdm().parse_ws_order(row), "symbol": SYMBOL}


@pytest.mark.parametrize("word", ["TRIGGERED", "FINISHED"])
def test_what_fired_is_open_under_both_ids_and_not_filled(word: str):
    order = told(word)
    assert order["filled"] == 0.01  # ccxt calls it closed, and what is closed filled
    found = parsing.reports(order, D(1), default_ms=1)
    assert [(one.venue_id, one.life, one.filled) for one in found] == [
        ("1000001", Life.OPEN, D(0)), ("77", Life.OPEN, D(0))
    ]  # fmt: skip


def test_one_that_fired_and_was_cancelled_without_a_fill_is_settled():
    tracker = Tracker()
    tracker.intend(Intent("ours", SYMBOL, BUY, OrderKind.STOP_LIMIT, D("0.01"), D("59000"), D("60100")))
    tracker.sent("ours", 1)
    for word in ("TRIGGERED", "CANCELED of its own", "FINISHED"):
        if word.startswith("CANCELED"):
            gone = {"id": "77", "clientOrderId": "ours", "symbol": SYMBOL, "status": "canceled", "filled": "0",
                    "amount": "0.01", "side": "buy", "timestamp": 2}  # fmt: skip
            found = parsing.reports(gone, D(1), default_ms=2)
        else:
            found = parsing.reports(told(word), D(1), default_ms=2)
        for one in found:
            tracker.report(one)
    assert tracker.orders["ours"].life == Life.CANCELLED
    assert tracker.unsettled() == []


@pytest.mark.parametrize(("goes", "life", "filled"), [("on", Life.OPEN, "0.004"), ("away", Life.CANCELLED, "0.004"),
                                                      ("through", Life.FILLED, "0.010")])  # fmt: skip
def test_who_asks_for_one_that_fired_hears_what_became_of_it(goes: str, life: Life, filled: str):
    """Nobody listens: fills and the end are known from questions alone, as after a restart."""

    async def go() -> list[tuple[str, Life, D]]:
        async with bench(perpetual=True, streams=()) as b:
            intent = Intent("ours", SYMBOL, BUY, OrderKind.STOP_LIMIT, D("0.01"), D("59000"), D("60100"))
            first = await b.connector.create(intent)
            b.trade(60_150, 0.1)
            while not (resting := await b.connector.open_orders(SYMBOL)):
                await asyncio.sleep(0.01)
            child = int(resting[0].venue_id)
            b.control.fill(b.name, child, D("0.004"), perpetual=True)
            if goes == "away":
                await b.connector.cancel(SYMBOL, venue_id=str(child))
            elif goes == "through":
                b.control.fill(b.name, child, perpetual=True)
            found = await b.connector.order(SYMBOL, "ours", conditional=True)
            assert {one.venue_id for one in found} == {first.venue_id, str(child)}
            return [(one.client_id, one.life, one.filled) for one in found]

    assert asyncio.run(go()) == 2 * [("ours", life, D(filled))]
