"""Imported once, by the fork server: what a runner imports, and every kernel that a session calls."""

from __future__ import annotations

import tempfile
from pathlib import Path

import workbench as wb
from workbench.journal import Journal
from workbench.live import Plan, runner
from workbench.live.warm import warm_up

assert runner.Runner is not None, "it is imported for its own sake"

_bot = wb.controllers.Bollinger(length=20)
for _instrument in ("BTC/USDT", "BTC/USDT:USDT"):
    warm_up(Plan.make(_bot, "binance", _instrument, name="warm", mode="paper", timeframe="1s"), _bot)
with tempfile.TemporaryDirectory() as _folder:  # Alembic and the database's driver
    Journal.open(Path(_folder) / "warm.sqlite", run="warm").close()
