"""`result.why(time)`: one bar in sentences, with the reason of everything that did not happen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

import workbench as wb
from workbench.errors import ConfigError
from workbench.market import Candles, Targets

from .test_together import FREE, candles


class Buys(wb.Controller):
    """Wants to buy one unit in some rows."""

    rows: tuple[int, ...] = (0,)
    amount: float = 1.0
    cooldown: str = "0ms"
    most: int = 1

    def targets(self, candles: Candles) -> Targets:
        side = np.zeros(len(candles), np.int8)
        side[list(self.rows)] = 1
        return Targets.at_market(
            side, amount=self.amount, stop_loss=0.1, cooldown=self.cooldown, max_per_side=self.most
        )


def why(bot: wb.Controller, row: int, closes: list[float], **terms: Any) -> str:
    result = wb.backtest(bot, candles(closes), **{**FREE, "trace": True, **terms})
    return str(result.why(int(result.bars.time[row]) + 1))


def test_a_bar_is_told_from_wish_to_fill() -> None:
    closes = [100.0, 100, 104, 80, 80]
    wish = why(Buys(), 0, closes)
    assert "Wanted: enter buy BTC/USDT, level 0: size 1, stop loss 0.1" in wish
    assert "Made: executor 0, position, buy BTC/USDT, level 0" in wish
    assert "Asked for: order 0, buy 1 BTC/USDT, market (entry of executor 0), from row 1" in wish
    assert "Filled: buy 1 BTC/USDT at 100 as taker, order 0 of executor 0" in why(Buys(), 1, closes)
    stopped = why(Buys(), 3, closes)
    assert "Filled: sell 1 BTC/USDT at 90 as taker" in stopped
    assert "Executor 0 ended: stop loss, having entered at 100" in stopped
    assert stopped.endswith("At its close: equity 990.00.")


def test_what_a_policy_passed_over_is_said_where_it_is_traced() -> None:
    closes = [100.0] * 6
    assert "Refused: level 0 on BTC/USDT: passed over: as many executors" in why(Buys(rows=(0, 2)), 2, closes)
    cooling = Buys(rows=(0, 2), most=5, cooldown="1d")
    assert "passed over: the last executor of that side was made less than `cooldown` ago" in why(cooling, 2, closes)
    plain = wb.backtest(Buys(rows=(0, 2)), candles(closes), **FREE)
    assert plain.refusals.is_empty()
    assert "run it with trace=True" in str(plain.why(datetime(1970, 1, 1, 2, 30, tzinfo=UTC)))
    traced = wb.backtest(Buys(rows=(0, 2)), candles(closes), **FREE, trace=True)
    assert traced.trace.select("row", "level", "executor_id").rows() == [(2, 0, -1)]
    assert traced.card["result"] == plain.card["result"]
    assert wb.rerun(traced.card).card["settings"]["trace"] is True


def test_refusals_and_rejections_come_with_their_reason() -> None:
    assert "the account cannot carry it" in why(Buys(amount=1e9), 0, [100.0] * 3)

    class Crosser(wb.Controller):
        def on_tick(self, context: Any) -> None:
            if context.row == 0:
                context.quote_at(0, 1, 105.0, 1.0, post_only=True)

    assert "Order 0 rejected: a post-only order that would have crossed the market" in why(Crosser(), 1, [100.0] * 3)


def test_a_moment_outside_the_run_is_refused() -> None:
    result = wb.backtest(Buys(), candles([100.0] * 3), **FREE)
    assert str(result.why("1970-01-01 02:59")).startswith("Row 2, the bar of 1970-01-01 02:00")
    for moment in ("1970-01-01 03:00", "1969-12-31", "2024"):
        with pytest.raises(ConfigError, match="The run goes from 1970-01-01 00:00 to 1970-01-01 03:00"):
            result.why(moment)
    with pytest.raises(ConfigError, match="`trace` is 1"):
        wb.backtest(Buys(), candles([100.0] * 3), trace=1, **FREE)  # type: ignore[arg-type]
