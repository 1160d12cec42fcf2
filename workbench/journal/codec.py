"""Bodies of entries as text: JSON, with our messages and decimals in it, and back without a loss.

A message becomes an object that names its class under "$"; a `Decimal` keeps the digits that the venue wrote.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from enum import IntEnum
from types import NoneType
from typing import Any, get_args, get_type_hints

from workbench import connectors, trading
from workbench.errors import DataError

TAG = "$"
DECIMAL = "Decimal"
TOLD = [
    *(getattr(trading, name) for name in ("Intent", "Report", "Fill", "Moved", "Booked", "Odd")),
    *(getattr(connectors, name) for name in ("Balance", "Bar", "FundingPayment", "FundingRate", "Position", "Quote")),
    *(getattr(connectors, name) for name in ("Rules", "Ticker", "Trade")),
]  # fmt: skip


def to_text(body: Any) -> str:
    """A body as JSON.

    Raises
    ------
    DataError
        If there is something in it that has no place in a journal, NaN and infinity among it.
    """
    try:
        return _ENCODER.encode(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f"This cannot be journalled: {error}. A body is made of JSON values, finite numbers, decimals and messages."
        ) from error


def from_text(text: str) -> Any:
    """The body that was written.

    Raises
    ------
    DataError
        If it is no JSON, or does not fit the message that it names: a newer workbench wrote it.
    """
    try:
        return json.loads(text, object_hook=_revive)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise DataError(f"A body cannot be read ({error}): {text[:200]}. A newer workbench wrote it.") from error


def _plain(value: Any) -> Any:
    """What the encoder of JSON does not know."""
    if type(value) is Decimal:
        return {TAG: DECIMAL, "value": str(value)}
    names = _WRITTEN.get(type(value))
    if names is not None:
        return {TAG: type(value).__name__, **{name: _digits(getattr(value, name)) for name in names}}
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a number of NumPy's
        return value.item()
    raise TypeError(f"{value!r} is a {type(value).__name__}")


def _digits(value: Any) -> Any:
    return str(value) if type(value) is Decimal else value


def _revive(found: dict[str, Any]) -> Any:
    name = found.get(TAG)
    if name is None:
        return found
    if name == DECIMAL:
        return Decimal(found["value"])
    if name not in _READ:
        return found
    cls, readers = _READ[name]
    del found[TAG]
    for field, read in readers:
        value = found.get(field)
        if value is not None:
            found[field] = read(value)
    return cls(**found)


def _reader(hint: Any) -> Callable[[Any], Any] | None:
    """How a field's value comes back from JSON; None: as it is."""
    kinds = [kind for kind in (get_args(hint) or (hint,)) if kind is not NoneType]
    kind = kinds[0]
    return kind if isinstance(kind, type) and issubclass(kind, Decimal | IntEnum) else None


def _readers(cls: Any) -> list[tuple[str, Callable[[Any], Any]]]:
    hints = get_type_hints(cls)
    readers = [(field.name, _reader(hints[field.name])) for field in fields(cls)]
    return [(name, read) for name, read in readers if read is not None]


_ENCODER = json.JSONEncoder(default=_plain, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_WRITTEN: dict[type, tuple[str, ...]] = {cls: tuple(field.name for field in fields(cls)) for cls in TOLD}
_READ: dict[str, tuple[Any, list[tuple[str, Callable[[Any], Any]]]]] = {
    cls.__name__: (cls, _readers(cls)) for cls in TOLD
}
