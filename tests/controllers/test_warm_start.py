"""A shipped `decide` is kept on disk like the engine, and a process that compiles nothing has to find it there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = """
import sys
import numpy as np
import workbench as wb
price = np.full(30, 100.0)
tape = wb.Candles.from_arrays(60_000 * np.arange(30), price, price, price, price, timeframe="1m")
result = wb.backtest(wb.controllers.by_name(sys.argv[1])(), tape, audit=False)
print(len(result.equity))
"""


@pytest.mark.parametrize("name", ["pmm_simple", "avellaneda_market_making", "grid_strike"])
def test_second_process_runs_what_the_first_one_compiled(name):
    for _ in range(2):
        told = subprocess.run([sys.executable, "-c", RUN, name], capture_output=True, text=True, cwd=ROOT, check=False)
        assert told.stdout.strip() == "30", told.stderr
