"""Every shipped controller as a run: started, stopped and started again at a simulated venue.

`python -m tests.live.shipped` plays them all and prints a line for each; the tests play some.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from workbench import controllers as c
from workbench.connectors import SeededMarket, SimulatedVenue, SystemClock
from workbench.controllers import Controller
from workbench.live import Plan, run_folder
from workbench.live.runner import Runner

SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
LIMITS = {"max_data_age_ms": 60_000, "max_orders_per_minute": 100_000, "max_oddities": 1_000}
WARM = 60
SECONDS = 40.0

# With parameters under which it has something to do within seconds.
BOTS: dict[str, Controller] = {
    "sma_cross": c.SmaCross(fast=3, slow=6),
    "bollinger": c.Bollinger(length=10, width=0.5, cooldown=0),
    "macd_bollinger": c.MacdBollinger(bb_length=10, macd_fast=3, macd_slow=6, macd_signal=3, cooldown=0),
    "supertrend": c.SuperTrend(length=5, multiplier=1.0, cooldown=0),
    "pmm_simple": c.PmmSimple(buy_spreads=(0.0005,), sell_spreads=(0.0005,), refresh="3s", total=1000.0),
    "pmm_dynamic": c.PmmDynamic(buy_spreads=(0.5,), sell_spreads=(0.5,), refresh="3s", total=1000.0, macd_window=20),
    "pure_market_making": c.PureMarketMaking(bid_spread=0.0005, ask_spread=0.0005, order_amount=0.01,
                                             order_refresh_time="3s", may_short=True),
    "avellaneda_market_making": c.AvellanedaMarketMaking(amount=0.01, length=20, depth=1.5),
    "dman": c.Dman(length=10, width=0.5, total=1000.0, cooldown=0, dca_spreads=(0.0005, 0.001)),
    "dman_maker": c.DmanMaker(total=1000.0, dca_spreads=(0.0005, 0.001), dca_amounts=(0.5, 0.5), buy_spreads=(0.0005,),
                              sell_spreads=(0.0005,)),
    "grid_strike": c.GridStrike(start=0.998, end=1.002, limit=0.99, total=500.0, min_spread=0.0005),
}  # fmt: skip
PAIRS: dict[str, Controller] = {
    "arbitrage": c.Arbitrage(second=PERPETUAL, amount=0.01, min_profit=-0.01, delay="1s"),
    "spot_perpetual_arbitrage": c.SpotPerpetualArbitrage(second=PERPETUAL, amount=0.01, min_opening=0.0,
                                                         min_closing=0.0001, delay="1s"),
    "stat_arb": c.StatArb(length=20, entry_z=0.5, total=500.0, cooldown=0),
    "xemm": c.Xemm(second=PERPETUAL, buy_levels=((0.0005, 500.0),), sell_levels=((0.0005, 500.0),), total=1000.0,
                   min_profit=0.0),
}  # fmt: skip


async def play(name: str, instruments: tuple[str, ...], home: Path) -> dict[str, Any]:
    """Start, let it trade, stop, start again, stop; what came of it."""
    bot = {**BOTS, **PAIRS}[name]
    source = SeededMarket([(SPOT, 60_000), (PERPETUAL, 60_000)], seed=5, rate=10, volatility=0.1)
    async with SimulatedVenue(sources=source, accounts={"trader": {"USDT": 1_000_000, "BTC": 5}}) as venue:
        plan = _plan(bot, instruments, venue, name.replace("_", "-"))
        folder = run_folder(home, plan.name)
        plan.write(folder.path)
        account, codes, orders = venue.account(), [], 0
        for _ in range(2):
            runner = Runner(
                plan, folder, SystemClock(), {"binance:main": {"key": account.key, "secret": account.secret}},
                log=io.StringIO(),
            )  # fmt: skip
            working = asyncio.ensure_future(runner.run())
            last = await _until_traded(runner, working, orders)
            told = await runner.stop(hold=False) if not working.done() else {"left": ["it had ended"]}
            codes.append(await working)
            orders = len(venue.control.orders()) + len(venue.control.orders(perpetual=True))
        said = [one["text"] for one in last["warnings"]]
        return {"codes": codes, "orders": orders, "left": told["left"], "warnings": said}


async def _until_traded(runner: Runner, working: Any, before: int) -> dict[str, Any]:
    """A few rows after the bot began to speak, and with an order if it makes one."""
    status: dict[str, Any] = {"state": "starting", "warnings": []}
    for _ in range(int(SECONDS * 20)):
        status = runner.status()
        if working.done() or (status["state"] == "running" and status["row"] > WARM + 8):
            break
        await asyncio.sleep(0.05)
    return status


def _plan(bot: Controller, instruments: tuple[str, ...], venue: SimulatedVenue, name: str) -> Plan:
    urls = {
        f"binance:{kind}": {"http": url, "ws": url.replace("http", "ws")}
        for kind, url in (("spot", venue.spot_url), ("perpetual", venue.futures_url))
    }
    return Plan.make(
        bot, "binance", list(instruments), name=name, mode="simulated", timeframe="1s", warm_bars=WARM, urls=urls,
        limits=LIMITS,
    )  # fmt: skip


def settings() -> list[tuple[str, tuple[str, ...]]]:
    """Each controller on each kind of market that it can trade."""
    one = [(name, (instrument,)) for name in BOTS for instrument in (SPOT, PERPETUAL)]
    return [*one, *((name, (SPOT, PERPETUAL)) for name in PAIRS)]


def main() -> None:
    """Play all, or those that are named."""
    for name, instruments in settings():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory(prefix="shipped-") as home:
            told = asyncio.run(play(name, instruments, Path(home)))
            print(f"{name} on {' and '.join(instruments)}: {told}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
