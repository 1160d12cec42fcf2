"""A made-up book around a price: thin at the touch, thicker further out, and mostly the same from trade to trade."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from workbench.connectors.simulated.amounts import to_step
from workbench.connectors.simulated.events import Pairs
from workbench.connectors.simulated.symbols import Symbol
from workbench.market import BUY

SPREAD, STEP = Decimal("0.00002"), Decimal("0.0001")  # of the price
MIX = 2_654_435_761  # an odd constant that scatters neighbouring numbers


@dataclass(frozen=True, slots=True)
class Ladder:
    """How the house quotes: so many levels a side, each worth about `worth` of quote currency and more further out."""

    levels: int = 20
    worth: Decimal = Decimal(20_000)
    seed: int = 0

    def around(self, rules: Symbol, price: Decimal, side: int) -> tuple[Pairs, Pairs]:
        """Bids and asks after a trade at a price, of a taker on this side: it left its price as the touch."""
        spread = max(_rounded(price * SPREAD, rules), rules.tick)
        step = max(_rounded(price * STEP, rules), rules.tick)
        ask = price if side == BUY else price + spread
        bid = price - spread if side == BUY else price
        asks = [ask, *(to_step(ask, step) + step * k for k in range(1, self.levels))]
        bids = [bid, *(to_step(bid - rules.tick, step) - step * k for k in range(self.levels - 1))]
        return tuple(self._shown(rules, bids, price)), tuple(self._shown(rules, asks, price))

    def _shown(self, rules: Symbol, prices: list[Decimal], near: Decimal) -> list[tuple[Decimal, Decimal]]:
        base = self.worth / near
        shown = []
        for place, price in enumerate(prices):
            if price >= rules.min_price:
                share = ((int(price / rules.tick) ^ self.seed) * MIX % 1_000) / 1_000
                amount = base * (Decimal(str(0.4 + share)) + Decimal(place) / 5)
                shown.append((price, max(to_step(amount, rules.lot), rules.lot)))
        return shown


def _rounded(value: Decimal, rules: Symbol) -> Decimal:
    return to_step(value + rules.tick / 2, rules.tick)
