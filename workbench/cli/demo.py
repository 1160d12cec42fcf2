"""`workbench demo`: a tour of the house on sample data, offline, each stop with its time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from workbench.cli.output import AsJson, answer, table
from workbench.errors import DataError

if TYPE_CHECKING:
    from workbench.backtest import Result
    from workbench.controllers import Controller
    from workbench.market import Candles

VENUE, INSTRUMENT, TIMEFRAME = "sample", "SOL/USDT", "4h"
REPORT = "workbench-demo.html"
LIVELY, SPEED, FILLS, ROWS, PATIENCE_S = "BTC/USDT", 120, 2, 8, 180.0
NEXT = "Next: notebook 01, in `workbench lab` (from a fresh clone: `python bootstrap.py lab`)."


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
    tour.say(
        f"\nDone in {tour.facts['seconds']:.1f} s. Next: notebook 01, in `workbench lab` or `python bootstrap.py lab`."
    )


@contextmanager
def timed(tour: Tour, name: str) -> Iterator[None]:
    """Say and keep how long a stop took."""
    began = time.perf_counter()
    yield
    seconds = time.perf_counter() - began
    tour.facts.setdefault(name, {})["seconds"] = round(seconds, 3)
    tour.say(f"({seconds:.2f} s)")


def store(tour: Tour) -> None:
    """Make the sample set in the store."""
    import workbench as wb

    held = wb.data.sample()
    tour.facts["store"] = {"catalog": held}
    tour.say(table(held))


def ingest(tour: Tour) -> None:
    """Take a file in: here one of our own, which the store has already, so that nothing is doubled."""
    import workbench as wb

    january = wb.candles(VENUE, INSTRUMENT, "1m", end="2023-02-01")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "january.csv"
        january.to_polars().write_csv(file)
        found = wb.data.ingest(file, venue=VENUE, instrument=INSTRUMENT, timeframe="1m")
    tour.facts["ingest"] = {"bars": found.rows, "missing": found.missing}
    tour.say(f"{found.rows:,} bars of january.csv checked; those that the store had already are there once, not twice.")


def read(tour: Tour) -> None:
    """Read candles of four hours, resampled from the finest stored, and judge them."""
    import workbench as wb

    tour.candles = wb.candles(VENUE, INSTRUMENT, TIMEFRAME)
    audit = tour.candles.audit()
    tour.facts["read"] = {"bars": audit.rows, "missing": audit.missing}
    tour.say(str(audit))


def strategy(tour: Tour) -> None:
    """Make a strategy, which is a value: its parameters, checked and frozen."""
    import workbench as wb

    tour.bot = wb.controllers.Bollinger(length=20, stop_loss=0.02, take_profit=0.03, side="long")
    tour.facts["strategy"] = {"controller": tour.bot.name, "parameters": tour.bot.parameters}
    tour.say(f"{tour.bot!r}\nBuy below the lower band; out at a loss of 2 % or a gain of 3 %.")


def run(tour: Tour) -> None:
    """Backtest it in one compiled pass, and once more to see how long that takes when compiled."""
    import workbench as wb

    tour.result = wb.backtest(tour.bot, tour.candles, cash=10_000)
    began = time.perf_counter()
    wb.backtest(tour.bot, tour.candles, cash=10_000, audit=False)
    again = time.perf_counter() - began
    tour.facts["run"] = {"metrics": tour.result.metrics, "again_seconds": again}
    tour.say(f"{len(tour.candles):,} bars, and again, now that all is compiled: {again * 1000:.1f} ms.")


def summary(tour: Tour) -> None:
    """Sum it up."""
    tour.say(str(tour.result.summary()))


def trust(tour: Tour) -> None:
    """How far the result can be trusted: the path inside a bar, a look into the future, the same bits again."""
    import workbench as wb

    result = tour.result
    minutes = wb.candles(VENUE, INSTRUMENT, "1m")
    walked = wb.backtest(tour.bot, tour.candles, cash=10_000, path=minutes, audit=False).metrics["net_profit"]
    again = wb.rerun(result.card)
    tour.facts["trust"] = {"bounds": result.bounds, "walked": walked, "audit": result.audit, "card": result.card}
    tour.say(f"{result.bounds}\nWalked on candles of one minute, which show that path: {walked:,.2f}.\n{result.audit}")
    tour.say(f"Made again from its card: the same to the last bit ({again.card['result'][:12]}…).")


def report(tour: Tour) -> None:
    """Draw it all into one file for a browser."""
    path = tour.result.report(tour.folder / REPORT)
    tour.facts["report"] = {"file": path}
    tour.say(f"{path}")


def flip(tour: Tour) -> None:
    """One word changes: it runs by itself at a simulated venue, survives kill -9, and is held against a backtest."""
    import os
    import signal

    import workbench as wb
    from workbench.connectors import CandleSource, SimulatedVenue
    from workbench.live import Mode, Plan, warm_up

    minutes = wb.candles(VENUE, LIVELY, "1m")
    source, bot = CandleSource(minutes[10_000:13_000]), wb.controllers.SmaCross(fast=2, slow=5, notional=5_000)
    limits = wb.Limits(max_data_age_ms=3_600_000, max_orders_per_minute=10_000)
    # What a runner compiles the first time must not cost it minutes of a market that is this fast.
    warm_up(Plan.make(bot, "binance", [LIVELY], name="demo", mode=Mode.PAPER), bot)
    with SimulatedVenue(sources=source, speed=SPEED, accounts={"trader": {"USDT": 10_000}}) as venue:
        run = wb.paper(bot, "binance", LIVELY, simulated=venue.control_url, name="demo", limits=limits,
                       warm_bars=20, fresh=True)  # fmt: skip
        status = _until(run, lambda told: told.get("is_ready"))
        tour.say(f"A process of its own, {status['pid']}, trades on live prices, a minute in {60 / SPEED:.1f} s.")
        status = _until(run, lambda told: told["row"] >= status["row"] + ROWS and len(venue.control.fills()) >= FILLS)
        os.kill(status["pid"], signal.SIGKILL)
        began = time.perf_counter()
        back = _until(run, lambda told: told.get("is_ready") and told["pid"] != status["pid"])
        seconds = time.perf_counter() - began
        tour.say(f"kill -9 {status['pid']}: {back['pid']} has recovered from the journal {seconds:.1f} s later.")
        known = len(venue.control.fills())
        _until(run, lambda told: told["row"] >= back["row"] + ROWS and len(venue.control.fills()) >= known + FILLS)
        left = run.stop(hold=False)["left"]
        found, ledger = run.parity(), venue.control.fills()
    doubled = len(ledger) - len({fill["trade_id"] for fill in ledger})
    tour.facts["flip"] = {"decisions": found.rows, "equal": found.first is None, "fills": len(ledger),
                          "doubled": doubled, "recovered_seconds": seconds, "left": left}  # fmt: skip
    tour.say(f"{len(ledger)} fills in the venue's ledger, {doubled} of them twice.\nPARITY: {found.verdict}")


def _until(run: Any, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The runner's own status, once it is so; a bounded wait."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        told = run.status()["runner"]
        if told is not None and condition(told):
            return dict(told)
        time.sleep(0.1)
    raise DataError(f"the run `{run.name}` did not come so far in {PATIENCE_S:g} s: {run.status()}. Look at `workbench "
                    f"logs {run.name}`.")  # fmt: skip


STOPS: list[tuple[str, Callable[[Tour], None]]] = [
    ("Sample candles, made on the spot, in the store", store),
    ("A file of candles, ingested", ingest),
    ("Candles of four hours, resampled from the finest stored, and their audit", read),
    ("A strategy is a value", strategy),
    ("One compiled pass over the candles", run),
    ("Its summary", summary),
    ("How far to trust it", trust),
    ("A report for the browser", report),
    ("One word changed: it runs by itself, is killed, and is held against its backtest", flip),
]
