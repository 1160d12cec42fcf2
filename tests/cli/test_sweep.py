"""A sweep from a terminal is the sweep of a notebook."""

from __future__ import annotations

import polars as pl
import pytest

import workbench as wb
from workbench.cli.sweep import axes_of, values_of
from workbench.errors import ConfigError

SAMPLE = ("--venue", "sample", "--instrument", "BTC/USDT", "--timeframe", "1h")


@pytest.fixture
def sample():
    wb.data.sample(months=1)


@pytest.mark.usefixtures("sample")
def test_same_table_as_in_a_notebook(run):
    axes = ("--grid", "fast=5:15:5", "--grid", "slow=20,40")
    said = run(
        "sweep", "sma-cross", *SAMPLE, *axes, "--fees", 0.0005, "--set", "side=long", "--out", "out.parquet", "--json"
    )
    assert said.code == 0, said.err
    grid = {"fast": [5, 10, 15], "slow": [20, 40]}
    candles = wb.candles("sample", "BTC/USDT", "1h")
    found = wb.sweep(wb.controllers.SmaCross(side="long"), grid, candles, fees=0.0005, progress=False, luck=False)
    assert pl.read_parquet("out.parquet").equals(found.table)
    assert said.json["done"] == said.json["combinations"] == 6
    assert said.json["partial"] is False
    assert said.json["routes"] == {"signals": 6}
    assert said.json["best"][0]["sharpe"] == found.table["sharpe"].max()
    assert said.json["audit"]["clean"] is True
    assert "deflated Sharpe" in said.json["luck"]


@pytest.mark.usefixtures("sample")
def test_text_shows_the_best_by_a_metric(run):
    said = run("sweep", "bollinger", *SAMPLE, "--grid", "length=10:40:10", "--metric", "max_drawdown", "--top", 2)
    assert said.code == 0, said.err
    assert said.out.startswith("Sweep of Bollinger over length (4): 4 combinations")
    rows = said.out.splitlines()
    assert "max_drawdown" in said.out
    assert len([row for row in rows if row.rstrip().endswith("barriers")]) == 2


@pytest.mark.usefixtures("sample")
def test_combinations_that_cannot_be_are_counted(run):
    said = run("sweep", "sma-cross", *SAMPLE, "--grid", "fast=5,50", "--grid", "slow=20,40", "--json")
    assert said.json["invalid"] == 2


@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize(
    ("axis", "message"),
    [("lenght=5", "did you mean `length`"), ("length", "that is no axis"), ("length=5:9:0", "the step of 5:9:0 is 0")],
)
def test_bad_axis_is_one_sentence_and_exit_code_1(run, axis, message):
    said = run("sweep", "bollinger", *SAMPLE, "--grid", axis)
    assert said.code == 1
    assert message in said.err
    assert "Traceback" not in said.err


def test_axes_are_ranges_and_lists():
    assert values_of("10:30:10") == [10, 20, 30]
    assert values_of("1:3") == [1, 2, 3]
    assert values_of("0.01, None,both") == [0.01, None, "both"]
    with pytest.raises(ConfigError, match="`a` is given twice"):
        axes_of(["a=1", "a=2"])
