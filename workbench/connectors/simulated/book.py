"""A limit order book: best price first, and at one price whoever came first."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal

from workbench.connectors.simulated.amounts import ZERO
from workbench.connectors.simulated.orders import Order
from workbench.market import BUY, SELL

Levels = list[tuple[Decimal, Decimal]]


class Level:
    """The orders at one price, in the order of their arrival, and what they show together."""

    __slots__ = ("orders", "total")

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.total = ZERO


class Ladder:
    """One side of a book."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.levels: dict[Decimal, Level] = {}
        self._prices: list[Decimal] = []  # ascending, times the side turned round: the best is the last

    @property
    def best(self) -> Decimal | None:
        """The best price, if there is one."""
        return self._prices[-1] * self.side if self._prices else None

    def level(self, price: Decimal) -> Level:
        """The level at a price, made if need be."""
        found = self.levels.get(price)
        if found is None:
            found = self.levels[price] = Level()
            insort(self._prices, price * self.side)
        return found

    def drop(self, price: Decimal) -> None:
        """Forget a level that has become empty."""
        del self.levels[price]
        del self._prices[bisect_left(self._prices, price * self.side)]

    def prices(self) -> Iterator[Decimal]:
        """All prices, best first."""
        return (price * self.side for price in reversed(self._prices))


class Book:
    """Both sides of a book, and which of its levels have changed since somebody asked."""

    def __init__(self) -> None:
        self.sides = {BUY: Ladder(BUY), SELL: Ladder(SELL)}
        self.update_id = 0
        self._reported_id = 0
        self._changed: dict[int, dict[Decimal, None]] = {BUY: {}, SELL: {}}

    @property
    def bid(self) -> Decimal | None:
        """Best bid."""
        return self.sides[BUY].best

    @property
    def ask(self) -> Decimal | None:
        """Best ask."""
        return self.sides[SELL].best

    @property
    def mid(self) -> Decimal | None:
        """Half way between best bid and best ask; None if either side is empty."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2

    def add(self, order: Order, shown: Decimal) -> None:
        """Put an order at the end of its price's queue, showing so much of it."""
        level = self.sides[order.side].level(order.price)
        level.orders[order.id] = order
        order.display = shown
        level.total += shown
        self._touch(order)

    def show(self, order: Order, shown: Decimal) -> None:
        """Show more or less of a resting order; at nothing it leaves the book. Its place in the queue stays."""
        ladder = self.sides[order.side]
        level = ladder.levels[order.price]
        level.total += shown - order.display
        order.display = shown
        if not shown:
            del level.orders[order.id]
            if not level.orders:
                ladder.drop(order.price)
        self._touch(order)

    def remove(self, order: Order) -> None:
        """Take a resting order out."""
        self.show(order, ZERO)

    def holds(self, order: Order) -> bool:
        """Does this order rest here?"""
        level = self.sides[order.side].levels.get(order.price)
        return level is not None and order.id in level.orders

    def first(self, side: int) -> Order | None:
        """The order that is served next on a side."""
        ladder = self.sides[side]
        best = ladder.best
        return None if best is None else next(iter(ladder.levels[best].orders.values()))

    def against(self, taker: Order) -> Iterator[Order]:
        """Resting orders that a taker could meet, first come first; the book must not change meanwhile."""
        ladder = self.sides[-taker.side]
        for price in ladder.prices():
            if not taker.accepts(price):
                return
            yield from ladder.levels[price].orders.values()

    def amount_at(self, side: int, price: Decimal) -> Decimal:
        """What a price shows."""
        level = self.sides[side].levels.get(price)
        return ZERO if level is None else level.total

    def depth(self, side: int, limit: int) -> Levels:
        """The best levels of a side: (price, amount)."""
        ladder = self.sides[side]
        found: Levels = []
        for price in ladder.prices():
            if len(found) == limit:
                break
            found.append((price, ladder.levels[price].total))
        return found

    def changes(self) -> tuple[int, int, Levels, Levels] | None:
        """First and last update id and the changed levels since the last call; amount 0: the level is gone."""
        if self.update_id == self._reported_id:
            return None
        first, self._reported_id = self._reported_id + 1, self.update_id
        bids, asks = ([(price, self.amount_at(side, price)) for price in self._changed[side]] for side in (BUY, SELL))
        self._changed[BUY].clear()
        self._changed[SELL].clear()
        return first, self.update_id, bids, asks

    def jump(self, update_id: int) -> None:
        """Take over the numbering of a recording."""
        self._reported_id += update_id - self.update_id
        self.update_id = update_id

    def _touch(self, order: Order) -> None:
        self.update_id += 1
        self._changed[order.side][order.price] = None
