"""Sliders made of a bot's own fields, and the run that they make."""

from __future__ import annotations

import statistics
import threading
import time
from typing import Any, Literal

import numpy as np
import pytest
from research.test_sweep import walk

import workbench as wb
from workbench.controllers import Bollinger, SmaCross, SuperTrend
from workbench.errors import ConfigError
from workbench.market import Candles
from workbench.panels.controls import controls_of


class Fields(wb.controllers.Directional):
    """One parameter of each kind."""

    length: int = wb.Field(20, ge=5, le=200, step=5)
    width: float = wb.Field(2.0, gt=0, step=0.25)
    share: wb.Fraction = 0.1
    speed: int = wb.Field(2, choices=[1, 2, 4])
    mode: Literal["with", "against"] = "with"
    quick: bool = False
    name_of_it: str = "x"

    def signal(self, candles: Candles) -> Any:
        return np.where(np.arange(len(candles)) % self.length == 0, 1, 0).astype(np.int8)


@pytest.fixture(scope="module")
def candles() -> Candles:
    return walk(4000)


def test_sliders_have_the_bounds_steps_and_choices_of_their_fields():
    made = controls_of(Fields())
    length, width, share = made["length"].widget, made["width"].widget, made["share"].widget
    assert (length.min, length.max, length.step, length.value) == (5, 200, 5, 20)
    assert (width.min, width.step, width.value) == (0.25, 0.25, 2.0)
    assert share.min > 0.0
    assert share.max < 1.0
    assert tuple(made["speed"].widget.options) == (1, 2, 4)
    assert tuple(made["mode"].widget.options) == ("with", "against")
    assert made["quick"].widget.value is False
    assert "name_of_it" not in made
    assert made["time_limit"].value is None
    assert made["cooldown"].value == "5m"
    assert "1h" in made["cooldown"].widget.options


@pytest.mark.parametrize("bot", [SmaCross(), Bollinger(), SuperTrend(), wb.controllers.MacdBollinger()])
def test_every_control_starts_at_its_parameter_and_makes_the_same_bot(bot):
    values = {name: control.value for name, control in controls_of(bot).items()}
    assert bot.vary(**values) == bot


def test_none_is_a_switch():
    control = controls_of(Bollinger())["stop_loss"]
    control.switch.value = False
    assert control.value is None
    control.value = 0.01
    assert control.value == 0.01


def test_unknown_and_unshowable_parameters_are_refused():
    with pytest.raises(ConfigError, match="has no parameter `lenght`"):
        controls_of(Bollinger(), ["lenght"])
    with pytest.raises(ConfigError, match="`name_of_it` of Fields is neither"):
        controls_of(Fields(), ["name_of_it"])


def test_slider_makes_the_run_of_its_value(candles):
    panel = wb.tune(Bollinger(), candles, fees=0.0)
    panel.controls["length"].value = 40
    panel.settle()
    expected = wb.backtest(Bollinger(length=40), candles, fees=0.0, audit=False)
    assert panel.bot == Bollinger(length=40)
    assert panel.result.metrics["net_profit"] == expected.metrics["net_profit"]
    assert f"{expected.metrics['net_profit']:,.2f}" in panel.table.value
    assert panel.chart.data[3].y[-1] == expected.tape.equity[-1]
    bought = expected.fills.filter(side=1)
    assert np.isin(panel.chart.data[1].y, bought["price"].to_numpy()).all()
    assert "length=40" in panel.status.value


def test_combination_that_cannot_be_is_said_and_the_last_run_stays(candles):
    panel = wb.tune(SmaCross(fast=10, slow=30), candles)
    before = panel.result
    panel.controls["fast"].value = 35
    panel.settle()
    assert "`fast` must be below `slow`" in panel.status.value
    assert panel.result is before
    panel.reset()
    panel.settle()
    assert panel.bot == SmaCross(fast=10, slow=30)


def test_strategy_that_raises_is_said_and_the_panel_lives_on(candles):
    class Fragile(Bollinger):
        def signal(self, candles: Candles) -> Any:
            if self.length == 30:
                raise ZeroDivisionError("thirty")
            return super().signal(candles)

    panel = wb.tune(Fragile(length=20), candles)
    panel.controls["length"].value = 30
    panel.settle()
    assert "ZeroDivisionError: thirty" in panel.status.value
    panel.controls["length"].value = 31
    panel.settle()
    assert panel.bot.length == 31


def test_values_that_were_overtaken_are_never_run(candles):
    started, go_on, seen = threading.Event(), threading.Event(), []

    class Slow(Bollinger):
        def signal(self, candles: Candles) -> Any:
            seen.append(self.length)
            if self.length == 21:
                started.set()
                go_on.wait(30)
            return super().signal(candles)

    panel = wb.tune(Slow(length=20), candles)
    panel.controls["length"].value = 21
    assert started.wait(30)
    for length in range(22, 81):
        panel.controls["length"].value = length
    go_on.set()
    panel.settle()
    assert seen == [20, 21, 80]
    assert panel.bot.length == 80


def test_cell_that_is_run_again_leaves_a_panel_that_works(candles):
    first = wb.tune(Bollinger(), candles)
    first.close()
    second = wb.tune(Bollinger(), candles)
    second.controls["length"].value = 50
    second.settle()
    assert second.bot.length == 50
    assert "application/vnd.jupyter.widget-view+json" in second._repr_mimebundle_()


def test_answer_comes_within_a_tenth_of_a_second_on_100_000_bars(within):
    panel = wb.tune(SmaCross(), walk(100_000))
    took = []
    for length in range(31, 91):
        began = time.perf_counter()
        panel.controls["slow"].value = length
        panel.settle()
        took.append(time.perf_counter() - began)
    assert panel.bot.slow == 90
    within("slider to figure over 100,000 bars, in the kernel, p95", statistics.quantiles(took, n=20)[-1], 0.1)
