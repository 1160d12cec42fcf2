"""Binance's prints read here are what ccxt makes of them, and what is odd is left to ccxt."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from workbench.connectors.ccxt import parsing
from workbench.connectors.ccxt.prints import read_print
from workbench.market import BUY, SELL

TRADE = {"e": "trade", "E": 1700000000123, "s": "BTCUSDT", "t": 12345, "p": "20001.01000000", "q": "0.00150000",
         "T": 1700000000122, "m": True, "M": True}  # fmt: skip
SUMMED = {"e": "aggTrade", "E": 1700000000123, "s": "BTCUSDT", "a": 777, "p": "20001.02", "q": "1.5", "f": 1, "l": 3,
          "T": 1700000000122, "m": False, "M": True}  # fmt: skip


def as_ccxt_reads(message: dict[str, Any]) -> Any:
    import ccxt

    market = {"symbol": "BTC/USDT", "id": "BTCUSDT", "contractSize": None, "spot": True, "option": False, "base": "BTC",
              "quote": "USDT", "contract": False, "inverse": None, "linear": None, "type": "spot"}  # fmt: skip
    return parsing.trade(ccxt.pro.binance().parse_ws_trade(message, market), Decimal(1))


@pytest.mark.parametrize(("message", "side"), [(TRADE, SELL), (SUMMED, BUY)], ids=["trade", "aggTrade"])
def test_a_print_is_read_as_ccxt_reads_it(message, side):
    import ccxt.pro  # noqa: F401

    found = read_print(message, "BTC/USDT", "BTCUSDT")
    assert found is not None
    assert found.side == side
    assert found == as_ccxt_reads(message)
    assert read_print({"stream": "btcusdt@trade", "data": message}, "BTC/USDT", "BTCUSDT") == found


ODD = [
    {"e": "kline"}, {"s": "ETHUSDT"}, {"p": "nan"}, {"p": "inf"}, {"p": "-1"}, {"p": "0"}, {"p": None}, {"q": "0"},
    {"q": "x"}, {"t": None}, {"t": "12"}, {"T": 0}, {"T": "1700000000122"}, {"T": 1e12}, {"T": 10**15}, {"m": 1},
    {"m": None}, {"p": [1]},
]  # fmt: skip


@pytest.mark.parametrize("change", ODD, ids=str)
def test_what_is_odd_is_left_to_ccxt_which_says_what_it_is(change):
    assert read_print({**TRADE, **change}, "BTC/USDT", "BTCUSDT") is None


@pytest.mark.parametrize(
    "message", [None, [], "trade", 1, {}, {"stream": "x"}, {"stream": "x", "data": [TRADE]}], ids=str
)
def test_what_is_no_print_is_left_to_ccxt(message):
    assert read_print(message, "BTC/USDT", "BTCUSDT") is None
