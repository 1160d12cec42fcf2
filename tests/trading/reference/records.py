"""What a run makes: orders, executors, fills and accounts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from workbench.market.codes import OrderKind, Sizing

from .terms import NAN, NEVER, STOPS, Config, ControllerTerms, ExecutorKind, PurseTerms, Target


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
