"""Bots that do one thing in a recorded book."""

from __future__ import annotations

from workbench.compiled import compiled
from workbench.controllers import Controller
from workbench.market import Action, OrderKind, Sizing


class Once(Controller):
    """One quote, asked for at the close of a row, and perhaps taken back at that of another."""

    price: float = 100.0
    amount: float = 1.0
    side: int = 1
    kind: int = int(OrderKind.LIMIT)
    at: int = 0
    until: int = -1

    @property
    def levels(self) -> int:
        return 1

    def columns(self, candles):
        return self.price, self.amount, self.side, self.kind, self.at, self.until

    @staticmethod
    @compiled
    def decide(row, world, out):
        target = out[0]
        if world.row == row[4] or world.row == row[5]:
            target.action, target.sizing = Action.QUOTE, Sizing.BASE
            target.side, target.kind = int(row[2]), int(row[3])
            target.price, target.size = row[0], row[1] if world.row == row[4] else 0.0


class Ladder(Once):
    """Two quotes of a side at once, the worse one first, a tenth apart."""

    @property
    def levels(self) -> int:
        return 2

    @staticmethod
    @compiled
    def decide(row, world, out):
        for level in range(2):
            if world.row == row[4]:
                target = out[level]
                target.action, target.sizing, target.side = Action.QUOTE, Sizing.BASE, int(row[2])
                target.kind, target.size = int(row[3]), row[1]
                target.price = row[0] - 0.1 * row[2] * (1 - level)


class Buys(Controller):
    """A position entered at market in one row, held to the end."""

    amount: float = 1.0
    at: int = 0
    stop_loss: float = 0.9

    @property
    def levels(self) -> int:
        return 1

    def columns(self, candles):
        return self.amount, self.at, self.stop_loss

    @staticmethod
    @compiled
    def decide(row, world, out):
        if world.row == row[1]:
            out[0].action, out[0].side, out[0].kind = Action.ENTER, 1, OrderKind.MARKET
            out[0].sizing, out[0].size, out[0].stop_loss = Sizing.BASE, row[0], row[2]


class Joins(Controller):
    """Post-only quotes at the best bid and ask of one market or two, while little is held."""

    amount: float = 1.0
    most: float = 5.0
    markets: int = 1

    @property
    def levels(self) -> int:
        return 2 * self.markets

    def columns(self, candles):
        given = [candles] if self.markets == 1 else list(candles.values())
        return self.amount, self.most, self.markets, *(one.close for one in given)

    @staticmethod
    @compiled
    def decide(row, world, out):
        for level in range(2 * int(row[2])):
            m, side, target = level // 2, 1 - 2 * (level % 2), out[level]
            target.action, target.market = Action.QUOTE, m
            target.side, target.kind, target.sizing = side, OrderKind.POST_ONLY, Sizing.BASE
            price = row[3 + m]
            target.price = price * (1.0 - side * 1e-7)
            target.size = row[0] if side * world.positions[m] < row[1] and price == price else 0.0
