"""Searches in the trial ledger: how many combinations of a strategy were tried."""

from __future__ import annotations

from workbench.journal import trials
from workbench.research.space import Space


def counted(space: Space, here: int) -> int:
    """Trials of this strategy that the project's ledger knows, and at least those made here."""
    from workbench.journal import Ledger

    return max(Ledger().count(trials.lineage_of(space.bot)).trials, here)


def count(space: Space, done: int, kind: str = "sweep") -> None:
    """Put a search into the ledger: so many combinations of a strategy, on these candles."""
    cases = [case for case in space.cases.values() if isinstance(case, dict)]
    candles = {f"{one.venue} {one.instrument} {one.timeframe}": one for case in cases for one in case.values()}
    data = trials.data_of(candles.values())
    trials.record(trials.lineage_of(space.bot), space.search, count=done, data=data, kind=kind)
