"""Numbers as a person reads them: with a unit, with a sign where it matters, and a dash where there is none."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

NONE = "–"
MINUS = "−"


def number(value: float, digits: int = 2, *, signed: bool = False) -> str:
    """1234.5 as "1,234.50"; NaN as a dash."""
    if not math.isfinite(value):
        return NONE if math.isnan(value) else f"{MINUS if value < 0 else ''}∞"
    text = f"{abs(value):,.{digits}f}"
    nothing = not any(digit in text for digit in "123456789")
    sign = "" if nothing else MINUS if value < 0 else "+" if signed else ""
    return sign + text


def money(value: float, quote: str, *, signed: bool = False) -> str:
    """1234.5 as "1,234.50 USDT"; below one unit with the digits that it needs."""
    small = 0 < abs(value) < 1
    digits = min(8, 1 - math.floor(math.log10(abs(value)))) if small else 2
    text = number(value, max(2, digits), signed=signed)
    return text if text == NONE else f"{text} {quote}"


def percent(value: float, digits: int = 2, *, signed: bool = False) -> str:
    """0.0234 as "2.34 %"."""
    text = number(value * 100.0, digits, signed=signed)
    return text if text == NONE else f"{text} %"


def price(value: float) -> str:
    """A price with eight significant digits at most, without trailing zeros."""
    if not math.isfinite(value):
        return NONE
    digits = 2 if value == 0 else max(0, 7 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", MINUS)


def count(value: float, one: str, many: str = "") -> str:
    """3 as "3 fills", 1 as "1 fill"."""
    return f"{value:,.0f} {one if value == 1 else many or one + 's'}"


def duration(length: timedelta | float | None) -> str:
    """A timedelta or milliseconds in its two largest units: "3 h 20 min"; None and NaN as a dash."""
    if length is None or (isinstance(length, float) and not math.isfinite(length)):
        return NONE
    seconds = length.total_seconds() if isinstance(length, timedelta) else length / 1000.0
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    parts: list[str] = []
    rest = round(seconds)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        whole, rest = divmod(rest, size)
        if whole or parts:
            parts.append(f"{whole:,} {unit}" if whole else "")
    return " ".join(part for part in parts[:2] if part)


def stamp(moment: datetime | float | None, *, day: bool = False) -> str:
    """A moment in UTC, to the minute or to the day: "2024-01-05 13:00"."""
    if moment is None:
        return NONE
    if not isinstance(moment, datetime):
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=float(moment))
    return moment.strftime("%Y-%m-%d" if day else "%Y-%m-%d %H:%M")
