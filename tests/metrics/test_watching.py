"""The watch over a live record keeps its rate, finds what has gone, and the cone holds what chance makes."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.watching import study
from workbench.errors import DataError
from workbench.metrics import Watch, cone


def test_false_alarms_are_at_most_the_stated_rate_and_a_lost_edge_is_found() -> None:
    """A sample; `python -m benchmarks.watching` plays a thousand of each."""
    told = study(runs=60, periods=600, rate=0.05, edge=0.3)
    assert told["false"] <= 0.05
    assert told["found_gone"] > 0.9
    assert told["delay_gone"] < told["delay_halved"]


def test_evidence_is_a_fair_game_by_hand() -> None:
    watch = Watch(promised=0.01, bound=0.03, rate=0.5, bets=(10.0,), wealth=[1.0])
    watch.see(0.02)
    assert watch.evidence == pytest.approx(0.9)  # 1 + 10 · (0.01 − 0.02)
    watch.see(-0.01)
    assert watch.evidence == pytest.approx(0.9 * 1.2)
    for _ in range(3):
        watch.see(-0.05)
    assert watch.is_alarmed
    assert watch.alarm_at == 4
    assert "ALARM at return 4" in watch.verdict


def test_no_bet_can_go_broke_on_a_large_gain() -> None:
    draw = np.random.default_rng(3)
    watch = Watch.of(draw.normal(0.001, 0.01, 500))
    watch.see(10.0)
    assert watch.evidence > 0.0


def test_cone_widens_and_holds_its_share_of_paths() -> None:
    draw = np.random.default_rng(5)
    returns = draw.normal(0.0005, 0.01, 400)
    made = cone(returns, 60, share=0.8, paths=1_000)
    assert made.low[-1] < made.median[-1] < made.high[-1]
    assert made.high[-1] - made.low[-1] > made.high[5] - made.low[5]
    paths = np.cumprod(1.0 + draw.choice(returns, (500, 60)), axis=1)[:, -1]
    assert 0.7 < np.mean((paths > made.low[-1]) & (paths < made.high[-1])) < 0.9


@pytest.mark.parametrize("wrong", [np.zeros(5), np.full(30, np.nan), np.full(30, -1.0)])
def test_what_is_no_record_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(DataError, match="at least 20 finite ones"):
        cone(wrong, 10)
