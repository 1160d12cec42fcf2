"""Rates between the currencies of a run, as they were known; docs/matching.md part 25."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest.accounts import Purses
from workbench.backtest.loop import Bars
from workbench.errors import ConfigError, DataError
from workbench.market import Candles, show_time

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rates:
    """Candles from each currency of a run to the one that it counts in, which is `reporting`."""

    reporting: str
    candles: Mapping[str, Candles]

    def at(self, currency: str, time_ms: int) -> float:
        """The rate as it was known at a moment: the last close of a bar that had closed."""
        if currency == self.reporting:
            return 1.0
        candles = self.candles[currency]
        known = int(np.searchsorted(candles.time + candles.timeframe_ms, time_ms, side="right")) - 1
        if known < 0:
            raise DataError(
                f"The rate of {currency} is first known at "
                f"{show_time(int(candles.time[0]) + candles.timeframe_ms)} UTC, after the run has begun at "
                f"{show_time(time_ms)}. Load its candles from earlier on."
            )
        return float(candles.close[known])


def as_rates(given: Any, purses: Purses) -> Rates:
    """Rates for the currencies of the purses, checked.

    Raises
    ------
    ConfigError
        If one is missing, not needed, or of another pair.
    """
    reporting = purses.currencies[0]
    others = [one for one in dict.fromkeys(purses.currencies) if one != reporting]
    rates = dict(given or {})
    for currency in others:
        one = rates.get(currency)
        if not isinstance(one, Candles) or not len(one):
            raise ConfigError(
                f"The run counts in {reporting}, and there is no rate of {currency}. Give the candles of the pair: "
                f'rates={{"{currency}": wb.candles(…, "{currency}/{reporting}", …)}}.'
            )
        if (one.instrument.base, one.instrument.quote) != (currency, reporting):
            raise ConfigError(f"The rate of {currency} is from {one.instrument}. Give {currency}/{reporting}.")
    for currency in rates:
        if currency not in others:
            raise ConfigError(f"`rates` has {currency!r}, in which this run holds nothing. Leave it out.")
    return Rates(reporting, {currency: rates[currency] for currency in others})


def rate_planes(rates: Rates, purses: Purses, bars: Bars, timeframe_ms: int) -> tuple[Floats, Times]:
    """What becomes known of each purse's rate in each row, and as of when; NaN where there is no news.

    A row has what had closed by the close of the row before.
    """
    shape = len(purses.names), len(bars.time)
    plane, known_ms = np.full(shape, np.nan), np.zeros(shape, np.int64)
    moments = np.concatenate([bars.time[:1], bars.time[:-1] + timeframe_ms])
    for place, currency in enumerate(purses.currencies):
        if currency == rates.reporting:
            continue
        candles = rates.candles[currency]
        closes = candles.time + candles.timeframe_ms
        latest = np.searchsorted(closes, moments, side="right") - 1
        news = (latest >= 0) & (np.diff(latest, prepend=-1) != 0)
        plane[place, news], known_ms[place, news] = candles.close[latest[news]], closes[latest[news]]
    return plane, known_ms
