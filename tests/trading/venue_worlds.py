"""Cases with purses, for the compiled engine, and what became of purses and funding in either."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.backtest.engine import Tape, locked
from workbench.trading import FUNDING, PAYMENT, TIER, Extra, FillModel, PurseKind, World, new_purse_world

from .reference import Outcome, Settings
from .scenarios import MINUTE, Scenario

MODELS = (
    "half_spread", "impact", "participation", "queue", "intensity", "decay", "dt", "fee_purse", "discount", "purse",
    "leverage", "liquidation_fee", "max_amount", "submit_ms", "cancel_ms", "report_ms",
)  # fmt: skip


def as_purse_world(settings: Settings, plain: World, timeframes: tuple[int, ...] = ()) -> World:
    """The world of a case: a plain one under the same settings, and what it has beyond."""
    n = len(settings.markets)
    world = new_purse_world(n_markets=n, cash=[purse.cash for purse in settings.purses])
    for name in ("latency", "path", "log_quotes", "policy", "configs", "n_configs"):
        world[name] = plain[name]
    world["fill"], world["seed"] = FillModel[settings.fill.upper()], settings.seed
    for place, terms in enumerate(settings.purses):
        purse = world["purses"][0][place : place + 1]
        purse["kind"], purse["hedge"], purse["leverage"] = PurseKind[terms.kind.upper()], terms.hedge, terms.leverage
        purse["rate"], purse["max_age_ms"], purse["n_tiers"] = terms.rate, terms.max_age_ms, len(terms.fee_tiers)
        for i, tier in enumerate(terms.fee_tiers):
            purse["fee_tiers"][0, i] = tier
        purse["volumes"][0, -1] = terms.volume
    place_controllers(world, settings)
    markets = world["markets"][0]
    for name in ("tick", "lot", "min_amount", "min_notional", "slippage", "fee_received"):
        markets[name][:n] = plain["markets"][0][name][:n]
    for m, one in enumerate(settings.markets):
        markets["timeframe_ms"][m] = timeframes[m] if timeframes else MINUTE
        for name in MODELS:
            markets[name][m] = getattr(one, name)
        markets["maker"][m] = settings.maker if one.maker is None else one.maker
        markets["taker"][m] = settings.taker if one.taker is None else one.taker
        markets["slippage"][m] = settings.slippage if one.slippage is None else one.slippage
        markets["fee_received"][m] = settings.fees_in_received and settings.purses[one.purse].kind != "perpetual"
        markets["n_tiers"][m] = len(one.tiers)
        tiers = [(tier.floor, tier.maintenance, tier.deduction, tier.max_leverage) for tier in one.tiers]
        markets["tiers"][m, : len(tiers)] = np.array(tiers, TIER)
        if one.initial:
            markets["position"][m], markets["entry"][m] = one.initial, one.initial_entry
            owner = world["controllers"][0, 0]
            owner["position"][m], owner["flow"][m] = one.initial, -one.initial * one.initial_entry
    return world


def place_controllers(world: World, settings: Settings) -> None:
    """The levels, policy and stops of each controller."""
    world["n_controllers"], world["max_drawdown"] = len(settings.controllers), settings.max_drawdown
    for place, terms in enumerate(settings.controllers):
        one = world["controllers"][0, place : place + 1]
        one["first_level"], one["n_levels"] = terms.first_level, terms.n_levels
        one["max_drawdown"] = terms.max_drawdown
        for name in world["policy"].dtype.names or ():
            one["policy"][name] = getattr(terms.policy, name)
        world["owners"][0, terms.first_level : terms.first_level + terms.n_levels] = place


def as_extra(world: World, case: Scenario) -> Extra:
    """Volumes, marks, funding and rates as arrays; funding by market, then time, without what came too early."""
    bars, n_markets, n_rows = case.bars, len(case.settings.markets), len(case.bars.time)
    nothing = locked(np.zeros((0, 0)))
    marks = np.full((4, n_markets, n_rows), np.nan)
    for m, series in enumerate(bars.marks):
        for row, bar in enumerate(series):
            if bar is not None:
                marks[:, m, row] = bar
    stamps = []
    markets = world["markets"][0]
    for m in range(n_markets):
        markets["next_stamp"][m] = len(stamps)
        due = [(round_ms(one.time_ms), m, one.rate, one.mark) for one in case.settings.funding if one.market == m]
        opened = bars.time[0] + bars.timeframe_ms - (bars.timeframes[m] if bars.timeframes else bars.timeframe_ms)
        stamps += [one for one in due if one[0] >= opened]
        markets["end_stamp"][m] = len(stamps)
    rates, known = np.full((len(bars.rates), n_rows), np.nan), np.zeros((len(bars.rates), n_rows), np.int64)
    for purse, news in enumerate(bars.rates):
        for row, one in enumerate(news):
            if one is not None:
                rates[purse, row], known[purse, row] = one
    volume = locked(np.array(bars.volume, float)) if bars.volume else nothing
    planes = [locked(plane) for plane in marks] if bars.marks else [nothing] * 4
    funding = locked(np.array(stamps, FUNDING))
    return Extra(volume, *planes, funding, np.zeros(len(stamps), PAYMENT), locked(rates), locked(known))


def round_ms(time_ms: int) -> int:
    return (time_ms + 500) // 1000 * 1000


# Stories ------------------------------------------------------------------------------------------------------


def venue_story(tape: Tape) -> dict[str, list[tuple[Any, ...]]]:
    """Funding paid and every purse and leg as it ended, of the compiled engine."""
    if tape.payments is None:
        return {}
    world = tape.world
    purses = world["purses"][0][: int(world["n_purses"][0])]
    markets = world["markets"][0][: int(world["n_markets"][0])]
    return {
        "payments": [tuple(one.tolist()) for one in tape.payments],
        "balances": [tuple(markets["position"].tolist())],
        "purses": [(float(one["quote"]), float(one["insurance"]), float(one["rate"])) for one in purses],
        "markets": [(float(one["mark"]), float(one["basis"]), *one["legs"].tolist()) for one in markets],
        "controllers": [
            (float(one["pnl"]), int(one["stopped_row"]), *one["position"][: len(markets)].tolist(),
             *one["flow"][: len(markets)].tolist())
            for one in world["controllers"][0][: int(world["n_controllers"][0])]
        ],
        "counts": [
            (
                int(world["liquidations"][0]), markets["gaps"].tolist(), int(world["rows_without_rate"][0]),
                int(world["rows_with_old_rate"][0]),
            )
        ],
    }  # fmt: skip


def plain_venue_story(outcome: Outcome) -> dict[str, list[tuple[Any, ...]]]:
    """The same of the plain engine."""
    world = outcome.world
    if not world.settings.purses:
        return {}
    hedged = [world.is_hedged(m) for m in range(len(world.marks))]
    legs = [(one[1], one[-1]) if is_hedged else (0.0, 0.0) for one, is_hedged in zip(world.legs, hedged, strict=True)]
    return {
        "payments": [
            (one.row, one.market, one.time_ms, one.rate, one.mark, one.position, one.amount)
            for one in world.payments
        ],
        "balances": [tuple(outcome.positions)],
        "purses": [(one.quote, one.insurance, one.rate) for one in world.purses],
        "markets": [
            (mark, basis, *leg) for mark, basis, leg in zip(world.marks, world.basis, legs, strict=True)
        ],
        "controllers": [
            (one.pnl, one.stopped_row, *one.position, *one.flow)
            for one in (world.controllers if world.settings.controllers else [])
        ],
        "counts": [
            (len(world.liquidations), list(world.funding_gaps), world.rows_without_rate, world.rows_with_old_rate)
        ],
    }  # fmt: skip
