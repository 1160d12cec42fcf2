"""A bot that trades now and then, for a month: the measure of endurance trades with it."""

from __future__ import annotations

import workbench as wb


class Steady(wb.Controller):
    """Every so many bars an entry with barriers, between two of them a quote that moves, and an end."""

    amount: float = 0.01
    every: int = 24

    def on_tick(self, context):
        """One thing a row at most."""
        last, turn = context.last, context.row % self.every
        if turn == 0:
            context.enter(wb.BUY, amount=self.amount, stop_loss=0.01, take_profit=0.01, time_limit_ms=3_600_000)
        elif turn == self.every // 2:
            context.quote_at(0, wb.BUY, last * 0.999, self.amount)
        elif turn == self.every - 2:
            context.close()
