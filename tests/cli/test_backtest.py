"""A backtest from a terminal is the backtest of a notebook."""

from __future__ import annotations

import pytest

import workbench as wb
from workbench.cli.backtest import find_controller, literal, parameters
from workbench.errors import ConfigError

SAMPLE = ("--venue", "sample", "--instrument", "BTC/USDT", "--timeframe", "1h")
STRATEGY = """
import numpy as np
import workbench as wb
from workbench.controllers import Bollinger


class Dip(wb.Controller):
    '''Buy after a fall.'''

    drop: wb.Fraction = 0.01

    def targets(self, candles):
        change = np.diff(candles.close, prepend=np.nan) / candles.close
        return wb.Targets.at_market(np.where(change < -self.drop, wb.BUY, wb.FLAT), stop_loss=0.02, take_profit=0.02)
"""


@pytest.fixture
def sample():
    wb.data.sample(months=1)


@pytest.mark.usefixtures("sample")
def test_same_numbers_as_in_a_notebook(run):
    said = run("backtest", "bollinger", *SAMPLE, "--set", "length=30", "--set", "side=long", "--cash", 5000, "--json")
    assert said.code == 0, said.err
    bot = wb.controllers.Bollinger(length=30, side="long")
    result = wb.backtest(bot, wb.candles("sample", "BTC/USDT", "1h"), cash=5000)
    assert said.json["metrics"]["net_profit"] == result.metrics["net_profit"]
    assert said.json["card"]["result"] == result.card["result"]
    assert said.json["audit"]["clean"] is True
    assert set(said.json["bounds"]) >= {"worst", "expected", "best", "ambiguous_bars"}


@pytest.mark.usefixtures("sample")
def test_terms_reach_the_engine(run):
    free = run("backtest", "sma-cross", *SAMPLE, "--fees", 0, "--json").json["metrics"]
    dear = run("backtest", "sma-cross", *SAMPLE, "--fees", 0.01, "--json").json["metrics"]
    assert free["fees"] == 0.0
    assert dear["fees"] > 0.0


@pytest.mark.usefixtures("sample")
def test_text_ends_with_the_report(run, tmp_path):
    said = run("backtest", "bollinger", *SAMPLE, "--report", "out.html")
    assert said.code == 0
    assert said.out.startswith("Bollinger on BTC/USDT 1h")
    assert said.out.rstrip().endswith("out.html")
    assert "<html" in (tmp_path / "out.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("sample")
def test_strategy_of_a_file(run, tmp_path):
    (tmp_path / "dip.py").write_text(STRATEGY)
    said = run("backtest", "dip.py", *SAMPLE, "--set", "drop=0.005", "--json")
    assert said.code == 0, said.err
    assert (said.json["controller"], said.json["parameters"]) == ("Dip", {"drop": 0.005})


@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("bolinger",), "bollinger"),
        (("bollinger", "--set", "lenght=50"), "length"),
        (("bollinger", "--set", "length=1"), "length"),
        (("bollinger", "--set", "length"), "--set length=50"),
        (("bollinger", "--cash", "0"), "cash"),
        (("bollinger", "--path", "middle"), "'worst', 'best', 'ohlc'"),
        (("bollinger", "--start", "2030"), "BTC/USDT"),
        (("nowhere.py",), "nowhere.py is not a file"),
    ],
)
def test_wrong_input_ends_with_1_and_names_it(run, words, message):
    said = run("backtest", words[0], *SAMPLE, *words[1:])
    assert (said.code, said.out) == (1, "")
    assert message in said.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "It defines no controller"),
        (STRATEGY + "\nclass Other(Dip):\n    '''Another.'''\n", "It defines Dip, Other"),
        ("import no_such_module", "ModuleNotFoundError while it was read: No module named 'no_such_module'"),
        ("def f(:", "SyntaxError while it was read"),
    ],
)
def test_file_that_cannot_be_used_says_why(tmp_path, text, message):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ConfigError, match=message):
        find_controller(str(tmp_path / "mine.py"))


def test_class_of_a_file_can_be_named(tmp_path):
    (tmp_path / "mine.py").write_text(STRATEGY + "\nclass Other(Dip):\n    '''Another.'''\n")
    assert find_controller(f"{tmp_path / 'mine.py'}:Other").__name__ == "Other"
    with pytest.raises(ConfigError, match="no controller 'Missing'"):
        find_controller(f"{tmp_path / 'mine.py'}:Missing")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50", 50),
        ("0.5", 0.5),
        ("None", None),
        ("True", True),
        ("long", "long"),
        ("45m", "45m"),
        ("'1'", "1"),
        ("-1", -1),
    ],
)
def test_values_are_told_apart(text, value):
    assert literal(text) == value
    assert type(literal(text)) is type(value)


def test_equals_sign_belongs_to_the_value():
    assert parameters(["note=a=b"]) == {"note": "a=b"}
