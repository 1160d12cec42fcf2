"""Sliders, boxes and menus from a controller's own fields: their bounds, steps and choices."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from workbench.controllers import Controller
from workbench.errors import ConfigError

SPANS = ("0ms", "1m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "2d", "3d", "1w", "2w", "4w")
STOPS = 100  # of a slider whose field says nothing
STYLE = {"description_width": "9.5em"}
LAYOUT = {"width": "25em", "margin": "1px 0"}


@dataclass(eq=False)
class Control:
    """One parameter: its widget, and the box that turns it on, where None is a value too.

    Attributes
    ----------
    widget : ipywidgets widget with a `value`
    switch : ipywidgets Checkbox or None
    """

    name: str
    widget: Any
    switch: Any = None

    @property
    def value(self) -> Any:
        """What it says now."""
        return None if self.switch is not None and not self.switch.value else self.widget.value

    @value.setter
    def value(self, value: Any) -> None:
        if self.switch is not None:
            self.switch.value = value is not None
        if value is not None:
            self.widget.value = as_shown(self.widget, value)

    @property
    def shown(self) -> Any:
        """What is put into the panel."""
        import ipywidgets as w

        return self.widget if self.switch is None else w.HBox([self.widget, self.switch])

    def observe(self, changed: Callable[[Any], None]) -> None:
        """Call back on every change."""
        self.widget.observe(changed, "value")
        if self.switch is not None:
            self.switch.observe(changed, "value")


def controls_of(bot: Controller, only: Iterable[str] | None = None) -> dict[str, Control]:
    """A control for each parameter of a bot that has one, or for those named.

    Raises
    ------
    ConfigError
        If one is named that the bot does not have, or that no widget can show.
    """
    schema = type(bot).model_json_schema()["properties"]
    names = own_first(bot) if only is None else list(only)
    unknown = next((name for name in names if name not in schema), None)
    if unknown is not None:
        raise ConfigError(f"{bot.name} has no parameter `{unknown}`. It has {', '.join(schema)}.")
    made = {name: control(name, schema[name], bot.parameters[name]) for name in names}
    blind = next((name for name, one in made.items() if one is None and only is not None), None)
    if blind is not None:
        raise ConfigError(f"`{blind}` of {bot.name} is neither a number, a choice nor a span of time. Leave it out.")
    return {name: one for name, one in made.items() if one is not None}


def own_first(bot: Controller) -> list[str]:
    """The parameters of a bot: those that its class adds, then what it has from others."""
    fields = type(bot).model_fields
    inherited = {name for base in type(bot).__mro__[1:] for name in getattr(base, "__annotations__", {})}
    return [*(name for name in fields if name not in inherited), *(name for name in fields if name in inherited)]


def control(name: str, schema: dict[str, Any], value: Any) -> Control | None:
    """The control of one field, from its JSON schema; None where no widget fits."""
    import ipywidgets as w

    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    optional = len(kinds) < len(schema.get("anyOf", [schema]))
    field = {**schema, **kinds[0]} if len(kinds) == 1 else schema
    look = {"description": name, "style": STYLE, "layout": LAYOUT}
    widget: Any = None
    if "choices" in schema or "enum" in field:
        widget = w.Dropdown(options=schema.get("choices") or field["enum"], **look)
    elif field.get("type") == "boolean":
        widget = w.Checkbox(**look, indent=True)
    elif field.get("type") in ("integer", "number"):
        widget = slider(field, value, look)
    elif is_span(field, value, schema):
        widget = w.SelectionSlider(options=sorted({*SPANS, *([str(value)] if value is not None else [])}, key=length),
                                   continuous_update=True, **look)  # fmt: skip
    if widget is None:
        return None
    switch = w.Checkbox(value=value is not None, description="on", indent=False, layout={"width": "4em"})
    one = Control(name, widget, switch if optional else None)
    widget.add_class(f"wb-{name}")
    if value is not None or one.switch is None:
        one.value = value
    return one


def slider(field: dict[str, Any], value: Any, look: dict[str, Any]) -> Any:
    """A slider between a number's bounds; where it has none, around its value."""
    import ipywidgets as w

    whole = field["type"] == "integer"
    least, most, step = bounds(field, value, whole)
    begin = value if value is not None else min(max(most / 4.0, least), most)
    moves = {"continuous_update": True, **look}
    if whole:
        return w.IntSlider(value=int(begin), min=int(least), max=int(most), step=max(int(step), 1), **moves)
    digits = max(0, math.ceil(-math.log10(step) - 1e-9)) + (0 if step == 10 ** round(math.log10(step)) else 1)
    return w.FloatSlider(
        value=begin, min=least, max=most, step=step, readout_format=f".{digits}f", **moves
    )  # fmt: skip


def bounds(field: dict[str, Any], value: Any, whole: bool) -> tuple[float, float, float]:
    """Lowest, highest and step of a slider."""
    given: Any = value if value is not None else field.get("default")
    share = "exclusiveMaximum" in field or "maximum" in field
    usual = 10.0 if whole else 0.02 if share else 100.0
    size = abs(float(given)) if isinstance(given, int | float) and given else usual
    low: Any = field.get("minimum", field.get("exclusiveMinimum"))
    high: Any = field.get("maximum", field.get("exclusiveMaximum"))
    most = float(high) if "maximum" in field else max(4.0 * size, 0.0)
    if high is not None and "maximum" not in field:
        most = min(most, float(high) * 0.99)
    step = float(field.get("step") or (1.0 if whole else nice(max(most, size) / STOPS)))
    least = float(low) if low is not None else (0.0 if isinstance(given, int | float) and given >= 0 else -most)
    if "exclusiveMinimum" in field:
        least += step
    least = min(least, float(given)) if isinstance(given, int | float) else least
    return least, max(most, least + step, float(given) if isinstance(given, int | float) else 0.0), step


def nice(step: float) -> float:
    """A round number near a step: 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next((round(m * power, 12) for m in (1.0, 2.0, 5.0) if m * power >= step - 1e-15), round(10.0 * power, 12))


def is_span(field: dict[str, Any], value: Any, schema: dict[str, Any]) -> bool:
    """Is this a span of time? Their values print as "45m"."""
    from workbench.market import as_milliseconds

    given = value if value is not None else schema.get("default")
    if field.get("type") != "string" or (given is None and "default" in schema):
        return field.get("type") == "string" and given is None
    try:
        as_milliseconds(str(given))
    except (ConfigError, ValueError):
        return False
    return True


def length(span: str) -> int:
    """Milliseconds of a span of time."""
    from workbench.market import as_milliseconds

    return as_milliseconds(span)


def as_shown(widget: Any, value: Any) -> Any:
    """A value as its widget has it."""
    return str(value) if hasattr(widget, "options") and value not in widget.options else value
