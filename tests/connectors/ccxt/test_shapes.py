"""An order's request is ccxt's own, to the letter, also when its shape is known."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from workbench.connectors import CcxtConnector, Keys, SystemClock
from workbench.connectors.ccxt import wire

from .parrot import know

SETTINGS: list[dict[str, Any]] = [
    {}, {"postOnly": True}, {"timeInForce": "IOC"}, {"reduceOnly": True}, {"hedged": True, "reduceOnly": False},
    {"triggerPrice": "19000.0"}, {"triggerPrice": "19000.0", "reduceOnly": True},
]  # fmt: skip


def client_of(venue: str, perpetual: bool) -> Any:
    urls = {"http": "http://127.0.0.1:9", "ws": "ws://127.0.0.1:9"}
    connector = CcxtConnector(
        venue, clock=SystemClock(), chance=Random(1), perpetual=perpetual, keys=Keys("key", "secret"), urls=urls
    )
    know(connector)
    for market in connector.client.markets.values():
        kinds = ["LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "STOP", "STOP_MARKET"]
        market["info"]["orderTypes"] = kinds
    return connector.client


@pytest.mark.parametrize("perpetual", [False, True], ids=["spot", "perpetual"])
def test_a_request_of_a_known_shape_is_what_ccxt_would_have_made(perpetual):
    client = client_of("binance", perpetual)
    asked = 0
    for again in range(3):
        for symbol in client.markets:
            for more in SETTINGS:
                for kind, side in (("limit", "buy"), ("limit", "sell"), ("market", "buy"), ("market", "sell")):
                    price = "" if kind == "market" else f"2000{again}.105"
                    named = {**more, "clientOrderId": f"wb{asked}"}
                    order = (symbol, kind, side, f"0.001{again}5", price)
                    try:
                        right = super(wire._Swift, client).create_order_request(*order, dict(named))
                    except Exception as error:
                        with pytest.raises(type(error)):
                            client.create_order_request(*order, dict(named))
                        continue
                    assert client.create_order_request(*order, dict(named)) == right
                    asked += 1
    assert asked >= 100
    assert 8 <= len(client.wb_shapes._known) <= 2 * len(SETTINGS) * 4


def test_shapes_are_known_apart_and_no_trigger_is_kept():
    client = client_of("binance", True)
    symbol = next(iter(client.markets))
    for n in range(50):
        client.create_order_request(symbol, "limit", "buy", "1", f"{100 + n}", {"clientOrderId": f"a{n}"})
        client.create_order_request(
            symbol, "market", "sell", "1", "", {"clientOrderId": f"b{n}", "triggerPrice": f"{90 + n}"}
        )
    assert len(client.wb_shapes._known) == 1


@pytest.mark.parametrize(
    "params",
    [
        {"a": "1", "b": 2}, {}, {"a": "x y"}, {"a": "ä"}, {"a": "1&b=2"}, {"a": "=", "c": "d"}, {"a": True},
        {"a": None}, {"a": 1.5}, {"a": ["x", "y"]}, {"a=b": "c"}, {"a": ""}, {"a": "~._-"}, {"a": "%"}, {"a": "+"},
        {"a": "1\n"},
    ],
    ids=str,
)  # fmt: skip
def test_a_query_is_what_ccxt_would_have_made(params):
    client = client_of("binance", False)
    assert client.urlencode(params) == super(wire._Listening, client).urlencode(params)
