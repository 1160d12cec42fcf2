"""A bot that does something of each kind, bar after bar: the runs of the tests trade with it."""

from __future__ import annotations

import workbench as wb


class Busy(wb.Controller):
    """Market and limit entries with barriers, quotes that move, a chaser, and a close now and then."""

    amount: float = 0.01
    near: float = 0.0002
    calm: bool = wb.Field(False, hot=True)

    def on_tick(self, context):
        """One thing a row, in turn."""
        last, turn = context.last, context.row % 6
        if self.calm:
            return
        if turn == 0:
            context.enter(wb.BUY, amount=self.amount, stop_loss=0.0015, take_profit=0.0015, time_limit_ms=4_000)
        elif turn == 1:
            context.enter(wb.BUY, price=last * (1 - self.near), amount=self.amount, stop_loss=0.002, take_profit=0.002,
                          time_limit_ms=5_000)  # fmt: skip
        elif turn in (2, 3, 4):
            context.quote_at(0, wb.BUY, last * (1 - self.near), self.amount, post_only=turn == 3)
            context.quote_at(1, wb.SELL, last * (1 + self.near), self.amount)
        else:
            context.quote_at(0, wb.BUY, float("nan"), 0.0)
            context.close()
