"""A strategy of a cell becomes a file that another process reads, or it is said why not."""

from __future__ import annotations

import linecache
import subprocess
import sys
import types

import pytest

from workbench.errors import ConfigError
from workbench.live.asking import default_name, script_of
from workbench.live.plan import BotSource

CELL = '''
import numpy as np
import workbench as wb
from workbench import BUY, FLAT, Controller, Field, Targets

THRESHOLD = 2.0
TABLE = object()

def rising(close):
    return close > np.roll(close, 1) * (1 + THRESHOLD / 1e6)

class Rising(Controller):
    """Hold while the price rises."""

    length: int = Field(3, ge=1)

    def targets(self, candles):
        return Targets.at_market(np.where(rising(candles.close), BUY, FLAT))

class Leaning(Controller):
    """Lean on a table of the notebook."""

    length: int = Field(3, ge=1)

    def targets(self, candles):
        return Targets.at_market(TABLE.sides(candles))
'''


@pytest.fixture
def cell(monkeypatch):
    """A notebook's `__main__` after a cell was run."""
    made = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", made)
    linecache.cache["<cell>"] = (len(CELL), None, CELL.splitlines(keepends=True), "<cell>")
    exec(compile(CELL, "<cell>", "exec", dont_inherit=True), made.__dict__)
    return made


def test_a_strategy_of_a_cell_is_the_same_in_another_process(cell, tmp_path):
    bot = cell.Rising(length=5)
    (tmp_path / "bot.py").write_text(script_of(bot))
    source = BotSource.of(bot, source="bot.py")
    (tmp_path / "source.json").write_text(source.model_dump_json())
    code = f"""
from pathlib import Path
from workbench.live import BotSource
folder = Path({str(tmp_path)!r})
bot = BotSource.model_validate_json((folder / "source.json").read_text()).load(folder)
print(bot.length, bot.fingerprint)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["5", bot.fingerprint]


def test_what_leans_on_the_notebook_is_named(cell):
    with pytest.raises(ConfigError, match="Leaning leans on 'TABLE' of the notebook"):
        script_of(cell.Leaning())


def test_a_shipped_strategy_needs_no_file():
    from workbench.controllers import Bollinger

    assert script_of(Bollinger()) is None
    assert default_name(Bollinger(), "BTC/USDT:USDT") == "bollinger-btc-usdt-usdt"
