"""A run that goes on for weeks, in minutes: `python -m tests.live.endurance [--days 30] [--minutes 12]`.

A simulated venue replays made-up five-minute bars so much faster than time passes; the runner, a process of its own,
lives in the market's time. Each virtual day it is asked what it holds: resident memory, asyncio tasks, descriptors,
threads; and the size of its log and of its database. The last two thirds say the slopes: what is warm does not grow.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from workbench.connectors import CandleSource, SimulatedVenue
from workbench.market import Candles, Instrument

from .bench import CALM, MONEY, SPOT, Bench

BOT = Path(__file__).with_name("steady_bot.py")
START_MS, LENGTH_MS, DAY_MS, HISTORY = 1_704_067_200_000, 300_000, 86_400_000, 100
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """What a runner holds on a day."""

    day: float
    rss_mb: float
    tasks: int
    descriptors: int
    threads: int
    log_kb: float
    database_mb: float
    entries: int
    orders: int
    lag_ms: float


class Long(Bench):
    """A venue that replays so many days at a speed, and the run that trades there."""

    def __init__(self, home: Path, days: float, speed: float, seed: int = 1) -> None:
        self.home, self.days, self.pace = home, days, 0.0
        self.venue = SimulatedVenue(sources=CandleSource(made_up(days, seed), history=HISTORY),
                                    accounts={"trader": MONEY}, speed=speed)  # fmt: skip
        self.run = None

    def begin(self, parameters: dict[str, Any]) -> None:
        """Plan the run, tell it where the venue's time is, and start it."""
        self.write(timeframe="5m", warm_bars=50, parameters=parameters, script=BOT, path="Steady", limits={
            **CALM, "max_data_age_ms": 100_000_000,
        })  # fmt: skip
        (self.folder.path / "simulated.json").write_text(json.dumps({"door": self.venue.control_url}))
        self.start()
        self.until(lambda status: status["state"] == "running")

    def sample(self) -> Sample:
        """What the runner holds now."""
        assert self.run is not None
        status, process = self.status(), Path(f"/proc/{self.run.pid}")
        resident = int((process / "statm").read_text().split()[1]) * PAGE
        database = sum(path.stat().st_size for path in self.folder.path.glob("journal.sqlite*") if path.is_file())
        logs = [self.home / "runner.log", *self.folder.logs.glob("*")]
        return Sample(
            (self.venue.clock.now_ms() - START_MS) / DAY_MS, resident / 1e6, status.get("tasks", 0),
            len(os.listdir(process / "fd")), len(os.listdir(process / "task")),
            sum(path.stat().st_size for path in logs if path.is_file()) / 1e3, database / 1e6, status["number"],
            len(self.venue.control.orders()), float(status.get("lag_ms", 0.0)),
        )  # fmt: skip


def made_up(days: float, seed: int) -> Candles:
    """Five-minute bars of a random walk, with history before them."""
    draw, count = np.random.default_rng(seed), int(days * DAY_MS / LENGTH_MS) + HISTORY + 50
    close = 60_000.0 * np.exp(np.cumsum(draw.normal(0.0, 0.001, count)))
    opened = np.concatenate([[60_000.0], close[:-1]])
    high = np.maximum(opened, close) * (1.0 + draw.uniform(0.0, 0.0005, count))
    low = np.minimum(opened, close) * (1.0 - draw.uniform(0.0, 0.0005, count))
    stamps = START_MS + LENGTH_MS * (np.arange(count) - HISTORY)
    volume = draw.uniform(5.0, 50.0, count)
    instrument = Instrument.parse(SPOT, tick=0.01, lot=1e-5)
    return Candles.from_arrays(
        stamps, opened, high, low, close, volume, venue="simulated", instrument=instrument, timeframe="5m"
    )


def slope(days: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> float:
    """Growth a day, by least squares."""
    return float(np.polyfit(days, values, 1)[0])


def play(home: Path, days: float, minutes: float, *, say: Any = lambda line: None) -> tuple[list[Sample], list[str]]:
    """A run of so many days within so many minutes: its samples, and what is wrong at its end."""
    b = Long(home, days, days * 1_440.0 / minutes)
    with b.venue:
        try:
            b.begin({"amount": 0.0004})  # 24 of its 10,000: they last for more than a month
            samples: list[Sample] = []
            while (b.venue.clock.now_ms() - START_MS) / DAY_MS < days:
                time.sleep(minutes * 60.0 / max(days, 12.0))
                samples.append(b.sample())
                say(line(samples[-1]))
            told = b.client.stop(hold=False)
            code = b.ended()
            wrong = b.invariants()
            return samples, [*wrong, *([f"exit code {code}: {told}"] if code else [])]
        finally:
            if b.run is not None and b.run.poll() is None:
                b.kill()


def line(one: Sample) -> str:
    """A row of the table."""
    return (
        f"| {one.day:5.1f} | {one.rss_mb:7.1f} | {one.tasks:3} | {one.descriptors:3} | {one.threads:3} | "
        f"{one.log_kb:8.1f} | {one.database_mb:7.1f} | {one.entries:7,} | {one.orders:5,} | {one.lag_ms:7.1f} |"
    )


def slopes(samples: list[Sample]) -> dict[str, float]:
    """Growth a virtual day of what is held, over the last two thirds."""
    warm = samples[len(samples) // 3 :]
    days = np.array([one.day for one in warm])
    names = ("rss_mb", "tasks", "descriptors", "threads", "log_kb", "database_mb", "entries")
    return {name: slope(days, np.array([getattr(one, name) for one in warm], float)) for name in names}


def main() -> None:
    """Play it, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--minutes", type=float, default=12.0)
    given = parser.parse_args()
    print(f"{given.days:g} days in {given.minutes:g} minutes, {datetime.now(UTC):%Y-%m-%d}")  # noqa: T201
    print("| day | RSS MB | tasks | descriptors | threads | log kB | database MB | entries | orders | lag ms |")  # noqa: T201
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)  # noqa: T201
    with tempfile.TemporaryDirectory(prefix="long-") as home:
        samples, wrong = play(Path(home), given.days, given.minutes, say=lambda text: print(text, flush=True))  # noqa: T201
    print("a day:", {name: round(value, 3) for name, value in slopes(samples).items()})  # noqa: T201
    print("what is wrong:", wrong)  # noqa: T201


if __name__ == "__main__":
    main()
