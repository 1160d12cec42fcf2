"""A made-up book around a price: thin at the touch, thicker further out, and mostly the same from trade to trade."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from workbench.connectors.simulated.events import Pairs
from workbench.connectors.simulated.symbols import Symbol
from workbench.market import BUY

SPREAD, STEP, HALF = Decimal("0.00002"), Decimal("0.0001"), Decimal("0.5")  # the first two of the price
MIX = 2_654_435_761  # an odd constant that scatters neighbouring numbers


@dataclass(frozen=True, slots=True)
class Ladder:
    """How the house quotes: so many levels a side, each worth about `worth` of quote currency and more further out."""

    levels: int = 20
    worth: Decimal = Decimal(20_000)
    seed: int = 0

    def around(self, rules: Symbol, price: Decimal, side: int) -> tuple[Pairs, Pairs]:
        """Bids and asks after a trade at a price, of a taker on this side: it left its price as the touch."""
        tick, at = rules.tick, int(price / rules.tick)  # from here on in whole ticks
        spread, step = (max(int(price * part / tick + HALF), 1) for part in (SPREAD, STEP))
        ask = at if side == BUY else at + spread
        bid = at - spread if side == BUY else at
        asks = [ask, *range(ask - ask % step + step, ask + step * self.levels, step)][: self.levels]
        bids = [bid, *range(bid - 1 - (bid - 1) % step, bid - 1 - step * self.levels, -step)][: self.levels]
        lots = float(self.worth / price / rules.lot)
        return self._shown(rules, bids, lots), self._shown(rules, asks, lots)

    def _shown(self, rules: Symbol, prices: list[int], lots: float) -> Pairs:
        tick, lot, least, shown = rules.tick, rules.lot, int(rules.min_price / rules.tick), []
        for place, price in enumerate(prices):
            if price >= least:
                share = ((price ^ self.seed) * MIX % 1_000) / 1_000
                shown.append((price * tick, max(int(lots * (0.4 + share + place / 5)), 1) * lot))
        return tuple(shown)
