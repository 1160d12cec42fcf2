"""Durations and moments, in and out of milliseconds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ConfigError
from workbench.market import as_milliseconds, as_time, as_timeframe, ceil_time, floor_time, show_time, timeframe_ms


@pytest.mark.parametrize(("duration", "expected"), [
    ("15s", 15_000), ("45m", 2_700_000), ("1h", 3_600_000), ("2d", 172_800_000), ("1w", 604_800_000), ("250ms", 250),
    (" 5 m ", 300_000), (60_000, 60_000), (np.int64(7), 7), (0, 0), (timedelta(minutes=2), 120_000),
])  # fmt: skip
def test_durations_are_milliseconds(duration: str | int | timedelta, expected: int) -> None:
    assert as_milliseconds(duration) == expected


@pytest.mark.parametrize("duration", ["", "m", "1x", "1M", "1.5h", "-1h", "1h30m", 1.5, None, True])
def test_nonsense_is_no_duration(duration: object) -> None:
    with pytest.raises(ConfigError, match=r'is not a duration.*ms, s, m, h, d, w.*"45m" or "1h"'):
        as_milliseconds(duration)  # type: ignore[arg-type]


@pytest.mark.parametrize("duration", [-1, timedelta(seconds=-1)])
def test_a_duration_is_not_negative(duration: int | timedelta) -> None:
    with pytest.raises(ConfigError, match="is a negative duration"):
        as_milliseconds(duration)


@pytest.mark.parametrize("timeframe", [60_000, "500ms", "0m", None])
def test_a_timeframe_is_text_of_at_least_a_second(timeframe: object) -> None:
    with pytest.raises(ConfigError, match="is not a timeframe"):
        timeframe_ms(timeframe)  # type: ignore[arg-type]


@pytest.mark.parametrize("timeframe", ["1s", "1m", "5m", "15m", "1h", "4h", "8h", "1d", "1w", "2w"])
def test_timeframe_survives_the_round_trip(timeframe: str) -> None:
    assert as_timeframe(timeframe_ms(timeframe)) == timeframe


@pytest.mark.parametrize(("moment", "expected"), [
    ("2022", "2022-01-01 00:00"), ("2022-03", "2022-03-01 00:00"), ("2022-03-04", "2022-03-04 00:00"),
    ("2022-03-04 05:06", "2022-03-04 05:06"), ("2022-03-04T05:06:07Z", "2022-03-04 05:06:07"),
    ("2022-03-04T05:06:00+02:00", "2022-03-04 03:06"), (date(2022, 3, 4), "2022-03-04 00:00"),
    (datetime(2022, 3, 4, 5), "2022-03-04 05:00"),
    (datetime(2022, 3, 4, 5, tzinfo=timezone(timedelta(hours=-5))), "2022-03-04 10:00"),
    (1_646_370_000_250, "2022-03-04 05:00:00.250"),
])  # fmt: skip
def test_moments_are_utc(moment: str | int | date, expected: str) -> None:
    assert show_time(as_time(moment)) == expected


@pytest.mark.parametrize("moment", ["", "soon", "2022-13", "2022-02-30", "22-01-01", None, 1.5, True])
def test_nonsense_is_no_moment(moment: object) -> None:
    with pytest.raises(ConfigError, match=r"is not a time\. Write it like"):
        as_time(moment)  # type: ignore[arg-type]


@given(st.integers(0, 4_000_000_000_000), st.sampled_from(["1s", "1m", "7m", "1h", "1d", "1w"]))
def test_floor_and_ceil_enclose_a_moment(moment: int, timeframe: str) -> None:
    length = timeframe_ms(timeframe)
    low, high = floor_time(moment, length), ceil_time(moment, length)
    assert low <= moment <= high
    assert high - low in (0, length)
    assert floor_time(low, length) == low == ceil_time(low, length)


def test_a_week_starts_on_monday() -> None:
    start = floor_time(as_time("2022-01-01"), timeframe_ms("1w"))
    assert datetime.fromtimestamp(start / 1000, UTC).strftime("%A %Y-%m-%d") == "Monday 2021-12-27"
