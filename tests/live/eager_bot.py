"""A bot that sends as many orders as it can: the measure of latency trades with it."""

from __future__ import annotations

import workbench as wb


class Eager(wb.Controller):
    """Two quotes that move with each bar, and every third bar an entry whose barriers are near."""

    amount: float = 0.001

    def on_tick(self, context):
        """Quotes each row, an entry each third."""
        last = context.last
        context.quote_at(0, wb.BUY, last * (1 - 0.0004), self.amount)
        context.quote_at(1, wb.SELL, last * (1 + 0.0004), self.amount)
        if context.row % 3 == 0:
            context.enter(wb.BUY, amount=self.amount, stop_loss=0.0005, take_profit=0.0005, time_limit_ms=20_000)
