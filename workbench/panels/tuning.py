"""`tune`: sliders for a bot's parameters, and the run that they make, while they move."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from workbench.backtest import Result, backtest
from workbench.controllers import Controller
from workbench.errors import WorkbenchError
from workbench.panels.chart import draw, new_chart, numbers, placed, said
from workbench.panels.controls import controls_of
from workbench.panels.latest import Latest


def tune(bot: Controller, candles: Any, *, only: Iterable[str] | None = None, **terms: Any) -> Tune:
    """Sliders made from the fields of a bot; metrics, trades and equity answer while one moves.

    Parameters
    ----------
    bot : Controller
        Where the sliders start. Their bounds, steps and choices are those of its fields: `Field(ge=2, le=200, step=5)`.
    candles : Candles, or a dict or list of them
        As in `backtest`; the chart shows the first instrument.
    only : names, optional
        Parameters to show; left out: all that a widget can show.
    **terms
        As in `backtest`: fees, account, …

    Returns
    -------
    Tune
        Shown as the last line of a cell. `bot` and `result` are those of the sliders.

    Raises
    ------
    ConfigError, DataError
        What cannot be backtested.
    """
    return Tune(bot, candles, only=only, terms=terms)


class Tune:
    """A bot in the hands of its sliders.

    Attributes
    ----------
    bot : Controller
        With the parameters of the sliders, as long as they fit together.
    result : Result
        Its backtest, which was not audited for look-ahead.
    controls : dict of name to Control
        `panel.controls["length"].value = 30` moves a slider.
    seconds : float
        What the last answer took, from the change to the figure's new data.
    """

    def __init__(self, bot: Controller, candles: Any, *, only: Any = None, terms: Any = None) -> None:
        import ipywidgets as w

        self.bot, self._candles, self._terms = bot, candles, {"audit": False, **(terms or {})}
        self.result = backtest(bot, candles, **self._terms)
        self.controls = controls_of(bot, only)
        self.chart, self.table, self.status = new_chart(), w.HTML(), w.HTML()
        self.seconds = 0.0
        self._reset = w.Button(description="Back to the start", layout={"width": "12em"})
        self._start = bot
        self._latest = Latest(self._answer)
        self._show(self.result, None)
        for control in self.controls.values():
            control.observe(self._moved)
        self._reset.on_click(lambda _: self.reset())
        sliders = [control.shown for control in self.controls.values()]
        left = w.VBox([*sliders, self._reset, self.table], layout={"flex": "0 0 32em"})
        self.widget = w.VBox([w.HBox([left, placed(self.chart)]), self.status])
        self.widget.add_class("wb-tune")

    def reset(self) -> None:
        """Move all sliders back to where they began."""
        for name, control in self.controls.items():
            control.value = self._start.parameters[name]

    def settle(self, seconds: float = 30.0) -> Tune:
        """Wait until the panel shows what its sliders say."""
        self._latest.settle(seconds)
        return self

    def close(self) -> None:
        """Take the panel away."""
        self._latest.close()
        self.widget.close()

    def _moved(self, _: Any) -> None:
        self._latest.ask((time.perf_counter(), {name: control.value for name, control in self.controls.items()}))

    def _answer(self, wanted: Any) -> None:
        asked, values = wanted
        try:
            bot = self._start.vary(**values)
            result = backtest(bot, self._candles, **self._terms)
        except WorkbenchError as error:
            self.status.value = said(str(error), bad=True)
            return
        except Exception as error:  # a strategy of the user's own may raise anything; the panel says so
            self.status.value = said(f"{type(error).__name__}: {error}", bad=True)
            return
        before, self.bot, self.result = self.result.metrics, bot, result
        self._show(result, before)
        self.seconds = time.perf_counter() - asked

    def _show(self, result: Result, before: Any) -> None:
        self.table.value = numbers(result.metrics, before)
        draw(self.chart, result, title=f"{result.bot.name} on {', '.join(result.market.names)}")
        self.status.value = said(repr(result.bot))

    def __repr__(self) -> str:
        return f"Tune({self.bot!r})"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)
