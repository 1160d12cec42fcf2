"""Candles of one market or of several as rows of one time grid, which can be cut, and whose future can be replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.market import Candles

Array = npt.NDArray[Any]
Market = Candles | Mapping[str, Candles]


class Tape:
    """A row is a bar; of several markets, one moment at which any of them has a bar."""

    def __init__(self, candles: Market) -> None:
        self.candles = candles
        self.times = (
            candles.time if isinstance(candles, Candles) else _grid([market.time for market in candles.values()])
        )

    def __len__(self) -> int:
        return len(self.times)

    def part(self, start: int, stop: int) -> Market:
        """Rows from `start` to before `stop`; views, no copies."""
        if isinstance(self.candles, Candles):
            return self.candles[start:stop]
        return {
            name: market[self._bar(market, start) : self._bar(market, stop)] for name, market in self.candles.items()
        }

    def scrambled(self, start: int, cut: int, stop: int, *, wild: bool) -> Market:
        """The same rows, with other bars from row `cut` on."""
        part = self.part(start, stop)
        if isinstance(part, Candles):
            return scramble(part, cut - start, wild=wild)
        moment = self.times[cut]
        return {
            name: scramble(market, int(np.searchsorted(market.time, moment)), wild=wild)
            for name, market in part.items()
        }

    def on_grid(self, name: str, column: Array, start: int, stop: int) -> Array:
        """A column with one row per bar of the market that its name begins with, put on the rows of the grid.

        Rows without a bar hold NaN, or 0 in a column of whole numbers. Any other column is returned as it is.
        """
        if isinstance(self.candles, Candles) or column.ndim == 0 or column.shape[0] == stop - start:
            return column
        market = next((self.candles[key] for key in self.candles if name.startswith(f"{key} ")), None)
        if market is None:
            return column
        times = market.time[self._bar(market, start) : self._bar(market, stop)]
        if times.shape[0] != column.shape[0]:
            return column
        out = np.full((stop - start, *column.shape[1:]), np.nan if column.dtype.kind == "f" else 0, column.dtype)
        out[np.searchsorted(self.times[start:stop], times)] = column
        return out

    def _bar(self, market: Candles, row: int) -> int:
        return len(market) if row >= len(self.times) else int(np.searchsorted(market.time, self.times[row]))


def scramble(candles: Candles, cut: int, *, wild: bool) -> Candles:
    """Candles whose bars from row `cut` on are others: prices mirrored at the last known one, after a jump of 3 %.

    What rose falls, and the reverse. `wild` ones jump up and move twice as far, in logs; the others jump down and move
    half as far. Volumes come in reverse order.
    """
    if not 0 <= cut < len(candles):
        return candles
    base = candles.close[cut - 1] if cut else candles.open[0]
    columns = {name: values.copy() for name, values in candles.columns.items()}
    for name, twin in (("open", "open"), ("high", "low"), ("low", "high"), ("close", "close")):
        ratio = base / getattr(candles, twin)[cut:]
        columns[name][cut:] = base * 1.03 * ratio * ratio if wild else base * 0.97 * np.sqrt(ratio)
    columns["volume"][cut:] = candles.volume[cut:][::-1] * (3.0 if wild else 0.3)
    return Candles.trusted(
        candles.time,
        columns,
        venue=candles.venue,
        instrument=candles.instrument,
        timeframe=candles.timeframe,
        incomplete=candles.incomplete,
    )


def _grid(times: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    if all(np.array_equal(times[0], other) for other in times[1:]):
        return times[0]
    merged = np.sort(np.concatenate(times), kind="stable")  # runs that are sorted already merge in one pass
    return merged[np.concatenate([[True], merged[1:] != merged[:-1]])]
