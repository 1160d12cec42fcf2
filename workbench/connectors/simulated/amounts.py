"""Exact amounts: decimals, cut to the venue's steps and written the way the venue writes them."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from functools import lru_cache

ZERO = Decimal(0)
ONE = Decimal(1)
UNIT = Decimal("0.00000001")  # the smallest part of any asset that the venue books


def to_step(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above a value of at least 0; a step of 0 leaves it as it is."""
    return value - value % step if step else value


def is_stepped(value: Decimal, step: Decimal) -> bool:
    """Is this a whole number of steps? A step of 0 asks nothing."""
    return not step or value % step == 0


def booked(value: Decimal) -> Decimal:
    """A value cut, towards 0, to what the venue books: eight decimals."""
    return value.quantize(UNIT, ROUND_DOWN) + ZERO  # no -0


@lru_cache(maxsize=256)
def places(step: Decimal) -> int:
    """Decimals that a step needs: 2 for 0.01."""
    return max(0, -int(step.normalize().as_tuple().exponent)) if step else 8


def text(value: Decimal, decimals: int = 8) -> str:
    """A value with so many decimals, as answers of the spot venue write all of theirs."""
    return f"{value:.{decimals}f}"


def plain(value: Decimal) -> str:
    """A value without an exponent or zeros at its end, as the futures venue writes some of its own."""
    return f"{value.normalize():f}" if value else "0"
