"""Strategies of cells become files that a fresh process proves, or the culprit is named and there is no file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live.cells import BAD, GOOD, Cells, notebook, run
from tests.live.test_parity import walk
from workbench.backtest import backtest
from workbench.errors import ConfigError
from workbench.live import live
from workbench.live.promotion import Promotion, promote, promote_all, promoted
from workbench.trading import Limits


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> None:
    """The notebook's `__main__` is given back."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


def backtested(cells: Cells) -> Any:
    """Its cells run, its backtest made, and what came after."""
    made = notebook(cells)
    result = backtest(eval(cells.make.format(name=cells.name), made.__dict__), walk(), cash=100_000.0, audit=False)
    for cell in cells.after:
        run(made, cell, cells.name)
    return result


def test_twelve_strategies_are_files_that_come_to_the_same_bits(main: None, tmp_path: Path) -> None:
    made: list[Any] = []
    results = []
    for cells in GOOD:  # all of them live in one `__main__` after another, as in a notebook that grows
        results.append(backtested(cells))
        made.append(sys.modules["__main__"])
    assert len(GOOD) == 12
    found = []
    for result, module in zip(results, made, strict=True):
        sys.modules["__main__"] = module
        found.append((result, module))
    told = promote_each(found, tmp_path)
    assert [str(one) for one in told if not isinstance(one, Promotion)] == []
    assert [one.name for one in told if not one.fills] == []
    assert all(str(one).endswith("equal to the bit.") for one in told)
    records = json.loads((tmp_path / ".promoted.json").read_text())
    assert {one.fingerprint for one in told} == set(records)
    assert all((tmp_path / facts["file"]).is_file() for facts in records.values())


def promote_each(found: list[Any], folder: Path) -> list[Any]:
    """One process proves them all; each is packed with its own `__main__`."""

    class Swap(list):  # type: ignore[type-arg]
        """Brings the right notebook back when its result is looked at."""

        def __iter__(self) -> Any:
            for result, module in found:
                sys.modules["__main__"] = module
                yield result

    return promote_all(Swap([result for result, _ in found]), folder=folder)


@pytest.mark.parametrize("cells", BAD, ids=lambda one: one.name)
def test_eight_are_refused_and_the_culprit_is_named(cells: Cells, main: None, tmp_path: Path) -> None:
    result = backtested(cells)
    with pytest.raises(ConfigError) as refusal:
        promote(result, folder=tmp_path / "strategies")
    assert cells.blame in str(refusal.value)
    assert not (tmp_path / "strategies").exists()


def test_money_trades_a_strategy_of_a_cell_only_once_it_is_proved(
    main: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result, said = backtested(GOOD[1]), list[str]()
    bot, asked = result.bot, {"limits": Limits(), "confirm": "constant-btc-usdt", "say": said.append}
    with pytest.raises(ConfigError, match=r"in no file of strategies/"):
        live(bot, **asked)
    assert said == []
    with pytest.raises(ConfigError, match="there is no vault yet"):  # it goes on to the screen, and to the keys
        live(bot, backtest=result, **asked)
    record, file = promoted(bot.fingerprint), tmp_path / "strategies" / "constant.py"
    assert record is not None
    assert f"strategies/constant.py, sha256 {record['script'][:16]}…: a fresh process repeated its backtest" in said[0]
    assert file.read_text().startswith("from __future__ import annotations")
    assert "EDGE = 0.0005" in file.read_text()
    with pytest.raises(ConfigError, match="there is no vault yet"):  # another parameter is the same file
        live(bot.vary(length=7), **asked)
    vars(sys.modules["__main__"])["EDGE"] = 0.01
    with pytest.raises(ConfigError, match="changed since"):
        live(bot, **asked)
    vars(sys.modules["__main__"])["EDGE"] = 0.0005
    file.write_text(file.read_text() + "\n")
    with pytest.raises(ConfigError, match="changed since"):
        live(bot, **asked)
