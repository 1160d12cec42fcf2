"""A live order book: levels, its number and age, and whether it may be relied on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.connectors.values import Quote

Levels = Sequence[Sequence[float]]


@dataclass(slots=True)
class Book:
    """Bids and asks, best first; each level is a price and an amount in base units.

    `stale` says why the book must not be used: it has no data yet, messages are missing, it is crossed, or nothing
    came for too long. Empty: it is good. Whoever reads prices asks first.
    """

    instrument: str
    bids: Levels = field(default_factory=list)
    asks: Levels = field(default_factory=list)
    number: int = 0  # the venue's id of the last update in it
    time_ms: int = 0  # the venue's stamp of that
    stale: str = "no data yet"
    size: float = 1.0  # base units in a level's unit

    @property
    def is_fresh(self) -> bool:
        """May prices be read from it?"""
        return not self.stale

    def fault(self) -> str:
        """What is wrong with the levels themselves: a side is empty, or the book is crossed. Empty: nothing."""
        if not self.bids or not self.asks:
            return "a side is empty"
        bid, ask = self.bids[0][0], self.asks[0][0]
        return f"crossed: bid {bid:g}, ask {ask:g}" if bid >= ask else ""

    def best(self) -> Quote | None:
        """Best bid and ask; None while the book is stale."""
        return None if self.stale else self.top()

    def top(self) -> Quote | None:
        """Best bid and ask, stale or not; None if a side is empty."""
        if not self.bids or not self.asks:
            return None
        bid, ask = self.bids[0], self.asks[0]
        return Quote(self.instrument, bid[0], bid[1] * self.size, ask[0], ask[1] * self.size, self.time_ms)

    def levels(self, side: int, count: int = 20) -> list[tuple[float, float]]:
        """The best levels of a side, as price and base units."""
        return [(level[0], level[1] * self.size) for level in (self.bids if side > 0 else self.asks)[:count]]

    def price_for(self, side: int, amount: float) -> float | None:
        """Average price at which `amount` base units could be taken now; None if the book is too thin or stale."""
        if self.stale or amount <= 0.0:
            return None
        left, paid = amount, 0.0
        for price, there in self.levels(-side, 5_000):
            part = min(left, there)
            left, paid = left - part, paid + part * price
            if left <= 0.0:
                return paid / amount
        return None
