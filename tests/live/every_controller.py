"""Every shipped strategy, spot and perpetual, through the command line: `python -m tests.live.every_controller`.

Each is started at a simulated venue with lively prices on bars of a second, until the venue has orders of it; it is
stopped, started again under the same id until there are more, and stopped. One line each, and the exit code is 1 if any
of them was not what it should be. The suite runs a sample (`test_every_controller.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.live.running import end_all, until
from workbench.connectors import SeededMarket, SimulatedVenue
from workbench.controllers import registry

SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
MONEY = {"USDT": 1_000_000, "BTC": 5, "ETH": 80, "WBTC": 5}
OTHERS = {"arbitrage": "WBTC", "stat_arb": "ETH", "xemm": "WBTC"}  # the second market, of those that need one
# Bought here and sold there: coins that the account has, and that a spot run does not count as its own.
TERMS = {"arbitrage:spot": ("account=margin",), "xemm:spot": ("account=margin",)}
LIMITS = ("max_data_age_ms=60000", "max_orders_per_minute=100000", "max_oddities=1000")
TRADES_S = 90.0

# A small part of the money, and out of it soon: what holds all that it has trades no more for minutes.
QUICK = ("notional=500.0", "stop_loss=0.001", "take_profit=0.001", "cooldown=0")

# Parameters under which each has something to do within seconds, on bars of a second.
SETTINGS = {
    "sma_cross": ("fast=3", "slow=6"),
    "bollinger": ("length=10", "width=0.5", *QUICK),
    "macd_bollinger": ("bb_length=10", "buy_below=0.5", "sell_above=0.5", "macd_fast=3", "macd_slow=6",
                       "macd_signal=3", *QUICK),
    "supertrend": ("length=5", "multiplier=1.0", *QUICK),
    "pmm_simple": ("buy_spreads=(0.0005,)", "sell_spreads=(0.0005,)", "refresh='3s'", "total=1000.0"),
    "pmm_dynamic": ("buy_spreads=(0.5,)", "sell_spreads=(0.5,)", "refresh='3s'", "total=1000.0", "macd_window=20",
                    "macd_fast=3", "macd_slow=6", "macd_signal=3"),
    "pure_market_making": ("bid_spread=0.0005", "ask_spread=0.0005", "order_amount=0.01", "order_refresh_time='3s'"),
    "avellaneda_market_making": ("amount=0.01", "length=20", "depth=1.5", "risk_aversion=0.00000001"),
    "dman": ("length=10", "width=0.5", "total=1000.0", "cooldown=0", "dca_spreads=(0.0005, 0.001)"),
    "dman_maker": ("total=1000.0", "dca_spreads=(0.0005, 0.001)", "dca_amounts=(0.5, 0.5)", "buy_spreads=(0.0005,)",
                   "sell_spreads=(0.0005,)"),
    "grid_strike": ("start=0.998", "end=1.002", "limit=0.99", "total=500.0", "min_spread=0.0005"),
    "arbitrage": ("amount=0.001", "min_profit=-0.01", "delay='1s'", "imbalance=1000.0"),
    "spot_perpetual_arbitrage": ("amount=0.01", "min_opening=0.0", "min_closing=0.0001", "delay='1s'"),
    "stat_arb": ("length=20", "entry_z=0.5", "total=500.0", "cooldown=0"),
    "xemm": ("buy_levels=((0.0005, 500.0),)", "sell_levels=((0.0005, 500.0),)", "total=1000.0", "min_profit=0.0"),
}  # fmt: skip


def cases() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Name, kind, and instruments of each case."""
    for name in registry():
        if name == "spot_perpetual_arbitrage":
            yield name, "both", (SPOT, PERPETUAL)
            continue
        for kind, first in (("spot", SPOT), ("perpetual", PERPETUAL)):
            yield name, kind, (first, first.replace("BTC", OTHERS[name])) if name in OTHERS else (first,)


def settings(name: str, instruments: tuple[str, ...]) -> list[str]:
    """What a strategy needs to be told."""
    fields = registry()[name].model_fields
    given = [one for one in SETTINGS.get(name, ()) if one.partition("=")[0] in fields]
    for field, market in (("first", 0), ("second", 1)):
        if field in fields and fields[field].is_required() and len(instruments) > market:
            given.append(f"{field}={instruments[market]}")
    return [word for one in given for word in ("--set", one)]


def workbench(*words: object, home: Path) -> tuple[int, Any, str]:
    """One command of the terminal: its exit code, its JSON, its complaint."""
    environment = {**os.environ, "WORKBENCH_HOME": str(home)}
    words_ = [sys.executable, "-m", "workbench", *map(str, words), "--json"]
    done = subprocess.run(words_, capture_output=True, text=True, env=environment, timeout=600, check=False)
    try:
        return done.returncode, json.loads(done.stdout), done.stderr.strip()
    except ValueError:
        return done.returncode, {}, done.stderr.strip()


def lively() -> SimulatedVenue:
    """A venue in which every strategy finds something to do."""
    names = [name.replace("BTC", coin) for name in (SPOT, PERPETUAL) for coin in ("BTC", "WBTC", "ETH")]
    prices = [(name, 60_000 if "BTC" in name else 3_000) for name in names]
    source = SeededMarket(prices, seed=5, rate=6.0, volatility=0.1)
    return SimulatedVenue(sources=[source], accounts={"trader": MONEY})


def orders_at(venue: SimulatedVenue) -> int:
    """How many orders the venue ever had of us, conditional ones too."""
    return sum(len(list(venue.control.orders(perpetual=perpetual))) for perpetual in (False, True))


def trades(venue: SimulatedVenue, before: int) -> bool:
    """Does the venue come to have more orders of it, in a while?"""
    deadline = time.monotonic() + TRADES_S
    while orders_at(venue) <= before and time.monotonic() < deadline:
        time.sleep(0.1)
    return orders_at(venue) > before


def held(run: str, home: Path) -> tuple[int, Any, str]:
    """How a run stands, once its supervisor has answered too, or it is no more at work."""

    def look() -> tuple[int, Any, str] | None:
        code, said, complaint = workbench("status", run, home=home)
        return (code, said, complaint) if code or said.get("supervisor") else None

    found: tuple[int, Any, str] = until(look, 300.0, f"an answer of the supervisor of {run}")
    return found


def warned(said: dict[str, Any]) -> list[str]:
    """The last things that a run warned of, by its status."""
    return [one["text"] for one in ((said.get("runner") or {}).get("warnings") or [])][-4:]


def one(name: str, kind: str, instruments: tuple[str, ...], venue: SimulatedVenue, home: Path) -> str:
    """Start, let it trade, stop, start again, stop: nothing if all of it was right, else what was not."""
    run = f"{name}-{kind}".replace("_", "-")
    chosen = [word for instrument in instruments for word in ("--instrument", instrument)]
    limits = [word for one in LIMITS for word in ("--limit", one)]
    limits += [word for one in TERMS.get(f"{name}:{kind}", ()) for word in ("--term", one)]
    start = ("paper", name, *chosen, "--simulated", venue.control_url, "--name", run, "--timeframe", "1s",
             "--wait", 300, *settings(name, instruments), *limits)  # fmt: skip
    first = ""
    for turn in ("start", "restart"):
        before = orders_at(venue)  # the first may come before the command has returned
        code, said, complaint = workbench(*start, home=home)
        if code or said.get("state") != "running":
            return f"{turn}: {complaint or said.get('state')}"
        if first and said["run"] != first:
            return "it came back under another id"
        first = said["run"]
        if not trades(venue, before):
            _, said, _ = workbench("status", run, home=home)
            row = (said.get("runner") or {}).get("row")
            return f"{turn}: no order within {TRADES_S:g} s, at row {row}: {warned(said)}"
        code, said, complaint = held(run, home)
        if code or said.get("state") != "running" or said["supervisor"]["starts"] != 1:
            return f"{turn}, held: {said.get('state')} {said.get('reason')} {complaint} {warned(said)}"
        code, said, complaint = workbench("stop", run, home=home)
        if code or "left" not in said:  # what it holds may stay; an order may not
            return f"stop after {turn}: {said.get('left')} {complaint}"
        code, said, _ = workbench("status", run, home=home)
        if (code, said.get("state")) != (3, "stopped"):
            return f"after stop: {code} {said.get('state')}"
    return ""


def told(name: str, kind: str, instruments: tuple[str, ...]) -> str:
    """Play a case at a venue and in a home of its own, and print what came of it."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, lively() as venue:
        try:
            said = one(name, kind, instruments, venue, Path(folder))
        finally:
            end_all(Path(folder))
    sys.stdout.write(f"{name:28}{kind:11}{said or 'ok':60}{time.monotonic() - begun:6.1f} s\n")
    sys.stdout.flush()
    return said


def main(arguments: list[str] | None = None) -> int:
    """All of them, or those whose names are given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="left out: all")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no more after so long, and say so")
    parser.add_argument("--workers", type=int, default=1, help="so many side by side, each with a venue of its own")
    asked = parser.parse_args(arguments)
    start = time.monotonic()
    wanted = [case for case in cases() if not asked.names or {case[0], f"{case[0]}:{case[1]}"} & set(asked.names)]

    def play(case: tuple[str, str, tuple[str, ...]]) -> str | None:
        return told(*case) if time.monotonic() - start <= asked.seconds else None

    with ThreadPoolExecutor(asked.workers) as pool:
        said = list(pool.map(play, wanted))
    done, left_out = len(said) - said.count(None), said.count(None)
    wrong = done - said.count("")
    late = f"; {left_out} not begun in time" if left_out else ""
    sys.stdout.write(f"{done - wrong} of {done} started, traded, stopped and restarted{late}\n")
    return 1 if wrong or left_out or not done else 0


if __name__ == "__main__":
    sys.exit(main())
