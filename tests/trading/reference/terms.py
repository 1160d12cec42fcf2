"""What a run is given: bars, terms of markets, purses and controllers, configs and targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from workbench.market.codes import FLAT, OrderKind, Sizing

NAN = math.nan
NEVER = 2**62
MOST_REPEATS = 10
RESTING = (OrderKind.LIMIT, OrderKind.POST_ONLY, OrderKind.STOP_LIMIT)
STOPS = (OrderKind.STOP, OrderKind.STOP_LIMIT)


class Action(IntEnum):
    """What one target record asks for; parts 5 and 8."""

    NONE = 0
    ENTER = 1
    CLOSE = 2
    QUOTE = 3
    HOLD = 4
    CREATE = 5
    STOP = 6


class ExecutorKind(IntEnum):
    """Which state machine (8.1)."""

    POSITION = 0
    ORDER = 1
    DCA = 2
    GRID = 3
    TWAP = 4
    ARBITRAGE = 5
    XEMM = 6
    LP = 7


class Mode(IntEnum):
    """How a DCA or TWAP enters."""

    MAKER = 0
    TAKER = 1


class LegPolicy(IntEnum):
    """What becomes of an arbitrage with one leg filled (12.1)."""

    COMPLETE = 0
    UNWIND = 1


@dataclass(frozen=True, slots=True)
class Bars:
    """Candles on one time grid: `open[market][row]` and so on; NaN where a market has no bar in a row.

    Row `t` closes at `time[t] + timeframe_ms`; a market's own timeframe says when a bar that closes there opened.
    """

    time: Sequence[int]
    timeframe_ms: int
    open: Sequence[Sequence[float]]
    high: Sequence[Sequence[float]]
    low: Sequence[Sequence[float]]
    close: Sequence[Sequence[float]]
    volume: Sequence[Sequence[float]] = ()
    timeframes: tuple[int, ...] = ()  # one a market; empty: all as `timeframe_ms`
    marks: Sequence[Sequence[tuple[float, ...] | None]] = ()  # (open, high, low, close) of the mark, by market and row
    rates: Sequence[Sequence[tuple[float, int] | None]] = ()  # (rate, known at) by purse and row; part 25


@dataclass(frozen=True, slots=True)
class Tier:
    """A bracket of maintenance margin (part 18)."""

    floor: float
    maintenance: float
    deduction: float = 0.0
    max_leverage: float = math.inf


@dataclass(frozen=True, slots=True)
class Market:
    """What a venue asks of prices and amounts, and how it is modelled; 0: no such rule.

    `base` is the index of its base currency. Fees and slippage that are None are those of the settings.
    """

    base: int
    tick: float = 0.0
    lot: float = 0.0
    min_amount: float = 0.0
    min_notional: float = 0.0
    max_amount: float = 0.0
    purse: int = 0
    maker: float | None = None
    taker: float | None = None
    slippage: float | None = None
    half_spread: float = 0.0
    impact: float = 0.0
    participation: float = 0.0
    queue: float = 0.0
    intensity: float = 0.0
    decay: float = 0.0
    dt: float = 0.0
    fee_purse: int = -1
    discount: float = 0.0
    submit_ms: int = 0
    cancel_ms: int = 0
    report_ms: int = 0
    leverage: float = 1.0
    tiers: tuple[Tier, ...] = ()
    liquidation_fee: float = 0.0
    initial: float = 0.0  # base held before the first row, by the first controller
    initial_entry: float = NAN


@dataclass(frozen=True, slots=True)
class PurseTerms:
    """A balance of one quote currency at one venue (part 16)."""

    cash: float
    kind: str = "spot"  # "margin", "perpetual"
    leverage: float = 1.0
    hedge: bool = False
    rate: float = 1.0  # NaN: not known yet
    max_age_ms: int = 0
    fee_tiers: tuple[tuple[float, float, float], ...] = ()  # volume, maker, taker
    volume: float = 0.0  # traded before the run


@dataclass(frozen=True, slots=True)
class Policy:
    """The fields of POLICY in workbench.market.codes."""

    max_per_side: int = 1
    cooldown_ms: int = 0
    close_on_opposite: bool = False
    net_of_fees: bool = False
    take_profit_kind: OrderKind = OrderKind.MARKET


@dataclass(frozen=True, slots=True)
class ControllerTerms:
    """One of several controllers (part 15)."""

    first_level: int = 0
    n_levels: int = 256
    policy: Policy = field(default_factory=Policy)
    max_drawdown: float = 0.0
    every_ms: int = 0


@dataclass(frozen=True, slots=True)
class Funding:
    """One funding stamp of a market (20.1)."""

    time_ms: int
    market: int
    rate: float
    mark: float = NAN


@dataclass(frozen=True, slots=True)
class Config:
    """The fields of CONFIG in docs/executors.md 8.7."""

    kind: OrderKind = OrderKind.LIMIT
    mode: Mode = Mode.MAKER
    retries: int = 10
    keep: bool = False
    net_of_fees: bool = False
    take_profit_kind: OrderKind = OrderKind.MARKET
    stop_loss: float = NAN
    take_profit: float = NAN
    trailing_activation: float = NAN
    trailing_delta: float = NAN
    time_limit_ms: int = 0
    bound: float = NAN
    distance: float = NAN
    refresh: float = NAN
    prices: tuple[float, ...] = ()
    amounts: tuple[float, ...] = ()
    start: float = NAN
    end: float = NAN
    limit: float = NAN
    total: float = 0.0
    min_spread: float = 0.0005
    min_order: float = 5.0
    safe: float = 0.0001
    coerce: bool = False
    max_open: int = 5
    max_batch: int = 0
    frequency_ms: int = 0
    duration_ms: int = 0
    interval_ms: int = 0
    resubmit_ms: int = 0
    buffer: float = 0.0
    market2: int = -1
    amount: float = 0.0
    min_profit: float = NAN
    target_profit: float = NAN
    max_profit: float = NAN
    policy: LegPolicy = LegPolicy.COMPLETE


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a run depends on besides its bars and its decisions.

    Without `purses` there is one, of `cash`, `account` and `leverage`; without `controllers` one, with `policy`.
    """

    markets: tuple[Market, ...]
    cash: float = 10_000.0
    account: str = "spot"  # or "margin"
    leverage: float = 1.0
    maker: float = 0.0
    taker: float = 0.0
    fees_in_received: bool = False
    slippage: float = 0.0
    latency: int = 0
    path: str = "worst"  # "best", "ohlc"
    fill: str = "touch"  # "through", "queue", "intensity"
    policy: Policy = field(default_factory=Policy)
    purses: tuple[PurseTerms, ...] = ()
    controllers: tuple[ControllerTerms, ...] = ()
    configs: tuple[Config, ...] = ()
    funding: tuple[Funding, ...] = ()
    max_drawdown: float = 0.0
    seed: int = 0

    @property
    def is_spot(self) -> bool:
        return self.account == "spot"


@dataclass(frozen=True, slots=True)
class Target:
    """The fields of TARGET in workbench.market.codes and 8.7, and a level: by default the place in the list."""

    action: int = Action.NONE
    market: int = 0
    side: int = FLAT
    kind: OrderKind = OrderKind.MARKET
    price: float = NAN
    trigger: float = NAN
    size: float = NAN
    sizing: Sizing = Sizing.BASE
    stop_loss: float = NAN
    take_profit: float = NAN
    trailing_activation: float = NAN
    trailing_delta: float = NAN
    time_limit_ms: int = 0
    level: int = -1
    executor: ExecutorKind = ExecutorKind.POSITION
    config: int = -1
    keep: bool = False
    reduce: bool = False
    controller: int = 0
