"""What makes arrays candles: ordered stamps in milliseconds, and prices that can have been."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.errors import DataError
from workbench.market.timeframe import as_timeframe, show_time

FloatArray = npt.NDArray[np.float64]
TimeArray = npt.NDArray[np.int64]
PRICES = ("open", "high", "low", "close")

BLOCK = 16_384  # rows looked at in one go, so that what is compared stays in the processor's cache
YEAR_1990, YEAR_2100 = 631_152_000, 4_102_444_800  # in seconds
REPAIR = "Check the order of the columns, or repair the row."
SCALES = (("seconds", "s", 1.0), ("microseconds", "us", 1e6), ("nanoseconds", "ns", 1e9))


def check_candles(time: TimeArray, columns: dict[str, FloatArray], length_ms: int, where: str) -> None:
    """Raise `DataError` on the first row that cannot be a bar; `where` names the file or frame in the message.

    Stamps are sorted, unique, at least a bar apart and in milliseconds; prices are finite and above zero, the high is
    the highest and the low the lowest; volume is finite and not negative, or NaN throughout (not reported).
    """
    if len(time) == 0:
        raise DataError(f"{where} has no rows. Give at least one bar.")
    check_scale(time, length_ms, where)
    for start in range(0, len(time), BLOCK):
        block = slice(start, start + BLOCK)
        if not _is_ordered(time[start : start + BLOCK + 1], length_ms):
            raise DataError(_order_fault(time, length_ms, where))
        if not _are_prices(*(columns[name][block] for name in PRICES)):
            raise DataError(_price_fault(time, columns, where))
    volume = columns["volume"]
    if not ((volume >= 0).all() and (volume < np.inf).all()) and not np.isnan(volume).all():
        raise DataError(_volume_fault(time, volume, where))


def check_scale(time: TimeArray, length_ms: int, where: str) -> None:
    """Raise `DataError` if the stamps are seconds, microseconds or nanoseconds, judged by their size and step."""
    first, last = int(time[0]), int(time[-1])
    step = int(np.min(time[1:65] - time[:64])) if len(time) > 64 else 0
    for name, unit, scale in SCALES:
        by_size = YEAR_1990 * scale <= first <= YEAR_2100 * scale and last <= YEAR_2100 * scale
        if by_size or (length_ms and step == length_ms * scale / 1000 and first >= YEAR_1990 * scale):
            raise DataError(
                f"{where}, row 0: the time stamp {first} is in {name}, but time is in milliseconds. "
                f'Pass `time_unit="{unit}"`.'
            )
    if first < 0 or last > YEAR_2100 * 1000:
        row = 0 if first < 0 else len(time) - 1
        raise DataError(
            f"{where}, row {row}: the time stamp {int(time[row])} is no time between 1970 and 2100 in "
            f"milliseconds. Convert the time column to milliseconds, UTC."
        )


def bad_prices(columns: dict[str, FloatArray]) -> npt.NDArray[np.bool_]:
    """Rows whose high is not the highest or whose low is not the lowest, or with a price that is no price."""
    opened, high, low, close = (columns[name] for name in PRICES)
    return ~((high >= opened) & (high >= close) & (low <= opened) & (low <= close) & (low > 0) & (high < np.inf))


def _is_ordered(time: TimeArray, length_ms: int) -> bool:
    return bool((time[1:] - time[:-1] >= length_ms).all())


def _are_prices(opened: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray) -> bool:
    # Six comparisons say it all: a NaN fails each of them, and open and close lie between low and high.
    return bool(
        (low > 0).all()
        and (high < np.inf).all()
        and (high >= opened).all()
        and (high >= close).all()
        and (low <= opened).all()
        and (low <= close).all()
    )


def _order_fault(time: TimeArray, length_ms: int, where: str) -> str:
    steps = np.diff(time)
    row = int(np.flatnonzero(steps < length_ms)[0]) + 1
    here, before, step = show_time(time[row]), show_time(time[row - 1]), int(steps[row - 1])
    if step == 0:
        return f"{where}, row {row}: {here} is there twice. Keep one of the two rows."
    if step < 0:
        return f"{where}, row {row}: {here} comes after {before}, so the rows are not in order. Sort them by time."
    return (
        f"{where}, row {row}: {here} is only {step / 1000:g} s after {before}, less than the timeframe "
        f"{as_timeframe(length_ms)}. Give the timeframe that the bars have."
    )


def _price_fault(time: TimeArray, columns: dict[str, FloatArray], where: str) -> str:
    row = int(np.flatnonzero(bad_prices(columns))[0])
    bar = {name: float(columns[name][row]) for name in PRICES}
    place = f"{where}, row {row} ({show_time(time[row])})"
    for name, value in bar.items():
        if not np.isfinite(value):
            what = "is missing (NaN)" if np.isnan(value) else f"is {value}"
            return f"{place}: {name} {what}. Remove the row or repair it at the source; nothing is filled in."
        if value <= 0:
            return (
                f"{place}: {name} is {value:g}, and a price is above zero. Remove the row or repair it at the source."
            )
    if bar["high"] < bar["low"]:
        return f"{place}: high {bar['high']:g} is below low {bar['low']:g}. {REPAIR}"
    edge, name = (
        ("high", max(PRICES, key=lambda n: bar[n]))
        if bar["high"] < max(bar.values())
        else ("low", min(PRICES, key=lambda n: bar[n]))
    )
    side = "below" if edge == "high" else "above"
    return f"{place}: {edge} {bar[edge]!r} is {side} {name} {bar[name]!r}. {REPAIR}"


def _volume_fault(time: TimeArray, volume: FloatArray, where: str) -> str:
    row = int(np.flatnonzero(~((volume >= 0) & (volume < np.inf)))[0])
    value = float(volume[row])
    what = "is missing (NaN) while other rows have one" if np.isnan(value) else f"is {value:g}"
    return (
        f"{where}, row {row} ({show_time(time[row])}): volume {what}. Give a finite volume of 0 or more in every row, "
        f"or leave the column out."
    )
