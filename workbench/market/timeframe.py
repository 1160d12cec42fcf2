"""Durations and moments: "45m" and "2022-01" in, milliseconds out. Time is UTC throughout."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from workbench.errors import ConfigError

UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
MONDAY_MS = 4 * UNITS["d"]  # 1970-01-01 was a Thursday; venues open their weeks on Monday

Moment = str | int | date | datetime

_DURATION = re.compile(r"\s*(\d+)\s*(ms|s|m|h|d|w)\s*")
_MOMENT = re.compile(r"\d{4}(-\d{2}(-\d{2}([T ].*)?)?)?")


def as_milliseconds(duration: str | int | timedelta) -> int:
    """A duration in milliseconds.

    Parameters
    ----------
    duration : str, int or timedelta
        A number and a unit, such as "15s", "45m", "1h", "2d", "1w"; whole milliseconds; or a timedelta.

    Raises
    ------
    ConfigError
        If it is none of these, or negative.

    Examples
    --------
    >>> as_milliseconds("45m")
    2700000
    """
    if isinstance(duration, timedelta):
        return _not_negative(round(duration / timedelta(milliseconds=1)), duration)
    if isinstance(duration, str):
        found = _DURATION.fullmatch(duration)
        if found:
            return int(found[1]) * UNITS[found[2]]
    elif not isinstance(duration, bool) and hasattr(duration, "__index__"):
        return _not_negative(int(duration), duration)
    raise ConfigError(
        f"{duration!r} is not a duration. Write a whole number and a unit (ms, s, m, h, d, w), such as "
        f'"45m" or "1h", or give milliseconds as an int.'
    )


def timeframe_ms(timeframe: str) -> int:
    """Length of a bar in milliseconds, checked to be at least a second.

    Raises
    ------
    ConfigError
        If `timeframe` is no string such as "1m", or shorter than "1s". Months have no fixed length and are refused.
    """
    length = as_milliseconds(timeframe) if isinstance(timeframe, str) else 0
    if length < UNITS["s"]:
        raise ConfigError(f'{timeframe!r} is not a timeframe. Write one like "1s", "1m", "1h", "1d" or "1w".')
    return length


def as_timeframe(milliseconds: int) -> str:
    """The usual name of a bar length, in its largest whole unit.

    >>> as_timeframe(3_600_000)
    '1h'
    """
    for unit in ("w", "d", "h", "m", "s"):
        if milliseconds > 0 and milliseconds % UNITS[unit] == 0:
            return f"{milliseconds // UNITS[unit]}{unit}"
    raise ConfigError(f"{milliseconds} ms is no whole number of seconds, so it is no timeframe. Use at least 1000.")


def floor_time(time: Any, length_ms: int) -> Any:
    """Start of the bar that holds a moment; an int or an int64 array of milliseconds. Weeks start on Monday."""
    shift = MONDAY_MS if length_ms % UNITS["w"] == 0 else 0
    return time - (time - shift) % length_ms


def ceil_time(time: Any, length_ms: int) -> Any:
    """First bar start that is not before a moment."""
    return floor_time(time + (length_ms - 1), length_ms)


def as_time(moment: Moment) -> int:
    """A moment in milliseconds since 1970, UTC.

    Parameters
    ----------
    moment : str, int, date or datetime
        "2022", "2022-01", "2022-01-31", "2022-01-31 12:30" or any ISO 8601 string: its first moment; without a zone it
        is UTC. An int is milliseconds already. A datetime without a zone is UTC.

    Raises
    ------
    ConfigError
        If it cannot be read as a time.
    """
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    if isinstance(moment, date):
        return as_time(datetime(moment.year, moment.month, moment.day, tzinfo=UTC))
    if isinstance(moment, str):
        return as_time(_read(moment))
    if not isinstance(moment, bool) and hasattr(moment, "__index__"):
        return int(moment)
    raise ConfigError(f'{moment!r} is not a time. Write it like "2022-01-31" or "2022-01-31 12:30", in UTC.')


def show_time(time_ms: int) -> str:
    """A moment for people, as short as it is exact: "2022-01-31 12:30"."""
    if not math.isfinite(time_ms) or abs(time_ms) > 2e14:
        return f"{time_ms} ms"
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(time_ms))
    text = moment.strftime("%Y-%m-%d %H:%M")
    if time_ms % 60_000:
        text += moment.strftime(":%S") + (f".{time_ms % 1000:03d}" if time_ms % 1000 else "")
    return text


def _read(text: str) -> datetime:
    whole = text.strip()
    if _MOMENT.fullmatch(whole):
        whole += "-01-01"[len(whole) - 4 :] if len(whole) < 10 else ""
        try:
            return datetime.fromisoformat(whole)
        except ValueError:
            pass
    raise ConfigError(
        f'{text!r} is not a time. Write it like "2022", "2022-01", "2022-01-31" or "2022-01-31 12:30", in UTC.'
    )


def _not_negative(milliseconds: int, given: object) -> int:
    if milliseconds < 0:
        raise ConfigError(f"{given!r} is a negative duration. Give 0 or more.")
    return milliseconds
