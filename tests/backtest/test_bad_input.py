"""What cannot be is refused in one sentence: what, with its value; where; and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from workbench.backtest import Context, LookaheadWarning, backtest
from workbench.compiled import compiled
from workbench.controllers import Bollinger, Controller
from workbench.errors import ConfigError, DataError, WorkbenchError
from workbench.market import Action, Candles, Targets
from workbench.trading import Fees

from .test_result import Dip, DipDecided, hours

CANDLES = hours(100)
N = len(CANDLES)
ONES = np.ones(N)
MARGIN: dict[str, Any] = {"account": "margin", "audit": False}


def refused(error: type[WorkbenchError], run: Callable[[], Any], *words: str) -> None:
    """The words come in this order, and the sentence ends by saying what to do."""
    with pytest.raises(error) as caught:
        run()
    said = str(caught.value)
    assert re.search(".*".join(map(re.escape, words)), said, re.DOTALL), said
    assert said.count(". ") >= 1 or ": " in said, said
    assert said.endswith("."), said
    assert "\n" not in said, said


def saying(make: Callable[[Candles], Any], **terms: Any) -> Any:
    """A backtest of a strategy whose `targets` are these."""

    class Mine(Controller):
        def targets(self, candles: Candles) -> Any:
            return make(candles)

    return backtest(Mine(), CANDLES, **(MARGIN | terms))


def deciding(decide: Any, columns: Callable[[Candles], Any] = lambda c: (c.close,), **terms: Any) -> Any:
    """A backtest of a strategy whose `decide` and `columns` are these."""

    class Mine(Controller):
        def columns(self, candles: Candles) -> Any:
            return columns(candles)

    Mine.decide = staticmethod(decide)  # type: ignore[method-assign]
    return backtest(Mine(), CANDLES, **(MARGIN | terms))


def ticking(on_tick: Callable[[Context], Any]) -> Any:
    class Mine(Controller):
        def on_tick(self, context: Context) -> Any:
            return on_tick(context)

    return backtest(Mine(), CANDLES, **MARGIN)


# --- terms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cash", [0, -5, float("nan"), float("inf"), "1000", None, True])
def test_cash_that_is_none(cash: Any) -> None:
    refused(ConfigError, lambda: backtest(Dip(), CANDLES, cash=cash), f"`cash` is {cash!r}", "above 0")


@pytest.mark.parametrize(
    ("term", "value", "words"),
    [
        ("account", "futures", ["`account` is 'futures'", "'spot', 'margin'"]),
        ("path", "random", ["`path` is 'random'", "'worst', 'best', 'ohlc'", "finer timeframe"]),
        ("path", None, ["`path` is a NoneType", '"worst", "best", "ohlc", Candles']),
        ("fill", "maybe", ["`fill` is 'maybe'", "'touch', 'through'"]),
        ("fees", 5, ["`maker` is 5.0", "write 0.001 for a tenth of a percent"]),
        ("fees", "low", ["`fees` is 'low'", "such as 0.001"]),
        ("fees", float("nan"), ["`maker` is nan", "fraction between"]),
        ("slippage", -0.1, ["`fraction` is -0.1", "between 0 and 0.5"]),
        ("latency", -1, ["`bars` is -1", "whole number of bars"]),
        ("latency", 1.5, ["`bars` is 1.5", "whole number of bars"]),
        ("leverage", 0, ["`leverage` is 0", "above 0"]),
        ("leverage", "3", ["`leverage` is '3'", "above 0"]),
        ("leverage", 3.0, ["spot account has no leverage", '3.0. Pass account="margin"']),
        ("log_quotes", "yes", ["`log_quotes` is 'yes'", "True or False"]),
        ("seed", "a", ["`seed` is 'a'", "whole number"]),
        ("seed", -1, ["`seed` is -1", "0 or more"]),
    ],
)  # fmt: skip
def test_terms_that_cannot_be(term: str, value: Any, words: list[str]) -> None:
    refused(ConfigError, lambda: backtest(Dip(), CANDLES, **{term: value}), *words)


def test_a_term_that_is_misspelt() -> None:
    with pytest.raises(TypeError, match="'slipage'"):
        backtest(Dip(), CANDLES, slipage=0.001)
    refused(ConfigError, lambda: Fees(paid_in="BNB"), "`paid_in` is 'BNB'", '"quote" or "received"')  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    plain = backtest(Dip(), CANDLES, cash=1_000, fees=0.001, latency=1, seed=3)
    numpys = {"cash": np.int64(1_000), "fees": np.float64(0.001), "latency": np.int64(1), "seed": np.int64(3)}
    assert backtest(Dip(), CANDLES, **numpys).card == plain.card  # type: ignore[arg-type]


# --- bots and candles -------------------------------------------------------------------------------------------------


def test_what_is_no_bot() -> None:
    refused(ConfigError, lambda: backtest(Dip, CANDLES), "`bot` is the class Dip", "wb.backtest(Dip(), candles)")  # type: ignore[arg-type]
    refused(ConfigError, lambda: backtest(CANDLES, Dip()), "`bot` is a table of candles", "wb.backtest(bot, candles)")  # type: ignore[arg-type]
    refused(ConfigError, lambda: backtest(None, CANDLES), "`bot` is a NoneType", "Give a controller")  # type: ignore[arg-type]

    class Silent(Controller):
        """Has no way of saying what it wants."""

    refused(ConfigError, lambda: backtest(Silent(), CANDLES), "Silent does not say what it wants", "Define `targets")


@pytest.mark.parametrize(
    ("candles", "error", "words"),
    [
        (None, ConfigError, ["`candles` is a NoneType", "Give Candles"]),
        ("BTC/USDT", ConfigError, ["`candles` is a str", "wb.candles(\"binance\", 'BTC/USDT'"]),
        (CANDLES.to_polars(), ConfigError, ["`candles` is a DataFrame", "wb.Candles.from_frame(frame"]),
        (CANDLES.to_pandas(), ConfigError, ["`candles` is a DataFrame", "wb.Candles.from_frame(frame"]),
        ([CANDLES, CANDLES.to_polars()], ConfigError, ["`candles` holds a DataFrame", "wb.Candles.from_frame"]),
        ([], ConfigError, ["`candles` is empty", "Give Candles"]),
        ({}, ConfigError, ["`candles` is empty", "Give Candles"]),
        (CANDLES[:0], DataError, ["BTC/USDT has no bars", "wb.data.catalog()"]),
        ([CANDLES, hours(9, symbol="ETH/USDT")[:0]], DataError, ["ETH/USDT has no bars", "wb.data.catalog()"]),
        ([CANDLES, hours(9, symbol="ETH/BTC")], DataError, ["quoted in BTC and USDT", "Split them"]),
        ([CANDLES, CANDLES], ConfigError, ["test BTC/USDT was given twice", "Give every instrument once"]),
        ([hours(2, symbol=f"A{i}/USDT") for i in range(65)], ConfigError, ["65 instruments", "takes 1 to 64"]),
    ],
    ids=lambda value: "" if isinstance(value, (list, Candles)) else None,
)  # fmt: skip
def test_candles_that_cannot_be(candles: Any, error: type[WorkbenchError], words: list[str]) -> None:
    refused(error, lambda: backtest(Dip(), candles), *words)


def test_a_finer_path_that_is_none() -> None:
    fine = hours(200)
    coarse = fine.resample("4h")
    refused(DataError, lambda: backtest(Dip(), fine, path=coarse), "must be finer", "1m for 1h")
    refused(DataError, lambda: backtest(Dip(), coarse, path=fine[:100]), "does not cover the bar of", "Load the finer")
    other = hours(200, symbol="ETH/USDT")
    refused(DataError, lambda: backtest(Dip(), coarse, path=other), "candles of ETH/USDT", "BTC/USDT. Give the same")


# --- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"length": 1}, ["Bollinger: `length` is 1", "at least 2"]),
        ({"lenght": 20}, ["no parameter `lenght`", "did you mean `length`?"]),
        ({"stop_loss": 2}, ["`stop_loss`", "2 means 200 %", "write 0.02"]),
        ({"stop_loss": -0.02}, ["`stop_loss`", "-0.02 is not above 0", "such as 0.02"]),
        ({"width": float("nan")}, ["`width` is nan", "finite number"]),
        ({"length": "long"}, ["`length` is 'long'", "whole number"]),
        ({"amount": 1.0, "notional": 2.0}, ["`notional` is 2", "`amount` 1", "Leave one of them None"]),
    ],
)  # fmt: skip
def test_parameters_that_cannot_be(parameters: dict[str, Any], words: list[str]) -> None:
    refused(ConfigError, lambda: Bollinger(**parameters), *words)
    refused(ConfigError, lambda: Bollinger().vary(**parameters), *words)


# --- targets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda c: None, ConfigError, ["Mine.targets returned a NoneType", "return Targets.at_market(side)"]),
        (lambda c: ONES, ConfigError, ["Mine.targets returned a ndarray", "Return Targets"]),
        (lambda c: Targets.at_market(ONES[1:]), DataError, ["99 rows for 100 bars of BTC/USDT", "one row per"]),
        (lambda c: Targets.hold(np.ones(101)), DataError, ["returned 101 rows for 100 bars", "one row per bar"]),
        (lambda c: Targets.at_market(1), DataError, ["`side` has shape ()", "one number per bar"]),
        (lambda c: Targets.at_market(np.array(["buy"] * N)), DataError, ["dtype <U3", "+1, −1 or 0"]),
        (lambda c: Targets.at_market(np.zeros((N, 2, 2))), DataError, ["shape (100, 2, 2)", "one number per bar"]),
        (lambda c: Targets.at_market(np.where(np.arange(N) == 7, 2, 0)), DataError, ["`side` is 2 in row 7"]),
        (lambda c: Targets.at_limit(ONES, np.array(["x"] * N)), DataError, ["`price` has dtype <U1", "number per bar"]),
        (lambda c: Targets.at_limit(ONES, ONES[1:]), DataError, ["`price` has 99 rows and `side` 100", "one row per"]),
        (
            lambda c: Targets.at_limit(np.ones((N, 2)), np.ones((N, 3))),
            DataError, ["`side` has 2 levels and `price` 3", "one column per level"],
        ),
        (
            lambda c: Targets.at_limit(np.ones((N, 3)), np.ones((N, 2))),
            DataError, ["`price` has 2 levels and `side` 3", "one column per level"],
        ),
        (
            lambda c: Targets.at_market(np.ones((N, 3)), exit=np.zeros((N, 2), np.bool_)),
            DataError, ["`exit` has 2 levels and `side` 3", "one column per level"],
        ),
        (lambda c: Targets.at_market(ONES, exit=ONES * np.nan), DataError, ["`exit` has dtype float64"]),
        (lambda c: Targets.quotes(c.close, c.close[1:], amount=1), DataError, ["`bid` has 100 rows and `ask` 99"]),
        (lambda c: Targets.hold(ONES * np.inf), DataError, ["`exposure` is infinite in row 0", "Use NaN"]),
        (lambda c: Targets.at_market(ONES, stop_loss=-0.02), ConfigError, ["`stop_loss` must be above 0"]),
        (lambda c: Targets.at_market(ONES, stop_loss=2), ConfigError, ["`stop_loss` is 1 or more", "0.02 for 2 %"]),
        (lambda c: Targets.at_market(ONES, take_profit=ONES * -1), ConfigError, ["`take_profit` must be above 0"]),
        (lambda c: Targets.at_market(ONES, trailing=0.02), ConfigError, ["`trailing` is 0.02", "Give a pair"]),
        (lambda c: Targets.at_market(ONES, trailing=(0.02, -0.01)), ConfigError, ["`trailing delta` must be above 0"]),
        (lambda c: Targets.at_market(ONES, amount=np.inf), ConfigError, ["`amount`", "infinite value"]),
        (lambda c: Targets.at_market(ONES, amount=-1), ConfigError, ["`amount`", "negative", "the side says"]),
        (lambda c: Targets.at_market(ONES, amount=1, notional=9), ConfigError, ["`amount` and `notional`"]),
        (lambda c: Targets.at_market(ONES, stoploss=0.1), ConfigError, ["not know `stoploss`", "docstring"]),
        (lambda c: Targets.at_market(ONES, time_limit="soon"), ConfigError, ["'soon' is not a duration", '"45m"']),
        (lambda c: Targets.at_market(ONES, max_per_side=0), ConfigError, ["`max_per_side` is 0", "at least 1"]),
        (lambda c: Targets.at_market(ONES, on_opposite="flip"), ConfigError, ["`on_opposite` is 'flip'", '"close"']),
        (lambda c: Targets.at_market(ONES, take_profit_at="limit"), ConfigError, ["needs a `take_profit`"]),
        (lambda c: Targets.quotes(c.close, c.close), ConfigError, ["No size is given", "`amount`"]),
        (
            lambda c: Targets.quotes(np.ones((N, 200)), np.ones((N, 100)), amount=1),
            ConfigError, ["300 levels", "at most 256"],
        ),
    ],
)  # fmt: skip
def test_targets_that_cannot_be(make: Callable[[Candles], Any], error: type[WorkbenchError], words: list[str]) -> None:
    refused(error, lambda: saying(make), *words)


def test_an_error_of_the_strategy_itself_is_let_through() -> None:
    with pytest.raises(ZeroDivisionError):
        saying(lambda candles: 1 / 0)


def test_targets_of_two_kinds_at_once() -> None:
    class Torn(Controller):
        def targets(self, candles: Candles) -> Targets:
            if str(candles.instrument) == "BTC/USDT":
                return Targets.hold(ONES)
            return Targets.at_market(ONES)

    both = [CANDLES, hours(100, symbol="ETH/USDT")]
    refused(ConfigError, lambda: backtest(Torn(), both), "differ in kind or policy", "Return the same kind for each")


# --- compiled decisions -----------------------------------------------------------------------------------------------


def quiet(row: Any, world: Any, out: Any) -> None:
    out[0].action = Action.NONE


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        (lambda c: None, ConfigError, ["Mine.columns returned a NoneType", "Return a tuple"]),
        (lambda c: c.close, ConfigError, ["Mine.columns returned a ndarray", "Return a tuple"]),
        (lambda c: (c.close, c.close[1:]), DataError, ["column 1 of Mine.columns", "(99,) for 100 bars"]),
        (lambda c: (np.zeros((N, 2)),), DataError, ["column 0 of Mine.columns", "(100, 2)", "one value per bar"]),
        (lambda c: (np.array(["a"] * N),), DataError, ["column 0 of Mine.columns has dtype <U1", "Give numbers"]),
        (lambda c: (c.close, None), DataError, ["column 1 of Mine.columns has dtype object", "Give numbers"]),
        (lambda c: (c.time.view("M8[ms]"),), DataError, ["column 0", "datetime64[ms]", "Give numbers"]),
    ],
)  # fmt: skip
def test_columns_that_cannot_be(
    columns: Callable[[Candles], Any], error: type[WorkbenchError], words: list[str]
) -> None:
    refused(error, lambda: deciding(quiet, columns), *words)


def a_dict(row: Any, world: Any, out: Any) -> None:
    out[0].price = {"a": 1.0}


def an_unknown_name(row: Any, world: Any, out: Any) -> None:
    out[0].price = my_model.predict(row)  # type: ignore[name-defined]  # noqa: F821


def an_unknown_field(row: Any, world: Any, out: Any) -> None:
    out[0].colour = 1


def a_raise(row: Any, world: Any, out: Any) -> None:
    if row[0] < 0.0:
        raise ValueError("a negative price")


@compiled
def helper(price: float) -> float:
    assert price > 0.0
    return price


def a_raise_within(row: Any, world: Any, out: Any) -> None:
    out[0].price = helper(row[0])


def a_level_too_far(row: Any, world: Any, out: Any) -> None:
    out[2].action = Action.QUOTE


def an_unknown_action(row: Any, world: Any, out: Any) -> None:
    out[0].action = 77


def an_unknown_side(row: Any, world: Any, out: Any) -> None:
    if world.row == 5:
        out[0].action = Action.ENTER
        out[0].side = 3
        out[0].size = 1.0


def another_market(row: Any, world: Any, out: Any) -> None:
    out[0].action = Action.ENTER
    out[0].side = 1
    out[0].market = 1
    out[0].size = 1.0


def line_of(function: Any, further: int = 1) -> str:
    return f"line {function.__code__.co_firstlineno + further}"


@pytest.mark.parametrize(
    ("decide", "words"),
    [
        (a_dict, ["Mine.decide could not be compiled", line_of(a_dict), "Cannot cast DictType", "numbers, NumPy"]),
        (an_unknown_name, ["could not be compiled", line_of(an_unknown_name, 0), "'my_model' is not defined"]),
        (an_unknown_field, ["Mine.decide asks for `colour`", "a target has action, market, side", "the world has"]),
        (a_raise, [f"Mine.decide: {line_of(a_raise, 2)} of `a_raise` raises", "cannot stop a run", "check(self)"]),
        (a_raise_within, ["Mine.decide: line", "of `helper` raises", "cannot stop a run"]),
        (a_level_too_far, ["writes to out[2]", "levels 0 to 0", "`levels: ClassVar[int] = 3`"]),
        (an_unknown_action, ["row 0: `decide` wrote a target record", "action", "Check what it assigns"]),
        (an_unknown_side, ["row 5: `decide` wrote a target record", "side", "Check what it assigns"]),
        (another_market, ["row 0: `decide` wrote a target record", "market", "Check what it assigns"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_a_decide_that_cannot_be(decide: Any, words: list[str]) -> None:
    refused(ConfigError, lambda: deciding(decide), *words)


def test_a_decide_of_other_arguments() -> None:
    refused(ConfigError, lambda: deciding(lambda row, world: None), "`decide` takes (row, world)", "(row, world, out)")


def test_a_decide_that_reads_too_far_reads_nothing() -> None:
    """Machine code does not check its indices: what lies behind the row is NaN, and never another's memory."""

    def too_far(row: Any, world: Any, out: Any) -> None:
        out[0].action = Action.QUOTE
        out[0].side = 1
        out[0].price = row[40]
        out[0].size = 1.0

    assert len(deciding(too_far).orders) == 0


def test_levels_that_are_too_many() -> None:
    class Wide(Controller):
        levels: ClassVar[int] = 300

        @staticmethod
        def decide(row: Any, world: Any, out: Any) -> None: ...

    refused(ConfigError, lambda: backtest(Wide(), CANDLES), "300 levels", "1 to 256")


def test_a_decide_on_markets_whose_bars_come_at_different_times() -> None:
    both = [CANDLES[:60], hours(100, symbol="ETH/USDT")[40:]]
    refused(DataError, lambda: backtest(DipDecided(), both), "bars at different times", "same stamps")


# --- ticks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on_tick", "words"),
    [
        (lambda context: context.enter(2), ["`side` is 2", "+1 (buy) or −1 (sell)"]),
        (lambda context: context.enter(1, stoploss=0.1), ["context.enter does not know `stoploss`", "Context"]),
        (lambda context: context.enter(1, amount=1, notional=2), ["`amount` and `notional`", "in one way"]),
        (lambda context: context.enter(1, amount=np.inf), ["`amount` is inf", "not infinite"]),
        (lambda context: context.enter(1, amount=None), ["`amount` is None", "A size is a number"]),
        (lambda context: context.enter(1, amount="1"), ["`amount` is '1'", "A size is a number"]),
        (lambda context: context.enter(1, stop_loss=-0.02), ["`stop_loss` is -0.02", "0.02 for 2 %"]),
        (lambda context: context.enter(1, stop_loss=2), ["`stop_loss` is 2", "0.02 for 2 %"]),
        (lambda context: context.enter(1, trailing=(0.01, -1)), ["`trailing_delta` is -1", "0.02 for 2 %"]),
        (lambda context: context.enter(1, instrument="XRP/USDT"), ["no instrument 'XRP/USDT'", "It has BTC/USDT"]),
        (lambda context: context.quote_at(256, 1, 1.0, 1.0), ["level 256", "0 to 255"]),
        (lambda context: context.quote_at(0, 1, 1.0, -1.0), ["`amount` is -1.0", "not negative"]),
        (lambda context: [context.quote_at(0, s, 1.0, 1.0) for s in (1, -1)], ["level 0 twice", "each level once"]),
        (lambda context: context.hold(np.inf), ["`exposure` is inf", "fraction of equity"]),
        (lambda context: Targets.hold(ONES), ["`on_tick` returned a Targets", "context.enter", "return nothing"]),
    ],
)  # fmt: skip
def test_a_tick_that_cannot_be(on_tick: Callable[[Context], Any], words: list[str]) -> None:
    refused(ConfigError, lambda: ticking(on_tick), *words)


# --- full tables and the future ---------------------------------------------------------------------------------------


def test_a_full_table_names_the_row() -> None:
    def piling_up(candles: Candles) -> Targets:
        below = candles.close[:, None] * np.full(20, 0.1)
        return Targets.at_limit(np.ones((N, 20)), below, amount=1e-6, max_per_side=10**6)

    refused(ConfigError, lambda: saying(piling_up), "row 25: a table is full", "512 executors", "lower `max_per_side`")


def test_a_full_table_of_orders_names_the_row() -> None:
    def on_tick(context: Context) -> None:
        for _ in range(200):
            context.enter(1, amount=1e-6, price=1.0)

    class Crowd(Controller):
        policy: ClassVar[Any] = Targets.hold(ONES).with_policy(max_per_side=10**6).policy

        def on_tick(self, context: Context) -> None:
            on_tick(context)

    refused(ConfigError, lambda: backtest(Crowd(), CANDLES, **MARGIN), "a table is full", "1,024 live orders")


def ahead(values: np.ndarray) -> np.ndarray:
    return np.append(values[1:], values[-1:])


@pytest.mark.parametrize(
    ("make", "column"),
    [
        (lambda c: Targets.at_market((ahead(c.close) > c.close).astype(np.int8), stop_loss=0.01), "side"),
        (lambda c: Targets.at_market((c.close > c.close.mean()).astype(np.int8)), "side"),
        (lambda c: Targets.at_limit(np.ones(len(c)), ahead(c.low)), "price"),
        (lambda c: Targets.at_market(np.ones(len(c)), stop_loss=0.01 * ahead(c.close) / c.close), "stop_loss"),
        (lambda c: Targets.at_market(np.ones(len(c)), exit=ahead(c.close) < c.close), "exit"),
        (lambda c: Targets.hold(np.sign(ahead(c.close) - c.close)), "size"),
    ],
    ids=["sign of the next bar", "mean of all bars", "next low", "next range", "next fall", "next sign"],
)  # fmt: skip
def test_a_column_that_peeks_is_named(make: Callable[[Candles], Targets], column: str) -> None:
    with pytest.warns(LookaheadWarning, match=rf"^Look-ahead: `{column}` in row \d+ .*knew the future.*Look for"):
        result = saying(make, audit=True)
    assert result.audit.column == column
    assert not result.audit.clean


def test_a_compiled_column_that_peeks_is_named() -> None:
    with pytest.warns(LookaheadWarning, match=r"`column_1` in row \d+"):
        result = deciding(quiet, lambda c: (c.open, ahead(c.close)), audit=True)
    assert result.audit.column == "column_1"
