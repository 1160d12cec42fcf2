"""A bot that goes wrong in the middle, in one of several ways."""

from __future__ import annotations

import time
from pathlib import Path

import workbench as wb


class Bad(wb.Controller):
    """Trades as it should until a row, and then raises, answers nonsense, asks for too much, or blocks once."""

    how: str = "raises"
    row: int = 34
    once: str = ""
    amount: float = 0.01

    def on_tick(self, context):
        """Quotes, and then the fault."""
        if context.row >= self.row:
            WAYS[self.how](self, context)
        for level, side in ((0, wb.BUY), (1, wb.SELL)):
            context.quote_at(level, side, context.last * (1 - 0.0001 * side), self.amount)


def raises(bot, context):
    """An error of the strategy's own."""
    raise ZeroDivisionError("nothing to divide by")


def nonsense(bot, context):
    """A price that is none, and a size below zero."""
    context.quote_at(5, wb.BUY, float("inf"), -3.0)


def answers(bot, context):
    """What a strategy returns is no wish."""
    context.hold(float("inf"))


def loops(bot, context):
    """Everything again at each bar, many times over."""
    for level in range(6, 30):
        context.quote_at(level, wb.BUY, context.last * (1 - 0.0001 * (level + context.row % 7)), bot.amount)


def blocks(bot, context):
    """Half a minute in which nothing else is done; once."""
    if bot.once and not Path(bot.once).exists():
        Path(bot.once).touch()
        time.sleep(40.0)


WAYS = {"raises": raises, "nonsense": nonsense, "answers": answers, "loops": loops, "blocks": blocks}
