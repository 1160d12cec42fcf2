"""`workbench demo`: a tour of the house on sample data, offline, each stop with its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from workbench.cli.output import AsJson, answer, table

if TYPE_CHECKING:
    from workbench.backtest import Result
    from workbench.controllers import Controller
    from workbench.market import Candles

REPORT = "workbench-demo.html"


@dataclass(slots=True)
class Tour:
    """What the stops hand on to each other, and where they speak."""

    folder: Path
    quiet: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    candles: Candles = field(init=False)
    bot: Controller = field(init=False)
    result: Result = field(init=False)

    def say(self, text: str) -> None:
        """Tell the person; with --json nobody is there to be told."""
        if not self.quiet:
            typer.echo(text)


def demo(json: AsJson = False) -> None:
    """Walk through workbench in a minute: sample data, candles, a strategy, an honest backtest, a report."""
    tour = Tour(Path.cwd(), quiet=json)
    began = time.perf_counter()
    for number, (title, stop) in enumerate(STOPS, 1):
        tour.say(f"\n{number}/{len(STOPS)}  {title}")
        with timed(tour, stop.__name__):
            stop(tour)
    tour.facts["seconds"] = round(time.perf_counter() - began, 3)
    if json:
        answer(tour.facts, "", as_json=True)
    tour.say(f"\nDone in {tour.facts['seconds']:.1f} s. Next: `workbench lab`, and notebook 01.")


@contextmanager
def timed(tour: Tour, name: str) -> Iterator[None]:
    """Say and keep how long a stop took."""
    began = time.perf_counter()
    yield
    seconds = time.perf_counter() - began
    tour.facts.setdefault(name, {})["seconds"] = round(seconds, 3)
    tour.say(f"     ({seconds:.2f} s)")


def store(tour: Tour) -> None:
    """Make the sample set in the store."""
    import workbench as wb

    wb.data.sample()
    held = wb.data.catalog()
    tour.facts["store"] = {"catalog": held}
    tour.say(table(held))


def read(tour: Tour) -> None:
    """Read hourly candles, resampled from the finest stored, and judge them."""
    import workbench as wb

    tour.candles = wb.candles("sample", "BTC/USDT", "1h")
    audit = tour.candles.audit()
    tour.facts["read"] = {"bars": len(tour.candles), "missing": audit.missing}
    tour.say(str(audit))


def strategy(tour: Tour) -> None:
    """A strategy is a value: its parameters, checked and frozen."""
    import workbench as wb

    tour.bot = wb.controllers.Bollinger(length=50, stop_loss=0.02, take_profit=0.03)
    tour.facts["strategy"] = {"controller": tour.bot.name, "parameters": tour.bot.parameters}
    tour.say(f"     {tour.bot!r}")


def run(tour: Tour) -> None:
    """Backtest it in one compiled pass."""
    import workbench as wb
    from workbench.compiled import is_warm

    if not is_warm():
        tour.say("     compiling the engine, once on this machine: some seconds")
    tour.result = wb.backtest(tour.bot, tour.candles, cash=10_000)
    tour.facts["run"] = {"metrics": tour.result.metrics}
    tour.say(str(tour.result.summary()))


def honesty(tour: Tour) -> None:
    """How far the result can be trusted: the path inside a bar, and a look into the future."""
    tour.facts["honesty"] = {"bounds": tour.result.bounds, "audit": tour.result.audit}
    tour.say(f"{tour.result.bounds}\n{tour.result.audit}")


def report(tour: Tour) -> None:
    """Draw it all into one file for a browser."""
    path = tour.folder / REPORT
    tour.result.report(path)
    tour.facts["report"] = {"file": path}
    tour.say(f"     {path}")


STOPS: list[tuple[str, Callable[[Tour], None]]] = [
    ("Sample candles, made on the spot and ingested into the store", store),
    ("Hourly candles, resampled from the finest stored, and their audit", read),
    ("A strategy is a value", strategy),
    ("One compiled pass over the candles", run),
    ("How far to trust it: every path inside a bar, and a look-ahead test", honesty),
    ("A report for the browser", report),
]
