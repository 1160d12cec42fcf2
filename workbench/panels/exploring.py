"""`explore`: a sweep as a heat map with sliders for the other axes; a click opens the run behind a cell."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from workbench.backtest import Result
from workbench.errors import ConfigError, WorkbenchError
from workbench.metrics import METRICS
from workbench.panels.chart import draw, filling, new_chart, numbers, placed, said
from workbench.panels.latest import Latest
from workbench.research import NONE, Sweep, heat_parts

ALL = "best of all"
LOOK = {"style": {"description_width": "9.5em"}, "layout": {"width": "25em"}}
EVERY = 1.0  # seconds between two looks at a sweep that is running


def explore(sweep: Sweep, *, metric: str = "sharpe") -> Explore:
    """A panel over a sweep: any metric over any two axes, with a slider for each of the others.

    Cells show the best of what falls into them, unless a slider picks one value. A click on a cell runs it again and
    shows its trades. While the sweep is running, cells fill in.

    Raises
    ------
    ConfigError
        If nothing was varied but one axis with one value.
    """
    return Explore(sweep, metric=metric)


class Explore:
    """A sweep to walk about in.

    Attributes
    ----------
    heat : plotly FigureWidget
    x, y, metric : ipywidgets Dropdowns
    others : dict of axis to SelectionSlider
    result : Result or None
        The run that was opened last.
    number : int or None
        Its number in the table.
    seconds : float
        What opening it took, from the click to the figure's new data.
    """

    def __init__(self, sweep: Sweep, *, metric: str = "sharpe") -> None:
        import ipywidgets as w

        self.sweep, self.seconds = sweep, 0.0
        self.result: Result | None = None
        self.number: int | None = None
        self.axes = {name: values for name, values in sweep.axes.items() if len(values) > 1}
        if not self.axes:
            raise ConfigError("Every axis of the sweep has one value, so there is nothing to walk about in.")
        x, y, *_ = [*sorted(self.axes, key=lambda name: -len(self.axes[name])), NONE]
        axes = [*self.axes, *([NONE] if y == NONE else [])]
        self.x, self.y = (w.Dropdown(options=axes, value=one, description=d, **LOOK) for one, d in ((x, "x"), (y, "y")))
        self.metric = w.Dropdown(options=list(METRICS), value=metric, description="metric", **LOOK)
        stops = {name: [(ALL, ()), *((shown(v), (v,)) for v in values)] for name, values in self.axes.items()}
        self.others = {name: w.SelectionSlider(options=some, description=name, **LOOK) for name, some in stops.items()}
        self.heat, self.chart, self.table, self.status = new_heat(), new_chart(), w.HTML(), w.HTML()
        self._opened = placed(self.chart, "0 0 auto")
        self._plane: Any = None
        self._opening, self._drawing = Latest(self._open), Latest(self._draw)
        for one in (self.x, self.y, self.metric, *self.others.values()):
            one.observe(self._changed, "value")
        self.heat.data[0].on_click(self._clicked)
        self._sliders, self._below = w.VBox([]), w.VBox([])
        self._show_sliders()
        left = [self.metric, self.x, self.y, self._sliders, self.status, self.table]
        self.widget = w.VBox([w.HBox([w.VBox(left, layout={"flex": "0 0 28em"}), placed(self.heat)]), self._below])
        self.widget.add_class("wb-explore")
        self._ask()

    def open(self, number: int) -> None:
        """Open a run by its number, as a click on its cell does."""
        self._opening.ask((time.perf_counter(), int(number)))

    def settle(self, seconds: float = 30.0) -> Explore:
        """Wait until the panel shows what was asked of it."""
        self._drawing.settle(seconds)
        self._opening.settle(seconds)
        return self

    def close(self) -> None:
        """Take the panel away."""
        self._drawing.close()
        self._opening.close()
        self.widget.close()

    def _changed(self, _: Any) -> None:
        self._show_sliders()
        self._ask()

    def _ask(self) -> None:
        at = {name: slider.value[0] for name, slider in self.others.items()
              if name not in (self.x.value, self.y.value) and slider.value}  # fmt: skip
        self._drawing.ask((self.x.value, self.y.value, self.metric.value, at))

    def _show_sliders(self) -> None:
        hidden = (self.x.value, self.y.value)
        self._sliders.children = [slider for name, slider in self.others.items() if name not in hidden]

    def _draw(self, wanted: Any) -> None:
        x, y, metric, at = wanted
        if x == y:
            self.status.value = said("Choose two different axes.", bad=True)
            return
        running = self.sweep.is_running
        try:
            self._plane = self.sweep.plane(x, y, metric, **at)
        except WorkbenchError as error:
            self.status.value = said(str(error), bad=True)
            return
        fill(self.heat, self._plane, x, y, metric)
        self.status.value = said(str(self.sweep).splitlines()[0])
        if running:
            self._again(wanted)

    def _again(self, wanted: Any) -> None:
        """Look again in a while, unless something else has been asked for by then."""
        if not self._drawing.overtaken(EVERY):
            self._drawing.ask(wanted)

    def _clicked(self, trace: Any, points: Any, state: Any) -> None:
        if self._plane is None or not points.xs:
            return
        xs, ys = list(trace.x), list(trace.y)
        column, row = nearest(xs, points.xs[0]), nearest(ys, points.ys[0])
        number = int(self._plane[3][row, column])
        if number >= 0:
            self.open(number)

    def _open(self, wanted: Any) -> None:
        asked, number = wanted
        try:
            result = self.sweep.backtest(number, audit=False)
        except Exception as error:  # a strategy of the user's own may raise anything; the panel says so
            self.status.value = said(f"{type(error).__name__}: {error}", bad=True)
            return
        self.table.value = numbers(result.metrics)
        draw(self.chart, result, title=f"Number {number}: {result.bot!r}")
        self._below.children = [self._opened]
        self.number, self.result = number, result
        self.seconds = time.perf_counter() - asked

    def __repr__(self) -> str:
        return f"Explore({self.sweep!r})"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)


def new_heat() -> Any:
    """An empty heat map."""
    import plotly.graph_objects as go

    nothing: list[Any] = []
    empty = (nothing, nothing, np.zeros((0, 0)), np.zeros((0, 0), np.int64))
    return filling(go.FigureWidget(heat_parts(empty, "", "", next(iter(METRICS)))))


def fill(heat: Any, plane: Any, x: str, y: str, metric: str) -> None:
    """Put a plane into the heat map, in one message."""
    parts = heat_parts(plane, x, y, metric)
    trace = {name: value for name, value in parts["data"][0].items() if name != "type"}
    with heat.batch_update():
        heat.data[0].update(trace, overwrite=False)
        heat.layout.title.text = parts["layout"]["title"]["text"]
        heat.layout.xaxis.title.text, heat.layout.yaxis.title.text = x, y


def nearest(values: list[Any], wanted: Any) -> int:
    """The place of a value on an axis."""
    if wanted in values:
        return values.index(wanted)
    return int(np.argmin([abs(float(value) - float(wanted)) for value in values]))


def shown(value: Any) -> str:
    """A value on a slider."""
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
