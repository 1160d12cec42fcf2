"""What the loop does in a row of a run on recordings: it walks their messages, and no bars."""

from __future__ import annotations

from workbench.backtest import loop
from workbench.compiled import compiled, in_place_of
from workbench.trading import walk_messages


@in_place_of(loop.walk_bar, field="feeds")
@compiled(part=True)
def walk_bar(world, tick, extra, m, open_ms, close_ms, o, high, low, close):
    """All markets at once, in the order of time, when the first one is asked for."""
    if m == 0:
        walk_messages(
            world, extra.event_ms, extra.event_markets, extra.event_places, extra.mids, extra.messages, extra.levels,
            extra.amounts, extra.prices, extra.bids, extra.asks, close_ms,
        )  # fmt: skip
