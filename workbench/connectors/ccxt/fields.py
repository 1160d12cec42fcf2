"""Fields of an answer, read strictly: what is missing, of another type or not finite is refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from workbench.connectors.values import ZERO

LONGEST_TEXT = 256
EXACT_DIGITS = 15
LATEST_MS = 4_102_444_800_000  # the year 2100
LARGEST, SMALLEST = Decimal("1e30"), Decimal("1e-30")
MOST, LEAST = float(LARGEST), float(SMALLEST)


class Unreadable(ValueError):
    """A field of an answer is not what it should be; the caller adds venue, instrument and request."""


@dataclass(frozen=True, slots=True)
class Row:
    """One mapping of an answer, read field by field."""

    values: Mapping[str, Any]
    what: str

    @classmethod
    def of(cls, value: object, what: str) -> Row:
        """The mapping, if it is one."""
        if type(value) is not dict and not isinstance(value, Mapping):
            raise Unreadable(f"{what} is {show(value)}, not a mapping")
        return cls(value, what)

    def text(self, name: str, default: str | None = None) -> str:
        """A text, or a whole number as text; without a default it must be there."""
        value = self.values.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not (value or default is not None) or len(value) > LONGEST_TEXT:
            raise self._bad(name, value, "a text")
        return value

    def symbol(self) -> str:
        """The unified symbol; letters of any script, but nothing that cannot be printed."""
        value = self.text("symbol")
        if not value.isprintable() or "/" not in value:
            raise self._bad("symbol", value, "a symbol")
        return value

    def time(self, name: str = "timestamp", default: int | None = None) -> int:
        """UTC milliseconds of this century."""
        value = self.values.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < LATEST_MS:
            raise self._bad(name, value, "a time in milliseconds")
        return int(value)

    def decimal(self, name: str, *, at_least: Decimal | None = ZERO, default: Decimal | None = None) -> Decimal:
        """A finite number with the venue's digits; without a default it must be there."""
        value = self.maybe(name, at_least=at_least)
        if value is None:
            if default is None:
                raise self._bad(name, None, "a number")
            return default
        return value

    def positive(self, name: str) -> Decimal:
        """A finite number above zero."""
        value = self.decimal(name)
        if value <= 0:
            raise self._bad(name, value, "a number above zero")
        return value

    def maybe(self, name: str, *, at_least: Decimal | None = ZERO) -> Decimal | None:
        """A finite number, or None where the venue says nothing."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        number = as_decimal(value)
        if type(value) is float and len(repr(value)) > EXACT_DIGITS and _is_long(number):
            number = own_digits(value, self.values.get("info")) or number
        if number is None or (at_least is not None and number < at_least):
            raise self._bad(name, value, "a finite number" + ("" if at_least is None else f" of at least {at_least}"))
        return number

    def number(self, name: str) -> float | None:
        """As `maybe`, as a float above zero: zero is how some venues say nothing."""
        value = self.maybe(name)
        return float(value) if value else None

    def real(self, name: str) -> float:
        """A number above zero as a float, which is what it already is where ccxt made it: market data are many."""
        value = self.values.get(name)
        if type(value) is float and LEAST <= value <= MOST:
            return value
        return float(self.positive(name))

    def one_of(self, name: str, choices: Mapping[str, int]) -> int:
        """A word that stands for a code."""
        value = self.values.get(name)
        if not isinstance(value, str) or value not in choices:
            raise self._bad(name, value, "one of " + ", ".join(choices))
        return choices[value]

    def _bad(self, name: str, value: object, want: str) -> Unreadable:
        return Unreadable(f"{self.what}: `{name}` is {show(value)}, not {want}")


def as_decimal(value: object) -> Decimal | None:
    """A finite decimal of sensible size, or None: NaN, 1e400 and words are no numbers."""
    kind = type(value)
    if kind is float:
        return _read(repr(value))
    if kind is str:
        return _read(value) if len(value) <= 64 else None  # type: ignore[arg-type]
    return _read(str(value)) if kind in (int, Decimal) else None


@lru_cache(maxsize=8_192)  # the same prices and amounts come again and again
def _read(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and (not number or SMALLEST <= abs(number) <= LARGEST) else None


def _is_long(number: Decimal | None) -> bool:
    return number is not None and len(number.as_tuple().digits) > EXACT_DIGITS


def own_digits(value: float, raw: object) -> Decimal | None:
    """The digits that a venue wrote and of which ccxt made a float, if they can be found in its own answer.

    A float keeps 15 digits whatever they are; with more of them, the text that reads as the same float is the source.
    """
    for text in raw.values() if isinstance(raw, Mapping) else ():
        if isinstance(text, str) and len(text) > EXACT_DIGITS and text.replace(".", "", 1).lstrip("-").isdigit():
            number = as_decimal(text)
            if number is not None and float(number) == value:
                return number
    return None


def rows(value: object, what: str) -> Iterator[Row]:
    """Each mapping of a list."""
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise Unreadable(f"{what} is {show(value)}, not a list")
    for one in value:
        yield Row.of(one, what)


def show(value: object) -> str:
    """A value, short enough for a message."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
