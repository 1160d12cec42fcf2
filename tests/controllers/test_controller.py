from __future__ import annotations

import copy
import linecache
import pickle
from datetime import timedelta
from typing import ClassVar

import numpy as np
import pytest

from workbench.compiled import compiled
from workbench.controllers import Bollinger, Controller, Duration, Field, Fraction, SmaCross, Way
from workbench.errors import ConfigError
from workbench.market import Targets


class Plain(Controller):
    length: int = Field(100, ge=2, le=500, step=5, hot=True)
    width: float = Field(2.0, gt=0)
    stop_loss: Fraction | None = 0.02
    wait: Duration = Field("5m")
    kind: str = Field("slow", choices=["slow", "quick"])
    spreads: tuple[float, ...] = (0.001, 0.002)

    def targets(self, candles):
        return Targets.hold(np.ones(len(candles)))


# --- a value ---------------------------------------------------------------------------------------------------------


def test_same_class_and_parameters_are_one_value():
    assert Plain() == Plain(length=100)
    assert hash(Plain()) == hash(Plain(length=100))
    assert Plain().fingerprint == Plain(length=100).fingerprint
    assert {Plain(), Plain(length=100), Plain(length=50)} == {Plain(length=50), Plain()}


def test_classes_with_the_same_parameters_differ():
    class Other(Plain):
        pass

    assert Other() != Plain()
    assert Other().fingerprint != Plain().fingerprint


def test_parameter_changes_the_fingerprint():
    assert Plain().vary(width=2.5).fingerprint != Plain().fingerprint


def test_text_shows_how_to_make_it_again():
    assert repr(Plain(length=50, wait=90_000)) == (
        "Plain(length=50, width=2.0, stop_loss=0.02, wait='90s', kind='slow', spreads=(0.001, 0.002))"
    )
    assert str(SmaCross(slow=50)) == repr(SmaCross(slow=50)) == "SmaCross(fast=10, slow=50)"
    assert repr(SmaCross(max_per_side=2)) == "SmaCross(fast=10, slow=30, max_per_side=2)"


def test_text_of_a_shipped_controller_makes_an_equal_one():
    bot = Bollinger(length=50, time_limit="45m", trailing_activation=0.01, trailing_delta=0.005)
    assert eval(repr(bot)) == bot


@pytest.mark.parametrize("bot", [Plain(), Plain(stop_loss=None, wait="1d"), Bollinger(time_limit="45m")])
def test_json_and_back_is_the_same_value(bot):
    assert type(bot).model_validate_json(bot.model_dump_json()) == bot
    assert type(bot)(**bot.model_dump(mode="json")) == bot
    assert type(bot).model_validate(bot.parameters) == bot


def test_json_writes_durations_as_people_do():
    assert '"wait":"5m"' in Plain().model_dump_json()


def test_copies_are_equal():
    assert pickle.loads(pickle.dumps(SmaCross(fast=5))) == copy.deepcopy(SmaCross(fast=5)) == SmaCross(fast=5)


def test_numpy_numbers_of_a_sweep_are_taken():
    bot = Plain(length=np.int64(20), width=np.float32(1.5))
    assert (bot.length, bot.width) == (20, 1.5)
    assert bot.model_dump_json() == Plain(length=20, width=1.5).model_dump_json()


def test_name_is_the_class():
    assert Plain().name == "Plain"


# --- parameters ------------------------------------------------------------------------------------------------------

REFUSALS = [
    (
        {"lenght": 50},
        "Plain has no parameter `lenght`: did you mean `length`? It has length, width, stop_loss, wait, kind, spreads.",
    ),
    ({"foo": 1}, "Plain has no parameter `foo`: check the spelling. It has length,"),
    ({"length": 1}, "Plain: `length` is 1. It must be at least 2."),
    ({"length": 501}, "Plain: `length` is 501. It must be at most 500."),
    ({"length": 2.5}, "Plain: `length` is 2.5. It must be a whole number."),
    ({"length": "long"}, "Plain: `length` is 'long'. It must be a whole number."),
    ({"width": 0}, "Plain: `width` is 0. It must be above 0."),
    ({"width": float("nan")}, "Plain: `width` is nan. It must be a finite number."),
    ({"width": float("inf")}, "Plain: `width` is inf. It must be a finite number."),
    ({"stop_loss": 2}, "Plain: `stop_loss`: 2 means 200 %. Give a fraction below 1; for 2 % write 0.02."),
    ({"stop_loss": 1}, "Plain: `stop_loss`: 1 means 100 %. Give a fraction below 1; for 1 % write 0.01."),
    ({"stop_loss": 0}, "Plain: `stop_loss`: 0 is not above 0. Give a fraction between 0 and 1, such as 0.02 for 2 %."),
    ({"stop_loss": -0.02}, "Plain: `stop_loss`: -0.02 is not above 0."),
    ({"wait": "5 minutes"}, "Plain: `wait`: '5 minutes' is not a duration. Write a whole number and a unit"),
    ({"wait": -1}, "Plain: `wait`: -1 is a negative duration. Give 0 or more."),
    ({"kind": "fast"}, "Plain: `kind` is 'fast'. Choose one of 'slow', 'quick'."),
    (
        {"length": 1, "width": 0},
        "Plain: `length` is 1. It must be at least 2. (1 more of its parameters are wrong too.)",
    ),
]


@pytest.mark.parametrize(("parameters", "sentence"), REFUSALS, ids=[str(given) for given, _ in REFUSALS])
def test_wrong_parameter_is_refused_with_its_value_and_bound(parameters, sentence):
    for make in (Plain, Plain().vary, lambda **given: Plain.model_validate(given)):
        with pytest.raises(ConfigError) as caught:
            make(**parameters)
        assert str(caught.value).startswith(sentence)


def test_parameter_without_default_must_be_given():
    class Needy(Controller):
        length: int

    with pytest.raises(ConfigError, match=r"Needy needs `length`: give it a value\."):
        Needy()


def test_parameters_are_given_by_name():
    with pytest.raises(ConfigError, match="takes its parameters by name: length, width"):
        Plain(50)


def test_frozen_says_how_to_make_another():
    with pytest.raises(ConfigError, match=r"frozen\. Write `bot\.vary\(length=50\)`"):
        Plain().length = 50


def test_state_is_refused():
    with pytest.raises(ConfigError, match=r"no parameter `position`.*holds no state"):
        Plain().position = 1.0


def test_vary_leaves_the_original():
    bot = Plain()
    assert bot.vary(length=80, wait="1h") == Plain(length=80, wait="1h")
    assert bot == Plain()


@pytest.mark.parametrize("given", ["45m", 2_700_000, timedelta(minutes=45), np.int64(2_700_000)])
def test_duration_counts_as_milliseconds_and_reads_as_a_person_writes(given):
    wait = Plain(wait=given).wait
    assert wait == 2_700_000
    assert (str(wait), repr(wait)) == ("45m", "'45m'")


@pytest.mark.parametrize("given", ["0ms", "1ms", "1500ms", "90s", "1h", "3d", "2w"])
def test_duration_reads_back_as_it_was_written(given):
    assert str(Plain(wait=given).wait) == given


def test_what_a_slider_needs_is_kept():
    length = Plain.model_json_schema()["properties"]["length"]
    assert (length["minimum"], length["maximum"], length["step"], length["hot"]) == (2, 500, 5, True)
    assert Plain.model_json_schema()["properties"]["kind"]["choices"] == ["slow", "quick"]
    assert "hot" not in Plain.model_json_schema()["properties"]["width"]


# --- three ways ------------------------------------------------------------------------------------------------------


class Quoter(Controller):
    levels: ClassVar[int] = 2

    def columns(self, candles):
        return candles.close, 0.001

    @staticmethod
    @compiled
    def decide(row, world, out):
        out[0] = row[0] * (1.0 - row[1])


class Thinker(Controller):
    def on_tick(self, context):
        return None


def test_way_is_found():
    assert [cls.authored() for cls in (Plain, Quoter, Thinker)] == [Way.TARGETS, Way.DECIDE, Way.ON_TICK]


def test_decide_stays_the_compiled_function():
    out = np.zeros(1)
    Quoter.decide(np.array([100.0, 0.01]), None, out)
    assert out[0] == 99.0
    assert Quoter().decide is Quoter.decide


def test_columns_may_be_left_out():
    class Blind(Controller):
        @staticmethod
        def decide(row, world, out):
            out[0].price = world.last

    assert Blind.authored() == Way.DECIDE
    assert Blind().columns(None) == ()


def test_no_way_is_refused():
    class Empty(Controller):
        length: int = 3

    sentence = r"Empty does not say what it wants\. Define `targets\(self, candles\)`, or"
    with pytest.raises(ConfigError, match=sentence):
        Empty.authored()
    with pytest.raises(ConfigError, match=sentence):
        Empty().targets(None)


def test_two_ways_are_refused_where_they_are_written():
    with pytest.raises(ConfigError, match=r"Both defines `targets` and `on_tick`\. Keep one of them\."):

        class Both(Plain):
            def on_tick(self, context):
                return None


def test_columns_without_decide_are_refused():
    class Half(Controller):
        def columns(self, candles):
            return (candles.close,)

    with pytest.raises(ConfigError, match="Half defines `columns`, which only a compiled `decide"):
        Half.authored()


def test_decide_with_self_is_refused():
    with pytest.raises(
        ConfigError, match=r"`decide` takes \(self, row, world, out\)\. It must take \(row, world, out\)"
    ):

        class Wrong(Controller):
            def decide(self, row, world, out):
                pass


def test_another_way_called_by_hand_is_refused():
    with pytest.raises(ConfigError, match="Thinker is written as `on_tick`"):
        Thinker().targets(None)


@pytest.mark.filterwarnings("ignore:Field name")
def test_name_that_every_controller_uses_is_refused():
    with pytest.raises(ConfigError, match="has a parameter `name`, a name that every controller uses itself"):

        class Named(Controller):
            name: str = "x"


def test_no_levels_are_refused():
    with pytest.raises(ConfigError, match="`levels` is 0"):

        class Flat(Controller):
            levels: ClassVar[int] = 0


# --- fingerprints of what is written in a cell -----------------------------------------------------------------------

CELL = """
from workbench.controllers import Controller, Field

THRESHOLD = 3

class Dip(Controller):
    drop: float = Field(0.02, gt=0)

    def targets(self, candles):
        return {expression}

class Dull(Controller):
    drop: float = Field({default}, gt=0)
"""


def run_cell(number: int, expression: str = "None", default: float = 0.02) -> dict:
    """Run a cell as Jupyter does: its text is kept under the name that its functions carry."""
    text = CELL.format(expression=expression, default=default)
    name = f"<cell {number}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names: dict = {"__name__": "a_notebook"}
    exec(compile(text, name, "exec"), names)
    return names


def test_cell_run_twice_gives_one_fingerprint():
    assert run_cell(1)["Dip"]().fingerprint == run_cell(2)["Dip"]().fingerprint


def test_edit_in_a_cell_changes_the_fingerprint():
    assert run_cell(1)["Dip"]().fingerprint != run_cell(2, expression="42")["Dip"]().fingerprint


def test_class_without_functions_counts_its_fields():
    dull = run_cell(1)["Dull"]().fingerprint
    assert dull == run_cell(2)["Dull"]().fingerprint
    assert dull != run_cell(3, default=0.03)["Dull"](drop=0.02).fingerprint


def test_file_and_cell_of_the_same_text_have_one_fingerprint(tmp_path, monkeypatch):
    (tmp_path / "exported_strategy.py").write_text(CELL.format(expression="None", default=0.02))
    monkeypatch.syspath_prepend(tmp_path)
    import exported_strategy

    assert exported_strategy.Dip().fingerprint == run_cell(1)["Dip"]().fingerprint
