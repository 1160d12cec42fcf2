"""What a parameter may be: `Field`, `Fraction` and `Duration`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema

from workbench.errors import ConfigError
from workbench.market import as_milliseconds, as_timeframe


def Field(
    default: Any = ...,
    *,
    step: float | None = None,
    choices: Sequence[Any] | None = None,
    hot: bool = False,
    **rules: Any,
) -> Any:
    """A parameter of a controller: its default, its bounds, and what a slider needs to know about it.

    Parameters
    ----------
    default
        Value when left out; none given: the parameter must be named.
    step : float, optional
        Distance between the stops of a slider.
    choices : sequence, optional
        The only values allowed.
    hot : bool
        May be changed while a run is trading.
    **rules
        As in `pydantic.Field`: `ge`, `gt`, `le`, `lt`, `description`, …

    Examples
    --------
    >>> length: int = Field(100, ge=2, le=500, step=5)
    """
    shown = {"step": step, "choices": None if choices is None else list(choices), "hot": hot or None}
    extra = {name: value for name, value in shown.items() if value is not None} | rules.pop("json_schema_extra", {})
    return pydantic.Field(default, json_schema_extra=extra or None, **rules)


class Milliseconds(int):
    """Whole milliseconds that print as a person writes them: `'45m'`."""

    def __str__(self) -> str:
        return as_timeframe(int(self)) if self > 0 and self % 1000 == 0 else f"{int(self)}ms"

    def __repr__(self) -> str:
        return repr(str(self))


def _duration(given: Any) -> Milliseconds:
    return Milliseconds(as_milliseconds(given))


def _fraction(value: float) -> float:
    if value <= 0.0:
        raise ConfigError(f"{value:g} is not above 0. Give a fraction between 0 and 1, such as 0.02 for 2 %.")
    if value >= 1.0:
        raise ConfigError(
            f"{value:g} means {value * 100:g} %. Give a fraction below 1; for {value:g} % write {value / 100:g}."
        )
    return value


Fraction = Annotated[
    float, AfterValidator(_fraction), WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1})
]
"""A fraction between 0 and 1, both excluded: 0.02 is 2 %, and 2 is refused rather than taken for 200 %."""

Duration = Annotated[
    Milliseconds, PlainValidator(_duration), PlainSerializer(str, when_used="json"), WithJsonSchema({"type": "string"})
]
"""A span of time: "45m", a timedelta, or whole milliseconds. It counts as an int and prints as "45m"."""
