"""What the back room computes, a line of JSON for a line of JSON: `python -m workbench.panels.computing bars`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from workbench.data import candles
from workbench.errors import DataError, WorkbenchError
from workbench.market import Candles, timeframe_ms

FACTORS = (1, 2, 3, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1_440, 2_880, 10_080, 20_160, 40_320, 80_640)
MOST_BARS, DAY_MS = 20_000, 86_400_000
MOVED = ("net_profit", "total_return", "sharpe", "max_drawdown", "round_trips", "win_rate", "fees")
COLUMNS = ("open", "high", "low", "close", "volume")


def main(task: str) -> None:
    """Answer until nobody asks any more; what a strategy prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    tasks: dict[str, Callable[..., dict[str, Any]]] = {"bars": bars, "effect": effect}
    work = tasks[task]
    for line in sys.stdin:
        try:
            answer = work(**json.loads(line))
        except WorkbenchError as error:
            answer = {"error": str(error)}
        except Exception as error:  # a strategy of the user's own may raise anything
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


# --- bars ------------------------------------------------------------------------------------------------------------


def bars(
    folder: str, market: int, history: str | None = None, start: int | None = None, end: int | None = None,
    points: int = 1_500,
) -> dict[str, Any]:  # fmt: skip
    """Bars in [start, end), as many to one as it takes for at most `points` of them; also the span of all there are."""
    from workbench.live import Plan

    plan = Plan.read(Path(folder))
    place, length = plan.markets[market], timeframe_ms(plan.timeframe)
    own = _own_bars(Path(folder), plan, market)
    span = _span(own, history or place.venue, place.instrument, plan.timeframe)
    end = min(end or span[1] + length, span[1] + length)
    start = max(start if start is not None else end - points // 2 * length, span[0])
    step = length * next((f for f in FACTORS if (end - start) / (length * f) <= points), FACTORS[-1])
    columns = _between(own, history or place.venue, place.instrument, plan.timeframe, start // step * step, end)
    return {"first_ms": span[0], "last_ms": span[1], "step_ms": step, "bar_ms": length, **coarser(columns, step)}


def coarser(columns: dict[str, Any], step_ms: int) -> dict[str, list[Any]]:
    """Bars put together to bars of a longer time: exact for prices and volume."""
    time = columns["time"] // step_ms * step_ms
    if not len(time):
        return {name: [] for name in ("time", *COLUMNS)}
    first = np.flatnonzero(np.diff(time, prepend=time[0] - 1))
    last = np.append(first[1:], len(time)) - 1
    found = {
        "time": time[first], "open": columns["open"][first], "high": np.maximum.reduceat(columns["high"], first),
        "low": np.minimum.reduceat(columns["low"], first), "close": columns["close"][last],
        "volume": np.add.reduceat(np.nan_to_num(columns["volume"]), first),
    }  # fmt: skip
    return {name: values.tolist() for name, values in found.items()}


def _between(own: Any, venue: str, instrument: str, timeframe: str, start: int, end: int) -> dict[str, Any]:
    """The store's bars up to the run's own, then those."""
    parts, border = [], int(own["time"][0]) if len(own["time"]) else end
    with contextlib.suppress(WorkbenchError):
        if start < min(border, end):
            stored = candles(venue, instrument, timeframe, start, min(border, end))
            parts.append({"time": stored.time, **{name: getattr(stored, name) for name in COLUMNS}})
    rows = slice(*np.searchsorted(own["time"], [start, end]))
    parts.append({name: values[rows] for name, values in own.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in ("time", *COLUMNS)}


def _span(own: Any, venue: str, instrument: str, timeframe: str) -> tuple[int, int]:
    from workbench.data import catalog

    edges = [int(own["time"][0]), int(own["time"][-1])] if len(own["time"]) else []
    there = catalog()
    if len(there):
        for row in there.filter((there["venue"] == venue) & (there["instrument"] == instrument)).iter_rows(named=True):
            first = round(row["first"].timestamp() * 1e3)
            edges += [first] if edges else [first, round(row["last"].timestamp() * 1e3)]
    if not edges:
        raise DataError("there are no bars yet: the run has closed none, and the store has none of this market.")
    return min(edges), max(edges)


_KEPT: dict[tuple[str, int], tuple[int, list[list[float]]]] = {}  # bars that were read, by folder and market


def _own_bars(folder: Path, plan: Any, market: int) -> dict[str, Any]:
    """The bars of the run's own journal; those that were read before are not read again."""
    from workbench.journal import Past, from_text
    from workbench.live import RunFolder

    last, rows = _KEPT.get((str(folder), market), (0, []))
    with contextlib.suppress(DataError), Past.open(plan.journal or RunFolder(folder).journal_url, run=plan.run) as past:
        for number, body in past.events("bar", after=last).select("number", "body").iter_rows():
            told, last = from_text(body), number
            bar = told.get("bar")
            if told["m"] == market and bar is not None:
                rows.append([bar.time_ms, *(getattr(bar, name) for name in COLUMNS)])
        _KEPT[str(folder), market] = (last, rows)
    table = np.array(rows).reshape(-1, len(COLUMNS) + 1)
    return {"time": table[:, 0].astype(np.int64), **{name: table[:, n + 1] for n, name in enumerate(COLUMNS)}}


# --- what other parameters would have done ---------------------------------------------------------------------------


def effect(
    folder: str, old: dict[str, Any], new: dict[str, Any], days: float = 7.0, history: str | None = None
) -> dict[str, Any]:
    """Two backtests over the last days, of the parameters as they are and as they would be."""
    from workbench.live import Plan

    plan = Plan.read(Path(folder))
    bot = plan.bot.load(Path(folder))
    table = _last_days(Path(folder), plan, days, history)
    first = next(iter(table.values()))
    told = {name: _tried(bot.vary(**values), table, plan) for name, values in (("old", old), ("new", new))}
    span = {"first_ms": int(first.time[0]), "last_ms": int(first.time[-1]), "bars": len(first)}
    return {**span, **told, "labels": _labels()}


def _tried(bot: Any, table: dict[str, Candles], plan: Any) -> dict[str, Any]:
    from workbench.backtest import backtest
    from workbench.metrics import METRICS

    terms = {name: plan.terms[name] for name in ("account", "leverage") if name in plan.terms}
    result = backtest(
        bot, table if len(table) > 1 else next(iter(table.values())), cash=plan.cash, audit=False, **terms
    )
    equity = result.tape.equity
    rows = np.unique(np.linspace(0, len(equity) - 1, 240).astype(int))
    shown = {name: METRICS[name].show(result.metrics[name]) for name in MOVED}
    return {"metrics": shown, "equity": [round(float(value), 6) for value in equity[rows]]}


def _labels() -> dict[str, str]:
    from workbench.metrics import METRICS

    return {name: METRICS[name].label for name in MOVED}


def _last_days(folder: Path, plan: Any, days: float, history: str | None) -> dict[str, Candles]:
    """The last days of each market: the run's own bars, and the store's before them."""
    length, found = timeframe_ms(plan.timeframe), {}
    for m, place in enumerate(plan.markets):
        own, venue = _own_bars(folder, plan, m), history or place.venue
        end = _span(own, venue, place.instrument, plan.timeframe)[1] + length
        columns = _between(
            own, venue, place.instrument, plan.timeframe, end - min(int(days * DAY_MS), MOST_BARS * length), end
        )
        found[place.instrument] = Candles.from_arrays(
            **columns, venue=place.venue, instrument=place.instrument, timeframe=plan.timeframe
        )
    return found


if __name__ == "__main__":
    main(sys.argv[1])
