"""Public prints of Binance, read as they come: ccxt takes five times as long, and hundreds may come in a second."""

from __future__ import annotations

from typing import Any

from workbench.connectors.ccxt.fields import LATEST_MS, LEAST, MOST
from workbench.connectors.values import Trade
from workbench.market import BUY, SELL

KINDS = {"trade", "aggTrade"}


def read_print(message: Any, instrument: str, symbol: str) -> Trade | None:
    """The print that a message is, or None: then ccxt is to read it, and to say what is wrong with it.

    Parameters
    ----------
    instrument, symbol : str
        What is followed: as we call it, and as the venue does. Its contracts are of one base unit.
    """
    if type(message) is not dict:
        return None
    said = message.get("data") if "stream" in message else message
    if type(said) is not dict or said.get("e") not in KINDS or said.get("s") != symbol:
        return None
    number, time_ms, is_sale = said.get("t", said.get("a")), said.get("T"), said.get("m")
    if type(number) is not int or type(time_ms) is not int or type(is_sale) is not bool or not 0 < time_ms < LATEST_MS:
        return None
    try:
        price, amount = float(said["p"]), float(said["q"])
    except (KeyError, TypeError, ValueError):
        return None
    if not (LEAST <= price <= MOST and LEAST <= amount <= MOST):
        return None
    return Trade(instrument, str(number), SELL if is_sale else BUY, price, amount, time_ms)
