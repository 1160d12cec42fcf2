"""Every backtest is a trial, and every trial is counted.

`record` writes a line and comes back within microseconds; it loads no database, and whatever goes wrong there never
breaks a backtest: it is said once, and the trial is tried again with the next one and when the process ends.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.journal import spool
from workbench.settings import home_folder

if TYPE_CHECKING:
    from workbench.controllers import Controller
    from workbench.market import Candles

PATIENCE_S = 0.05
LAST_PATIENCE_S = 1.0
MOST_WAITING = 10_000


class _Thread(threading.local):
    silent = False


_thread = _Thread()
_lock = threading.Lock()
_waiting: dict[Path, list[str]] = {}
_complained = False


def record(
    lineage: str, parameters: str, *, count: int = 1, data: str = "", kind: str = "backtest", home: Path | None = None
) -> None:
    """Count trials of a strategy. It never raises for what a disk does.

    Parameters
    ----------
    lineage : str
        The family of the strategy, as `lineage_of` names it: an edited class is still the same search.
    parameters : str
        Fingerprint of the strategy with its parameters, or of the grid of a sweep. The same one on the same data is
        run again, not tried again.
    count : int
        Combinations that were run.
    data : str
        What it was run on: venue, instrument, timeframe.
    kind : str
        "backtest", "sweep", "optimize", "walk_forward", …
    home : Path, optional
        The project's folder; left out: `WORKBENCH_HOME`.
    """
    if _thread.silent:
        return
    entry = {
        "id": os.urandom(8).hex(), "time_ms": time.time_ns() // 1_000_000, "lineage": lineage,
        "parameters": parameters, "data": data, "kind": kind, "count": int(count),
    }  # fmt: skip
    _keep(home or home_folder(), json.dumps(entry, separators=(",", ":")))


def record_run(bot: Controller, candles: Iterable[Candles], *, count: int = 1, kind: str = "backtest") -> None:
    """Count a run of a bot, or `count` runs around it, on these candles; what `backtest` calls."""
    if _thread.silent:
        return
    try:
        lineage, parameters, data = lineage_of(bot), bot.fingerprint, data_of(candles)
    except Exception as error:  # a strategy may define anything; counting it must not break its run
        _complain(f"{type(error).__name__}: {error}")
        return
    record(lineage, parameters, count=count, data=data, kind=kind)


def lineage_of(bot: Controller | type[Controller]) -> str:
    """The family of a strategy: the oldest of its classes that is a strategy, as `class TurningDip(Dip)` is a Dip."""
    from workbench.controllers import Controller, Directional

    cls = bot if isinstance(bot, type) else type(bot)
    family = [one for one in cls.__mro__ if issubclass(one, Controller) and one not in (Controller, Directional)]
    return family[-1].__qualname__ if family else cls.__qualname__


def data_of(candles: Iterable[Candles]) -> str:
    """What candles are of: the same for any period of a market."""
    return "; ".join(sorted(f"{one.venue} {one.instrument} {one.timeframe}".strip() for one in candles))


@contextmanager
def uncounted() -> Iterator[None]:
    """Runs of this thread are not counted in the block: they are part of a search that is counted as a whole."""
    before, _thread.silent = _thread.silent, True
    try:
        yield
    finally:
        _thread.silent = before


def flush() -> None:
    """Write what is still waiting, as the end of the process does; say so if that fails."""
    with _lock:
        for home in list(_waiting):
            _write(home, LAST_PATIENCE_S)
        left = sum(map(len, _waiting.values()))
    if left:
        sys.stderr.write(f"workbench: {left} trials could not be written to the ledger.\n")


def _keep(home: Path, line: str) -> None:
    with _lock:
        waiting = _waiting.setdefault(home, [])
        # Once the file could not be had, nobody waits for it again: the lines wait.
        patience = 0.0 if waiting else PATIENCE_S
        waiting.append(line)
        del waiting[:-MOST_WAITING]
        _write(home, patience)


def _write(home: Path, patience_s: float) -> None:
    try:
        spool.append(home, _waiting[home], patience_s=patience_s)
        del _waiting[home]
    except OSError as error:
        _complain(str(error))


def _complain(reason: str) -> None:
    """Say once a process that trials are not being counted."""
    global _complained
    if not _complained:
        _complained = True
        sys.stderr.write(
            f"workbench: backtests are not being counted now ({reason}), so significance() may not know of all. They "
            f"are kept in memory, and written when that is possible again.\n"
        )


def _start_afresh() -> None:
    """A forked child has its parent's waiting lines, which the parent writes."""
    global _lock
    _lock = threading.Lock()
    _waiting.clear()


atexit.register(flush)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
