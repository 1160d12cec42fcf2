"""What ccxt asks Binance for, to create an order: made once for all orders of a shape; then three fields change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Make = Callable[..., dict[str, Any]]


class Shapes:
    """Requests that ccxt made, by what they were made of, but for amount, price and our id.

    A shape is kept only if ours is, to the letter, what ccxt made; an order with a trigger is left to ccxt.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def request(
        self,
        client: Any,
        make: Make,
        symbol: str,
        kind: str,
        side: str,
        amount: Any,
        price: Any,
        more: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The request of an order, as `make` of ccxt makes it."""
        if "clientOrderId" not in more or "triggerPrice" in more:
            return make(symbol, kind, side, amount, price, more)
        key = (symbol, kind, side, *sorted((name, more[name]) for name in more if name != "clientOrderId"))
        shape = self._known.get(key)
        if shape is not None:
            return _filled(client, shape, symbol, amount, price, more)
        made = make(symbol, kind, side, amount, price, more)
        if "quantity" in made and _filled(client, made, symbol, amount, price, more) == made:
            self._known[key] = dict(made)
        return made


def _filled(
    client: Any, shape: dict[str, Any], symbol: str, amount: Any, price: Any, more: Mapping[str, Any]
) -> dict[str, Any]:
    changing = {"newClientOrderId": more["clientOrderId"], "quantity": client.amount_to_precision(symbol, amount)}
    if "price" in shape:
        changing["price"] = client.price_to_precision(symbol, price)
    return {**shape, **changing}
