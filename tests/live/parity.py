"""Lockstep parity: `python -m tests.live.parity` (sockets), `--in-process` (without; `--kinds --bars 1000000`).

Every shipped strategy on replayed candles, spot and perpetual, against the backtest of the same bars: orders, fills and
equity, to the bit. One line each; the exit code is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from tests.live.lockstep import Lockstep, differences, reference
from tests.live.model_venue import ModelVenue
from tests.live.wire_venue import WireVenue
from workbench import controllers as c
from workbench.backtest import as_market
from workbench.connectors import Rules, freeze_heap
from workbench.connectors.simulated.symbols import Symbol
from workbench.controllers import Controller
from workbench.live.plan import Plan
from workbench.market import Candles
from workbench.trading import Limits

SHARED = Path(__file__).parents[2].parent / "shared" / "marketdata"
FILES = {
    "BTC/USDT": "binance_BTCUSDT_1m.parquet", "ETH/USDT": "binance_ETHUSDT_1m.parquet",
    "SOL/USDT": "binance_SOLUSDT_1m.parquet", "BTC/USDT:USDT": "binance_BTCUSDT-PERP_1m-2025.parquet",
    "ETH/USDT:USDT": "binance_ETHUSDT-PERP_1m-2025.parquet",
    "SOL/USDT:USDT": "binance_SOLUSDT_1m.parquet",  # no perpetual of it was recorded: spot prices, traded as one
}  # fmt: skip
PRICES = ("open", "high", "low", "close", "volume")
FIRST = 445_000  # of the spot files: November 2022, which had moves
# Steps that a float holds exactly: n·0.01 is not the float nearest to its decimals, and a venue speaks decimals.
TICK, LOT = {"BTC": "0.015625", "ETH": "0.00390625", "SOL": "0.00390625"}, "0.00390625"
FEES = {"spot": {"maker": "0.001", "taker": "0.001", "paid_in": "received"},
        "perpetual": {"maker": "0.0002", "taker": "0.0005", "paid_in": "quote"}}  # fmt: skip
CASH = 1_000_000.0
SAME = "PnL equal to the bit"
KINDS = (
    "bollinger",
    "pmm_simple",
    "dman",
    "grid_strike",
    "stat_arb",
)  # one of each

DEPTH = {"BTC": 0.2, "ETH": 2.0, "SOL": 50.0}  # Avellaneda's: half a spread is about its inverse, in quote currency
ONE: dict[str, Controller] = {
    "sma_cross": c.SmaCross(fast=5, slow=20),
    "bollinger": c.Bollinger(length=30, width=1.5, cooldown=0, stop_loss=0.003, take_profit=0.004, time_limit="45m",
                             notional=200_000),
    "macd_bollinger": c.MacdBollinger(bb_length=20, buy_below=0.4, sell_above=0.6, macd_fast=6, macd_slow=13,
                                      macd_signal=5, cooldown=0, stop_loss=0.004, take_profit=0.006, time_limit="30m",
                                      fraction=0.5),
    "supertrend": c.SuperTrend(length=10, multiplier=1.5, cooldown=0, stop_loss=0.004, take_profit=0.006,
                               time_limit="45m", notional=200_000),
    "pmm_simple": c.PmmSimple(buy_spreads=(0.001, 0.002), sell_spreads=(0.001, 0.002), refresh="3m", total=20_000.0),
    "pmm_dynamic": c.PmmDynamic(buy_spreads=(1.0, 2.0), sell_spreads=(1.0, 2.0), refresh="3m", total=20_000.0),
    "pure_market_making": c.PureMarketMaking(bid_spread=0.001, ask_spread=0.001, order_amount=0.5,
                                             order_refresh_time="3m", may_short=True),
    "dman": c.Dman(length=20, width=1.0, total=20_000.0, cooldown=0, dca_spreads=(0.001, 0.003)),
    "dman_maker": c.DmanMaker(total=20_000.0, dca_spreads=(0.001, 0.003), dca_amounts=(0.5, 0.5), buy_spreads=(0.001,),
                              sell_spreads=(0.001,)),
    "grid_strike": c.GridStrike(start=0.98, end=1.02, limit=0.95, total=20_000.0, min_spread=0.001),
}  # fmt: skip


def one(instrument: str) -> dict[str, Controller]:
    """Strategies of one market."""
    avellaneda = c.AvellanedaMarketMaking(amount=0.5, length=30, depth=DEPTH[instrument.partition("/")[0]],
                                          risk_aversion=0.001, intensity=1.0)  # fmt: skip
    return {**ONE, "avellaneda_market_making": avellaneda}


def two(second: str) -> dict[str, Controller]:
    """Strategies of two markets."""
    return {
        "arbitrage": c.Arbitrage(second=second, amount=0.5, min_profit=-0.01, delay="3m"),
        "stat_arb": c.StatArb(length=60, entry_z=1.0, total=20_000.0, cooldown=0),
        "xemm": c.Xemm(second=second, buy_levels=((0.0005, 500.0),), sell_levels=((0.0005, 500.0),), total=20_000.0,
                       min_profit=0.0),
        "spot_perpetual_arbitrage": c.SpotPerpetualArbitrage(second="BTC/USDT:USDT", amount=0.5, min_opening=0.0,
                                                             min_closing=0.0001, delay="3m"),
    }  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A strategy and its markets."""

    name: str
    bot: Controller
    instruments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name:26}{' + '.join(self.instruments):30}"


def cases() -> Iterator[Case]:
    """Every shipped strategy on every instrument; those of two markets on pairs of them.

    Quotes that follow another market are met only where both have the same price: spot and perpetual of one recording.
    """
    for instrument in FILES:
        yield from (Case(name, bot, (instrument,)) for name, bot in one(instrument).items())
    yield Case("stat_arb", two("ETH/USDT")["stat_arb"], ("BTC/USDT", "ETH/USDT"))
    bots = two("ETH/USDT:USDT")
    yield from (Case(n, bots[n], ("BTC/USDT:USDT", "ETH/USDT:USDT")) for n in ("arbitrage", "stat_arb", "xemm"))
    bots = two("SOL/USDT:USDT")
    yield from (Case(name, bots[name], ("SOL/USDT", "SOL/USDT:USDT")) for name in ("arbitrage", "xemm"))
    yield Case("spot_perpetual_arbitrage", bots["spot_perpetual_arbitrage"], ("BTC/USDT", "BTC/USDT:USDT"))


def rules_of(instrument: str) -> Rules:
    """What the venue lists: its steps are exact in binary.

    On spot a lot is worth more than the minimum: the model lets an exit be smaller than that, and a venue does not.
    """
    base, _, rest = instrument.partition("/")
    quote, _, settle = rest.partition(":")
    fees = FEES["perpetual" if settle else "spot"]
    return Rules(instrument, base, quote, settle or None, Decimal(TICK[base]), Decimal(LOT),
                 min_notional=Decimal(5) if settle else Decimal("0.01"), maker=Decimal(fees["maker"]),
                 taker=Decimal(fees["taker"]))  # fmt: skip


def candles_of(instrument: str, bars: int, *, like: str = "", first: int | None = None) -> Candles:
    """Recorded bars under the lockstep's rules; of a pair, on the stamps of the first one.

    A recording that is too short begins again, and its minutes go on.
    """
    import polars as pl

    frame = pl.read_parquet(SHARED / FILES[instrument])
    start = FIRST if len(frame) > FIRST else 0
    start = start if first is None else first
    rows = (start + np.arange(bars)) % len(frame)
    columns = {name: frame[name].to_numpy().astype(np.float64)[rows] for name in PRICES}
    times = frame["timestamp"].dt.epoch("ms").to_numpy()[rows]
    if start + bars > len(frame):
        times = times[0] + 60_000 * np.arange(bars)
    if like:  # a pair of different recordings walks side by side, under the first one's stamps
        times = candles_of(like, bars).time
    return Candles.trusted(
        times, columns, venue="binance", instrument=rules_of(instrument).instrument(), timeframe="1m"
    )


def plan_of(case: Case, mode: str, **more: Any) -> Plan:
    """The run's plan: no limit of the gate stands in the way."""
    limits = Limits.none().model_dump(mode="json")
    return Plan.make(case.bot, "binance", list(case.instruments), name="lockstep", mode=mode, timeframe="1m", cash=CASH,
                     terms={"leverage": 3.0} if ":" in "".join(case.instruments) else {}, limits=limits, warm_bars=0,
                     **more)  # fmt: skip


def loaded(case: Case, bars: int, first: int | None = None) -> list[Candles]:
    """The candles of a case."""
    mixed = {":" in one for one in case.instruments} == {True, False}
    like = case.instruments[0]
    return [candles_of(one, bars, like=like if mixed and one != like else "", first=first) for one in case.instruments]


def in_process(case: Case, bars: int, first: int | None = None) -> dict[str, Any]:
    """The live session against the model, without a wire."""
    candles, plan = loaded(case, bars, first), plan_of(case, "paper")
    rules = [rules_of(one) for one in case.instruments]
    rates = rates_of(case)
    port = ModelVenue(plan, as_market(candles), rates)
    steps = Lockstep(plan, case.bot, candles, rules, rates, port, ahead=True)
    outcome = straight(steps.run())
    return {**differences(outcome, reference(case.bot, candles, plan, rates[0])), "refusals": outcome.refusals}


async def over_sockets(case: Case, bars: int, first: int | None = None, journal: Any = None) -> dict[str, Any]:
    """The live session against the simulated venue, through unmodified ccxt and sockets of loopback."""
    candles = loaded(case, bars, first)
    rates = rates_of(case)
    plan = plan_of(case, "simulated", account="trader", urls={"binance": {"http": "", "ws": ""}})
    result = reference(case.bot, candles, plan, rates[0])  # first: a loop that compiles hears no pings
    symbols = [symbol_of(one, float(candles[m].close[0])) for m, one in enumerate(case.instruments)]
    async with WireVenue(plan, as_market(candles), symbols, rates) as port:
        rules = [port.connectors[place.door].inner.rules[place.instrument] for place in plan.markets]
        steps = Lockstep(plan, case.bot, candles, rules, rates, port, journal=journal)
        outcome = await steps.run()
        ledger = port.venue.core.ledger.fills("trader")
    told = differences(outcome, result)
    told["first"]["venue's ledger"] = against_ledger(ledger, result.tape.fills)
    return {**told, "refusals": outcome.refusals}


def against_ledger(ledger: list[Any], fills: Any) -> list[str]:
    """What the venue itself has booked and the backtest has not, or the other way round."""
    there = sorted((one.side, float(one.price), float(one.amount), float(one.fee)) for one in ledger)
    here = sorted((int(one["side"]), float(one["price"]), float(one["amount"]), float(one["fee"])) for one in fills)
    unequal = [
        f"{one} at the venue, {other} in the backtest" for one, other in zip(there, here, strict=False) if one != other
    ]
    return unequal[:2] + (
        [f"{len(there)} fills at the venue, {len(here)} in the backtest"] if len(there) != len(here) else []
    )


def symbol_of(instrument: str, price: float) -> Symbol:
    """What the venue lists, with no bound that a strategy could reach."""
    rules = rules_of(instrument)
    made = Symbol.of(rules.instrument(), price)
    return made.changed(max_price=10**9, max_amount=10**9, market_max_amount=10**9, max_notional=10**12, price_up=10**6,
                        price_down=0, max_orders=10**6, min_price=rules.tick)  # fmt: skip


def rates_of(case: Case) -> list[dict[str, str]]:
    """Fees of each market; a backtest has one set of them, of which spot alone takes what is received."""
    kinds = {":" in one for one in case.instruments}
    rates = FEES["perpetual" if True in kinds else "spot"]
    return [{**rates, "paid_in": "received"} if len(kinds) == 2 else rates] * len(case.instruments)


def straight(work: Any) -> Any:
    """Run what never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits for something")


def line(case: Case, told: dict[str, Any], seconds: float) -> str:
    """What came of a case."""
    counts, first = told["counts"], told["first"]
    wrong = {name: said for name, said in first.items() if said}
    pnl = SAME if told["pnl"][0] == told["pnl"][1] else f"PnL {told['pnl']}"
    said = "0 differences, " + pnl if not wrong else f"DIFFERS {wrong} {told['refusals'][:2]}"
    traded = f"{counts['rows']:>9,} bars{counts['orders']:>8,} orders{counts['fills']:>8,} fills"
    return f"{case}{traded}  {said}  {seconds:.1f} s"


def _equal(log: Path | None, bars: int) -> set[str]:
    """The cases that are equal over so many bars, by a log of earlier."""
    lines = log.read_text().splitlines() if log and log.exists() else []
    return {one[:56] for one in lines if f"  0 differences, {SAME}" in one and f"{bars:>9,} bars" in one[56:]}


def main(arguments: list[str] | None = None) -> int:
    """All of them, or those whose names are given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="left out: all")
    parser.add_argument("--kinds", action="store_true", help="one strategy of each kind, on one instrument")
    parser.add_argument("--instrument", help="of these only")
    parser.add_argument("--bars", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=None, help="the first bar of each recording")
    parser.add_argument("--in-process", action="store_true")
    parser.add_argument("--log", type=Path, help="go on from this file: what is equal there is not run again")
    parser.add_argument("--share", default="1/1", help="every second case from the first on: 1/2; the others: 2/2")
    asked = parser.parse_args(arguments)
    if asked.kinds:
        asked.names, asked.instrument = [*KINDS], asked.instrument or "BTC/USDT"
    chosen = [one for one in cases() if not asked.names or one.name in asked.names]
    chosen = [one for one in chosen if asked.instrument in (None, one.instruments[0])]
    which, of = (int(part) for part in asked.share.split("/"))
    chosen = chosen[which - 1 :: of]
    equal = _equal(asked.log, asked.bars)
    done, wrong = sum(str(one) in equal for one in chosen), 0
    in_process(next(cases()), 50)  # compiles what a session steps
    freeze_heap()
    gc.set_threshold(50_000, 20, 100)
    for case in chosen:
        if str(case) in equal:
            continue
        began = time.monotonic()
        done += 1
        try:
            told = in_process(case, asked.bars, asked.first) if asked.in_process else asyncio.run(
                over_sockets(case, asked.bars, asked.first)
            )  # fmt: skip
        except Exception as error:  # one that breaks is a difference, and the others are asked for too
            wrong += 1
            said = f"{case}{type(error).__name__}: {error}"
        else:
            wrong += bool(any(told["first"].values()) or not told["counts"]["fills"])  # nothing filled shows nothing
            said = line(case, told, time.monotonic() - began)
        said = said.replace("\n", " ") + "\n"
        sys.stdout.write(said)
        sys.stdout.flush()
        if asked.log:
            with asked.log.open("a") as file:
                file.write(said)
    sys.stdout.write(f"{done - wrong} of {done} equal to the bit\n")
    return 1 if wrong or not done else 0


if __name__ == "__main__":
    sys.exit(main())
