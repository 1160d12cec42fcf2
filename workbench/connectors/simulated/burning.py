"""Fees in BNB: cheaper, for whoever wants it and has some; who runs out of it pays as everybody does."""

from __future__ import annotations

from decimal import Decimal

from workbench.connectors.simulated.amounts import ZERO, booked
from workbench.connectors.simulated.market import Market

BNB = "BNB"
SPOT_SHARE, FUTURES_SHARE = Decimal("0.75"), Decimal("0.9")


def in_bnb(fee: Decimal, quote: str, markets: dict[str, Market], held: Decimal, share: Decimal) -> Decimal | None:
    """What a fee in quote currency comes to in BNB; None if it has no price here, or there is not as much."""
    price = Decimal(1) if quote == BNB else _price(markets.get(BNB + quote))
    if not fee or price <= 0:
        return None
    made = booked(fee * share / price)
    return made if made <= held else None


def _price(market: Market | None) -> Decimal:
    return ZERO if market is None else market.last
