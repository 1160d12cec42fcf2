"""What goes into a run and what comes out of it, in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

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


@dataclass(slots=True, eq=False)
class Order:
    """An order; `amount` is NaN until it is known, `side` 0 while a HOLD has not been sized."""

    id: int
    market: int
    executor_id: int
    side: int
    kind: OrderKind
    price: float
    trigger: float
    size: float
    sizing: Sizing
    amount: float
    created_row: int
    active_row: int
    closes: bool = False
    is_hold: bool = False
    status: str = "LIVE"  # then FILLED, CANCELLED or REJECTED
    closed_row: int = -1
    is_fresh: bool = True
    is_triggered: bool = False
    purpose: str = "QUOTE"  # ENTRY, EXIT, TARGET, HOLD, HEDGE, FLATTEN
    tag: int = 0
    level: int = -1
    controller: int = 0
    reduce: bool = False
    filled: float = 0.0
    reserved: float = 0.0
    is_part: bool = False  # an exit cut to the venue's largest amount, or a target since which more came in
    asked_ms: int = 0
    arrives_ms: int = 0
    ends_ms: int = NEVER  # when a cancel that is on its way arrives

    @property
    def is_live(self) -> bool:
        return self.status == "LIVE"

    @property
    def rests(self) -> bool:
        """Does it lie in the book at its limit price?"""
        return self.kind in (OrderKind.LIMIT, OrderKind.POST_ONLY) or (
            self.kind == OrderKind.STOP_LIMIT and self.is_triggered
        )

    @property
    def waits_for_trigger(self) -> bool:
        return self.kind in STOPS and not self.is_triggered

    @property
    def open_amount(self) -> float:
        return self.amount - self.filled


@dataclass(slots=True, eq=False)
class Step:
    """One level of a ladder or grid."""

    price: float
    amount: float = NAN  # base units, of a ladder
    quote: float = NAN  # of a grid
    state: str = "IDLE"  # OPENING, FILLED, CLOSING
    order: Order | None = None
    asked: bool = False
    is_whole: bool = False
    held: float = 0.0
    cost: float = 0.0


@dataclass(slots=True, eq=False)
class Executor:
    """Any executor; its phases are ENTERING, HOLDING, EXITING and DONE."""

    id: int
    market: int
    side: int
    target: Target
    created_ms: int
    created_row: int
    kind: ExecutorKind = ExecutorKind.POSITION
    config: Config = field(default_factory=Config)  # with the target's scales and terms in it
    level: int = -1
    controller: int = 0
    phase: str = "ENTERING"
    close_type: str = "NONE"
    keeps: bool = False
    attempts: int = 0
    repeats: int = 0
    held: float = 0.0
    entry: float = NAN
    entry_amount: float = 0.0
    entry_value: float = 0.0
    entry_fees: float = 0.0  # paid in quote
    came_in: float = 0.0  # Σ of what entries brought, net of fees in base
    exited: float = 0.0  # net of a fee in base, as `held`
    exit_amount: float = 0.0
    exit_value: float = 0.0
    fees: float = 0.0  # paid in quote, of entry and exit
    hedged: float = 0.0  # leg 1 of an executor of two markets
    pnl: float = 0.0
    stop_price: float = NAN
    target_price: float = NAN
    arming_price: float = NAN
    distance: float = NAN
    is_armed: bool = False
    peak: float = NAN
    trail: float = NAN
    entry_order: Order | None = None
    target_order: Order | None = None
    exit_order: Order | None = None
    asked_target: bool = False
    is_whole: bool = False
    steps: list[Step] = field(default_factory=list)
    gain: float = NAN  # of a grid's level
    last_open_ms: int | None = None
    used: int = 0
    left: float = 0.0
    hears_ms: int = 0
    closed_ms: int = -1
    closed_row: int = -1

    @property
    def trails(self) -> bool:
        return not (math.isnan(self.config.trailing_activation) or math.isnan(self.config.trailing_delta))

    @property
    def deadline(self) -> float:
        limit = self.config.time_limit_ms
        return self.created_ms + limit if limit > 0 else math.inf


@dataclass(frozen=True, slots=True)
class Fill:
    row: int
    market: int
    order_id: int
    executor_id: int
    side: int
    price: float
    amount: float
    fee: float
    fee_in_base: bool
    maker: bool
    fee_in_coin: bool = False
    liquidates: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """An order or a wish refused. `level` or `executor_id` says whose it was; the other is −1."""

    row: int
    market: int
    reason: str
    level: int
    executor_id: int


@dataclass(frozen=True, slots=True)
class Payment:
    """Funding that was paid (positive) or received."""

    row: int
    market: int
    time_ms: int
    rate: float
    mark: float
    position: float
    amount: float


@dataclass(slots=True)
class Hold:
    """What no executor holds (part 14)."""

    amount: float = 0.0
    breakeven: float = NAN
    realised: float = 0.0
    fees: float = 0.0


@dataclass(slots=True)
class Purse:
    """The state of a purse."""

    terms: PurseTerms
    quote: float
    rate: float
    rate_ms: int = 0
    insurance: float = 0.0
    day: int | None = None
    today: float = 0.0
    volumes: list[float] = field(default_factory=lambda: [0.0] * 30)  # of the 30 days before today, oldest first
    fees: tuple[float, float] | None = None  # maker, taker of the tier


@dataclass(slots=True)
class Controller:
    """The account of a controller (part 15)."""

    terms: ControllerTerms
    flow: list[float]
    position: list[float]
    last_created: dict[tuple[int, int], int] = field(default_factory=dict)  # market, side → ms
    pnl: float = 0.0
    peak: float = 0.0
    stopped_row: int = -1

    @property
    def is_stopped(self) -> bool:
        return self.stopped_row >= 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that came of a run; orders and executors are listed by id."""

    fills: list[Fill]
    orders: list[Order]
    executors: list[Executor]
    refusals: list[Refusal]
    equity: list[float]
    cash: float
    positions: list[float]  # base balances, a market each
    world: Any
    pnls: list[list[float]]  # by row, of each controller

    @property
    def done(self) -> list[Executor]:
        return [executor for executor in self.executors if executor.phase == "DONE"]

    @property
    def open(self) -> list[Executor]:
        return [executor for executor in self.executors if executor.phase != "DONE"]
