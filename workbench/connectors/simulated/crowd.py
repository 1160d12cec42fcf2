"""Participants: accounts of the venue that quote and take, so that a market lives without a recording.

They are accounts like any other: their money is in the ledger, their orders rest in the book, and they can run out.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from workbench.connectors.simulated.amounts import to_step
from workbench.connectors.simulated.bars import Bar, span
from workbench.connectors.simulated.core import Core
from workbench.connectors.simulated.events import CancelAll, Draft, Event, Open, Place
from workbench.connectors.simulated.symbols import Symbol
from workbench.market import BUY, SELL

RICH = Decimal(1_000_000)
STEP_MS = 250


class Crowd:
    """Makers that quote around a price they believe in, and takers that come at random.

    Parameters
    ----------
    symbol : str
        "BTC/USDT" or "BTC/USDT:USDT".
    makers, takers : int
        How many of each.
    """

    def __init__(self, symbol: str = "BTC/USDT", price: float = 60_000, *, seed: int = 0, makers: int = 3,
                 takers: int = 2) -> None:  # fmt: skip
        self.rules = Symbol.of(symbol, price)
        self.symbols, self.start_ms = [self.rules], None
        self.price, self.seed = Decimal(str(price)), seed
        self.makers = [f"maker-{number}" for number in range(makers)]
        self.takers = [f"taker-{number}" for number in range(takers)]

    def prepare(self, core: Core) -> None:
        """Open the participants' accounts, and let the makers quote."""
        for name in (*self.makers, *self.takers):
            money: dict[str, Any] = {
                self.rules.quote: RICH,
                self.rules.base: to_step(RICH / self.price, self.rules.lot),
            }
            futures = {self.rules.quote: RICH}
            core.step(Open(name, f"{name}key".replace("-", ""), "none", money, futures), core.time_ms)
        opened, closed = span(core.time_ms - 60_000, "1m")
        market = core.market(self.rules.name, perpetual=self.rules.perpetual)
        market.bars.begin([Bar(opened, closed, self.price, self.price, self.price, self.price)])
        for _, event in self._quotes(random.Random(f"{self.seed} first"), self.price, core.time_ms):
            if isinstance(event, Place):
                core.step(event, core.time_ms)

    def events(self, core: Core) -> Iterator[tuple[int, Event]]:
        """Quotes and takings, four times a second, for ever; what is refused is let go."""
        draw, believed, time_ms = random.Random(f"{self.seed} crowd"), self.price, core.time_ms
        market = core.market(self.rules.name, perpetual=self.rules.perpetual)
        while True:
            time_ms += STEP_MS
            believed = (believed * Decimal(str(1 + draw.gauss(0, 0.0002))) + (market.last or believed)) / 2
            yield from self._quotes(draw, believed, time_ms)
            for name in self.takers:
                if draw.random() < 0.3:
                    yield time_ms, Place(name, self._taking(draw, believed), self.rules.perpetual)

    def _quotes(self, draw: random.Random, believed: Decimal, time_ms: int) -> Iterator[tuple[int, Event]]:
        for name in self.makers:
            yield time_ms, CancelAll(name, self.rules.name, self.rules.perpetual)
            width = believed * Decimal(str(0.0002 + 0.0004 * draw.random()))
            for level in range(1, 4):
                for side in (BUY, SELL):
                    price = to_step(believed - side * width * level, self.rules.tick)
                    amount = max(to_step(Decimal(2_000 * level) / price, self.rules.lot), self.rules.lot)
                    draft = Draft(self.rules.name, side, "LIMIT", amount, price, prevention="EXPIRE_MAKER")
                    yield time_ms, Place(name, draft, self.rules.perpetual)

    def _taking(self, draw: random.Random, believed: Decimal) -> Draft:
        amount = max(to_step(Decimal(str(draw.expovariate(1 / 800.0))) / believed, self.rules.lot), self.rules.lot)
        return Draft(self.rules.name, draw.choice((BUY, SELL)), "MARKET", amount, prevention="EXPIRE_MAKER")
