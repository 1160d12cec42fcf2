"""Random cases for what issue 3 brought: every executor, purse, matching model and clock, drawn together.

`wide_scenario(seed)` is the same case for ever as long as this file and scenarios.py do not change. What is rare alone
(a ladder that is refused, a leg that is missing, a liquidation beside a stop) is drawn often enough to meet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from workbench.market.codes import BUY, FLAT, SELL, OrderKind

from .reference import (
    NAN,
    Action,
    Bars,
    Config,
    ControllerTerms,
    ExecutorKind,
    Funding,
    LegPolicy,
    Market,
    Mode,
    PurseTerms,
    Settings,
    Target,
    Tier,
)
from .scenarios import (
    KINDS,
    MINUTE,
    WISHES,
    Row,
    Scenario,
    random_bars,
    random_market,
    random_policy,
    random_prices,
    random_settings,
    random_size,
)

FILLS = ("touch", "touch", "through", "queue", "intensity")
LATENCIES = (0, 0, 0, 400, 20_000, 90_000)
FAMILIES = ("create", "create", "create", "create", "executors", "quotes", "hold")


@dataclass(frozen=True, slots=True)
class Scene:
    """What the parts of a case have in common."""

    rng: Random
    n_rows: int
    n_markets: int
    unit: float
    start: float

    def one_in(self, n: int) -> bool:
        return self.rng.randrange(n) == 0


def wide_scenario(seed: int) -> Scenario:
    """The case of a seed: 5 to 60 rows, one to three markets, one to five levels, one to three controllers."""
    rng = Random(seed + 10**9)
    unit, start = rng.choice(((1.0, 100.0), (0.5, 20.0), (1.0, 50.0)))
    scene = Scene(rng, rng.randint(5, 60), rng.choice((1, 1, 2, 2, 3)), unit, start)
    timeframes = wide_timeframes(scene)
    bars = wide_bars(scene, timeframes)
    settings = wide_settings(scene, seed)
    bars = with_rates(scene, bars, settings)
    decisions = wide_decisions(scene, bars, settings)
    return Scenario(seed, bars, decisions, settings)


# Bars -------------------------------------------------------------------------------------------------------------


def wide_timeframes(scene: Scene) -> tuple[int, ...]:
    if scene.n_markets == 1 or not scene.one_in(4):
        return ()
    return (MINUTE, *(scene.rng.choice((MINUTE, 3 * MINUTE)) for _ in range(scene.n_markets - 1)))


def wide_bars(scene: Scene, timeframes: tuple[int, ...]) -> Bars:
    """Candles with volume, some with marks; a longer bar lies in the row in which it closes."""
    bars = random_bars(scene.rng, scene.n_rows, scene.n_markets, scene.unit, scene.start)
    columns = [[list(series) for series in part] for part in (bars.open, bars.high, bars.low, bars.close)]
    for market, timeframe in enumerate(timeframes):
        for row in range(scene.n_rows):
            if (row + 1) * MINUTE % timeframe:
                for part in columns:
                    part[market][row] = NAN
    volume = [[float(scene.rng.choice((0, 1, 3, 10, 40))) for _ in bars.time] for _ in range(scene.n_markets)]
    whole = Bars(bars.time, MINUTE, *columns, volume=volume, timeframes=timeframes)
    return replace(whole, marks=wide_marks(scene, whole)) if scene.one_in(2) else whole


def wide_marks(scene: Scene, bars: Bars) -> list[list[tuple[float, ...] | None]]:
    """Marks a little beside the candles, with holes."""
    table: list[list[tuple[float, ...] | None]] = []
    for market in range(scene.n_markets):
        shift = scene.rng.choice((-0.5, 0.0, 0.25)) * scene.unit
        table.append([])
        for row in range(scene.n_rows):
            bar = tuple(part[market][row] for part in (bars.open, bars.high, bars.low, bars.close))
            is_hole = math.isnan(bar[0]) or scene.one_in(6)
            table[-1].append(None if is_hole else tuple(price + shift for price in bar))
    return table


def with_rates(scene: Scene, bars: Bars, settings: Settings) -> Bars:
    """Rates of the purses that are not of the reporting currency: late, old or not at all."""
    if len(settings.purses) < 2:
        return bars
    rates: list[list[tuple[float, int] | None]] = [[None] * scene.n_rows for _ in settings.purses]
    for purse in range(1, len(settings.purses)):
        for row, stamp in enumerate(bars.time):
            if scene.one_in(3):
                rates[purse][row] = (scene.rng.choice((0.98, 1.0, 1.01, 1.05)), int(stamp))
    return replace(bars, rates=rates)


# Settings ---------------------------------------------------------------------------------------------------------


def wide_settings(scene: Scene, seed: int) -> Settings:
    rng = scene.rng
    plain = random_settings(rng, scene.n_markets, scene.unit, scene.start)
    purses = wide_purses(scene, plain.cash)
    trading = [place for place, purse in enumerate(purses) if place < 2]
    markets = tuple(
        wide_market(scene, random_market(rng, base, scene.unit, scene.start), rng.choice(trading), purses)
        for base in range(scene.n_markets)
    )
    return replace(
        plain,
        markets=markets,
        latency=plain.latency if scene.one_in(3) and not any(one.submit_ms for one in markets) else 0,
        fill=rng.choice(FILLS),
        purses=purses,
        controllers=wide_controllers(scene),
        configs=tuple(wide_config(scene) for _ in range(rng.randint(4, 8))),
        funding=wide_funding(scene, [base for base, one in enumerate(markets) if is_perpetual(one, purses)]),
        max_drawdown=plain.cash * 0.1 if scene.one_in(12) else 0.0,
        seed=seed,
    )


def wide_purses(scene: Scene, cash: float) -> tuple[PurseTerms, ...]:
    """One or two that trade, and sometimes a coin to pay fees with."""
    purses = [wide_purse(scene, cash, 1.0)]
    if scene.one_in(2):
        purses.append(wide_purse(scene, cash, scene.rng.choice((1.0, 1.0, NAN))))
        if scene.one_in(2):
            purses.append(PurseTerms(scene.rng.choice((0.05, 100.0)), rate=scene.rng.choice((2.0, NAN))))
    return tuple(purses)


def wide_purse(scene: Scene, cash: float, rate: float) -> PurseTerms:
    kind = scene.rng.choice(("spot", "margin", "perpetual", "perpetual"))
    tiers = ((0.0, 0.001, 0.002), (cash * 0.5, 0.0, 0.001)) if scene.one_in(3) else ()
    return PurseTerms(
        cash,
        kind,
        leverage=scene.rng.choice((1.0, 2.0, 5.0)) if kind == "margin" else 1.0,
        hedge=kind == "perpetual" and scene.one_in(2),
        rate=rate,
        max_age_ms=scene.rng.choice((0, 0, 5 * MINUTE)),
        fee_tiers=tiers,
    )


def wide_market(scene: Scene, plain: Market, purse: int, purses: tuple[PurseTerms, ...]) -> Market:
    rng, is_perpetual = scene.rng, purses[purse].kind == "perpetual"
    coin = len(purses) - 1 if len(purses) == 3 and scene.one_in(2) else -1
    starts_with = purses[purse].kind == "spot" and scene.one_in(2)
    return replace(
        plain,
        purse=purse,
        max_amount=rng.choice((0.0,) * 8 + (3.0, 50.0)),
        maker=rng.choice((None, None, -0.0001)),
        half_spread=rng.choice((0.0, 0.0, 0.002)),
        impact=rng.choice((0.0, 0.0, 0.05)),
        participation=rng.choice((0.0, 0.0, 0.5, 0.1)),
        queue=rng.choice((0.0, 0.3, 1.0)),
        intensity=2.0,
        decay=0.5 / scene.unit,
        dt=rng.choice((0.1, 0.3)),
        fee_purse=coin,
        discount=0.25 if coin >= 0 else 0.0,
        submit_ms=rng.choice(LATENCIES),
        cancel_ms=rng.choice(LATENCIES),
        report_ms=rng.choice(LATENCIES),
        leverage=rng.choice((1.0, 5.0, 20.0, 20.0)) if is_perpetual else 1.0,
        tiers=wide_tiers(scene) if is_perpetual else (),
        liquidation_fee=rng.choice((0.0, 0.01)) if is_perpetual else 0.0,
        initial=rng.choice((1.0, 20.0)) if starts_with else 0.0,
        initial_entry=scene.start if starts_with else NAN,
    )


def wide_tiers(scene: Scene) -> tuple[Tier, ...]:
    if scene.one_in(3):
        return ()
    floor = scene.start * scene.rng.choice((20.0, 100.0, 400.0))
    return (Tier(0.0, 0.01, 0.0, 50.0), Tier(floor, 0.025, floor * 0.015, 10.0))


def wide_controllers(scene: Scene) -> tuple[ControllerTerms, ...]:
    n = scene.rng.choice((1, 1, 2, 3))
    return tuple(
        ControllerTerms(
            first_level=8 * place,
            n_levels=8,
            policy=random_policy(scene.rng),
            max_drawdown=scene.start * scene.rng.choice((0.2, 2.0)) if scene.one_in(12) else 0.0,
            every_ms=2 * MINUTE if scene.one_in(8) else 0,
        )
        for place in range(n)
    )


def is_perpetual(market: Market, purses: tuple[PurseTerms, ...]) -> bool:
    return purses[market.purse].kind == "perpetual"


def wide_funding(scene: Scene, markets: list[int]) -> tuple[Funding, ...]:
    """Stamps on rows, beside them by some ms, and inside them; some without a rate."""
    if scene.one_in(2):
        return ()
    stamps = []
    for market in markets:
        for row in range(0, scene.n_rows, scene.rng.choice((3, 8))):
            off = scene.rng.choice((0, 0, 7, -3, 25_000))
            rate = scene.rng.choice((0.0001, -0.0003, 0.01, 0.01, NAN))
            mark = scene.rng.choice((NAN, NAN, scene.start))
            stamps.append(Funding(1_700_000_040_000 + row * MINUTE + off, market, rate, mark))
    return tuple(stamps)


# Configs ------------------------------------------------------------------------------------------------------------


def wide_config(scene: Scene) -> Config:
    """One config that any kind can use: prices are fractions of the target's price, amounts of its size."""
    config = sound_config(scene)
    return replace(config, **scene.rng.choice(ODD)) if scene.one_in(12) else config


ODD: tuple[dict[str, Any], ...] = (
    {"kind": OrderKind.STOP},
    {"start": 1.0, "end": 1.0},
    {"trailing_activation": 0.02, "trailing_delta": NAN},
    {"distance": 0.02, "refresh": NAN},
    {"max_open": 0},
    {"amounts": (1.0, -1.0), "prices": (1.0, 1.0)},
    {"total": math.inf},
    {"interval_ms": 0},
)


def sound_config(scene: Scene) -> Config:
    rng = scene.rng
    n = rng.randint(1, 4)
    gaps = sorted(rng.choice((0.0, 0.01, 0.02, 0.05)) for _ in range(n))
    side = rng.choice((1, 1, -1))  # of the ladder and the limit; a target of the other side finds it odd
    activation, delta = rng.choice(((NAN, NAN), (NAN, NAN), (0.01, 0.01), (0.05, 0.02)))
    low, high = rng.choice(((0.95, 1.02), (0.98, 1.05), (0.9, 1.1)))
    distance, refresh = rng.choice(((NAN, NAN), (NAN, NAN), (NAN, NAN), (0.0, 0.005), (0.01, 0.01)))
    return Config(
        kind=rng.choice((OrderKind.LIMIT, OrderKind.POST_ONLY)),
        mode=rng.choice(tuple(Mode)),
        retries=rng.choice((0, 2, 10)),
        keep=rng.random() < 0.5,
        net_of_fees=rng.random() < 0.3,
        take_profit_kind=rng.choice((OrderKind.MARKET, OrderKind.LIMIT)),
        stop_loss=rng.choice((NAN, 0.02, 0.05)),
        take_profit=rng.choice((NAN, 0.01, 0.02, 0.05)),
        trailing_activation=activation,
        trailing_delta=delta,
        time_limit_ms=rng.choice((0, 0, 3 * MINUTE, 15 * MINUTE)),
        bound=rng.choice((NAN, NAN, NAN, 0.01, 0.03)),
        distance=distance,
        refresh=refresh,
        prices=tuple(1.0 - side * gap for gap in gaps),
        amounts=tuple(rng.choice((0.1, 0.3, 1.0)) for _ in range(n)),
        start=low,
        end=high,
        limit=rng.choice((NAN, NAN, NAN, 0.85 if side > 0 else 1.15)),
        total=rng.choice((0.3, 1.0, 2.0)),
        min_spread=rng.choice((0.005, 0.01, 0.05)),
        min_order=scene.start * rng.choice((0.1, 0.5)),
        safe=rng.choice((0.0001, 0.01)),
        coerce=rng.random() < 0.5,
        max_open=rng.choice((1, 3, 5)),
        max_batch=rng.choice((0, 0, 1)),
        frequency_ms=rng.choice((0, 0, 2 * MINUTE)),
        duration_ms=rng.choice((0, 5 * MINUTE, 10 * MINUTE)),
        interval_ms=rng.choice((MINUTE, 2 * MINUTE, 90_000)),
        resubmit_ms=rng.choice((0, 0, 2 * MINUTE)),
        buffer=rng.choice((0.0, 0.005, 0.01)),
        market2=rng.randrange(scene.n_markets),
        amount=rng.choice((0.02, 0.1)),
        min_profit=rng.choice((-0.05, -0.01, 0.001, 0.01)),
        target_profit=rng.choice((0.001, 0.01, 0.02)),
        max_profit=rng.choice((NAN, 0.02, 0.05)),
        policy=rng.choice(tuple(LegPolicy)),
    )


# Decisions ----------------------------------------------------------------------------------------------------------


def wide_decisions(scene: Scene, bars: Bars, settings: Settings) -> list[Row]:
    """Each level keeps its controller, market and family, and is silent in most rows."""
    levels = []
    for controller in range(len(settings.controllers)):
        for place in range(scene.rng.randint(1, 3)):
            levels.append((controller, place, scene.rng.randrange(scene.n_markets), scene.rng.choice(FAMILIES)))
    busy = scene.rng.choice((0.1, 0.25, 0.5))
    return [wide_row(scene, row, bars, settings, levels, busy) for row in range(scene.n_rows)]


def wide_row(
    scene: Scene, row: int, bars: Bars, settings: Settings, levels: list[tuple[int, int, int, str]], busy: float
) -> Row:
    targets = []
    for controller, place, market, family in levels:
        if scene.rng.random() >= busy:
            continue
        known = [price for price in bars.close[market][: row + 1] if not math.isnan(price)]
        last = known[-1] if known else scene.start
        wish = wide_wish(scene, market, family, settings, last)
        targets.append(replace(wish, level=place, controller=controller))
    return targets


def wide_wish(scene: Scene, market: int, family: str, settings: Settings, last: float) -> Target:
    if family != "create":
        wish = WISHES[family](scene.rng, market, settings, last, scene.unit)
        is_cut = family == "quotes" and scene.one_in(5)
        return replace(wish, reduce=True) if is_cut else wish
    if scene.one_in(10):
        return Target(Action.STOP, market, keep=scene.rng.random() < 0.5)
    if scene.one_in(25):
        return Target(Action.CLOSE, market, scene.rng.choice((FLAT, BUY, SELL)), keep=scene.rng.random() < 0.5)
    return create_wish(scene, market, settings, last)


def create_wish(scene: Scene, market: int, settings: Settings, last: float) -> Target:
    rng = scene.rng
    kinds = [kind for kind in ExecutorKind if kind != ExecutorKind.LP]
    if scene.n_markets == 1:
        kinds = [kind for kind in kinds if kind not in (ExecutorKind.ARBITRAGE, ExecutorKind.XEMM)]
    executor, side = rng.choice(kinds), rng.choice((BUY, BUY, SELL))
    wish = Target(Action.CREATE, market, side, executor=executor, config=rng.randrange(len(settings.configs)))
    if executor in (ExecutorKind.ARBITRAGE, ExecutorKind.XEMM):
        return replace(wish, size=round(settings.cash / last, 1))
    if executor not in (ExecutorKind.POSITION, ExecutorKind.ORDER):
        return replace(wish, price=last, size=rng.choice((0.1, 0.3)) * settings.cash)
    is_plain = scene.one_in(2)
    bounded = not (is_plain or math.isnan(settings.configs[wish.config].bound))
    limits = (OrderKind.LIMIT, OrderKind.POST_ONLY)
    kind = rng.choice(limits if bounded else (OrderKind.MARKET, *limits, *KINDS))
    price, trigger = random_prices(rng, kind, side, last, scene.unit)
    size, sizing = random_size(rng, settings, last)
    leverage = settings.markets[market].leverage * rng.choice((0.2, 0.6, 0.9))
    return replace(
        wish, kind=kind, price=price, trigger=trigger, size=size * max(leverage, 1.0), sizing=sizing,
        config=-1 if is_plain else wish.config, reduce=executor == ExecutorKind.ORDER and scene.one_in(6),
    )  # fmt: skip
