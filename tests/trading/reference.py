"""The engine a second time: docs/execution.md in plain Python, slow and readable, to test the compiled one.

Written from that page alone; the headings are its parts. Nothing is skipped, cached or remembered that could be
looked up again, and every formula is evaluated in the order in which the page prints it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.errors import ConfigError
from workbench.market.codes import BUY, FLAT, Action, OrderKind, Sizing

NAN = math.nan
MOST_REPEATS = 10
RESTING = (OrderKind.LIMIT, OrderKind.POST_ONLY, OrderKind.STOP_LIMIT)
STOPS = (OrderKind.STOP, OrderKind.STOP_LIMIT)


@dataclass(frozen=True, slots=True)
class Bars:
    """Candles on one time grid: `open[market][row]` and so on; NaN where a market has no bar in a row."""

    time: Sequence[int]
    timeframe_ms: int
    open: Sequence[Sequence[float]]
    high: Sequence[Sequence[float]]
    low: Sequence[Sequence[float]]
    close: Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Market:
    """What a venue asks of prices and amounts; 0: no such rule. `base` is the index of its base currency."""

    base: int
    tick: float = 0.0
    lot: float = 0.0
    min_amount: float = 0.0
    min_notional: float = 0.0


@dataclass(frozen=True, slots=True)
class Policy:
    """The fields of POLICY in workbench.market.codes."""

    max_per_side: int = 1
    cooldown_ms: int = 0
    close_on_opposite: bool = False
    net_of_fees: bool = False
    take_profit_kind: OrderKind = OrderKind.MARKET


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a run depends on besides its bars and its decisions."""

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
    fill: str = "touch"  # "through"
    policy: Policy = field(default_factory=Policy)

    @property
    def is_spot(self) -> bool:
        return self.account == "spot"


@dataclass(frozen=True, slots=True)
class Target:
    """The fields of TARGET in workbench.market.codes, and a level: by default the place in the list."""

    action: Action = Action.NONE
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

    @property
    def is_live(self) -> bool:
        return self.status == "LIVE"

    @property
    def rests(self) -> bool:
        return self.kind in (OrderKind.LIMIT, OrderKind.POST_ONLY) or self.is_triggered


@dataclass(slots=True, eq=False)
class Executor:
    """A position executor (part 6); its phases are ENTERING, HOLDING, EXITING and DONE."""

    id: int
    market: int
    side: int
    target: Target
    created_ms: int
    created_row: int
    phase: str = "ENTERING"
    close_type: str = "NONE"
    order: Order | None = None  # the entry, then the target at limit, then the exit
    held: float = 0.0
    entry: float = NAN
    entry_value: float = 0.0
    entry_fees: float = 0.0  # paid in quote
    exited: float = 0.0  # net of a fee in base, as `held`
    exit_value: float = 0.0
    fees: float = 0.0  # paid in quote, of entry and exit
    pnl: float = 0.0
    stop_price: float = NAN
    target_price: float = NAN
    arming_price: float = NAN
    distance: float = NAN
    is_armed: bool = False
    peak: float = NAN
    trail: float = NAN
    asked_target: bool = False
    repeats: int = 0
    closed_ms: int = -1
    closed_row: int = -1

    @property
    def trails(self) -> bool:
        return not (math.isnan(self.target.trailing_activation) or math.isnan(self.target.trailing_delta))

    @property
    def deadline(self) -> float:
        limit = self.target.time_limit_ms
        return self.created_ms + limit if limit > 0 else math.inf

    @property
    def has_live_order(self) -> bool:
        return self.order is not None and self.order.is_live


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


@dataclass(frozen=True, slots=True)
class Refusal:
    """An order refused at creation. `level` or `executor_id` says whose it was; the other is −1."""

    row: int
    market: int
    reason: str  # TOO_SMALL, NO_FUNDS, NO_PRICE
    level: int
    executor_id: int


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

    @property
    def done(self) -> list[Executor]:
        return [executor for executor in self.executors if executor.phase == "DONE"]

    @property
    def open(self) -> list[Executor]:
        return [executor for executor in self.executors if executor.phase != "DONE"]


@dataclass(slots=True)
class World:
    """The whole state of a run. Slots are None where free; tables only grow."""

    settings: Settings
    cash: float
    base: list[float]
    last: list[float]
    order_slots: list[Order | None] = field(default_factory=list)
    executor_slots: list[Executor | None] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    executors: list[Executor] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    quotes: dict[int, Order] = field(default_factory=dict)  # level → its last order
    holds: dict[int, Order] = field(default_factory=dict)  # level → its last order
    wishes: dict[int, float] = field(default_factory=dict)  # level → the exposure last asked for
    last_created: dict[tuple[int, int], int] = field(default_factory=dict)  # market, side → ms
    row: int = 0
    now: int = 0
    active_row: int = 0  # of an order that is asked for now

    def position(self, market: int) -> float:
        return self.base[self.settings.markets[market].base]


Decide = Callable[[int, World], Sequence[Target | Mapping[str, Any]]]
Decisions = Decide | Sequence[Sequence[Target | Mapping[str, Any]]]


# 1. One row -------------------------------------------------------------------------------------------------


def run(bars: Bars, decisions: Decisions, settings: Settings) -> Outcome:
    """Trade `decisions` on `bars`, row by row (part 1).

    Parameters
    ----------
    bars : Bars
    decisions : callable or sequence
        A list of targets (or dicts of their fields) per row, or a function of row and world that returns one.
    settings : Settings
    """
    world = _world(settings)
    for row, stamp in enumerate(bars.time):
        world.row, world.active_row = row, row + settings.latency
        for market in range(len(settings.markets)):
            bar = tuple(float(side[market][row]) for side in (bars.open, bars.high, bars.low, bars.close))
            if not math.isnan(bar[0]):
                walk(world, market, bar, int(stamp), bars.timeframe_ms)
        world.equity.append(equity(world))
        world.now, world.active_row = int(stamp) + bars.timeframe_ms, row + 1 + settings.latency
        wanted = decisions(row, world) if callable(decisions) else decisions[row]
        decide(world, [wish if isinstance(wish, Target) else Target(**wish) for wish in wanted])
    return Outcome(
        world.fills, world.orders, world.executors, world.refusals, world.equity, world.cash,
        [world.position(market) for market in range(len(settings.markets))],
    )  # fmt: skip


def _world(settings: Settings) -> World:
    bases = [market.base for market in settings.markets]
    if sorted(bases) != list(range(len(bases))):
        raise ConfigError(f"The bases of the markets are {bases}. Give each its own, numbered from 0.")
    return World(settings, settings.cash, [0.0] * len(bases), [NAN] * len(bases))


def equity(world: World) -> float:
    """Quote balance + Σ base balance × last price; a market that has had no bar yet counts for nothing."""
    value = world.cash
    for market, last in enumerate(world.last):
        if not math.isnan(last):
            value += world.position(market) * last
    return value


# 2. The walk ------------------------------------------------------------------------------------------------


def walk(world: World, market: int, bar: tuple[float, ...], stamp: int, timeframe_ms: int) -> None:
    """Walk one bar: open, first vertex, second vertex, close, stopping at every price waited for (part 2)."""
    price = bar[0]
    tick(world, market, price, stamp)
    path = (*vertices(world, market, bar), bar[3])
    for leg, vertex in enumerate(path):
        arrived = False
        while not arrived:
            price = next_price(world, market, price, vertex)
            arrived = price == vertex
            tick(world, market, price, stamp + timeframe_ms if arrived and leg == 2 else stamp)


def vertices(world: World, market: int, bar: tuple[float, ...]) -> tuple[float, float]:
    """High and low, in the order in which this bar is taken to have reached them."""
    opened, high, low, _ = bar
    nearer_first = (high, low) if high - opened <= opened - low else (low, high)
    if world.settings.path == "ohlc":
        return nearer_first
    position = world.position(market)
    leaning = position if abs(position) > 0 else -waiting_side(world, market)
    worst = nearer_first if leaning == 0 else (low, high) if leaning > 0 else (high, low)
    return worst if world.settings.path == "worst" else (worst[1], worst[0])


def waiting_side(world: World, market: int) -> int:
    """Σ side over the live, active orders of a market that could open a position."""
    return sum(order.side for order in active_orders(world, market) if not order.closes)


def next_price(world: World, market: int, price: float, vertex: float) -> float:
    """The nearest price waited for, strictly between `price` and `vertex`; else the vertex."""
    stops = waited(world, market, up=vertex > price)
    if vertex > price:
        return min((stop for stop in stops if price < stop < vertex), default=vertex)
    return max((stop for stop in stops if vertex < stop < price), default=vertex)


def waited(world: World, market: int, *, up: bool) -> Iterator[float]:
    """The prices that orders and executors of a market wait for while the price rises or falls."""
    for order in active_orders(world, market):
        if order.rests and (order.side < 0) == up:
            yield order.price
        elif order.kind in STOPS and not order.rests and (order.side > 0) == up:
            yield order.trigger
    for executor in executors_of(world, market):
        if executor.phase == "HOLDING":
            yield from with_it(world, executor) if (executor.side > 0) == up else against_it(executor)


def with_it(world: World, executor: Executor) -> Iterator[float]:
    if not takes_profit_at_limit(world):
        yield executor.target_price
    if executor.trails and not executor.is_armed:
        yield executor.arming_price


def against_it(executor: Executor) -> Iterator[float]:
    yield executor.stop_price
    if executor.is_armed:
        yield executor.trail


def active_orders(world: World, market: int) -> list[Order]:
    """The live orders of a market that a venue has by now, by slot."""
    return [
        order for order in world.order_slots
        if order is not None and order.market == market and order.active_row <= world.row
    ]  # fmt: skip


def executors_of(world: World, market: int) -> list[Executor]:
    """The executors of a market that are not done, by slot."""
    return [one for one in world.executor_slots if one is not None and one.market == market]


# 3. One tick ------------------------------------------------------------------------------------------------


def tick(world: World, market: int, price: float, now: int) -> None:
    """Match, step, match what the steps asked for (part 3)."""
    world.last[market], world.now = price, now
    for order in active_orders(world, market):
        answer(world, order, price)
    first_new = len(world.orders)
    for executor in executors_of(world, market):
        step(world, executor, price)
    for order in active_orders(world, market):
        if order.id >= first_new:
            answer(world, order, price)


def take_slot(slots: list[Any], thing: Order | Executor) -> None:
    """The lowest free slot."""
    if None in slots:
        slots[slots.index(None)] = thing
    else:
        slots.append(thing)


def close_order(world: World, order: Order, status: str) -> None:
    order.status, order.closed_row = status, world.row
    world.order_slots[world.order_slots.index(order)] = None


# 4. How an order is answered --------------------------------------------------------------------------------


def answer(world: World, order: Order, price: float) -> None:
    """What becomes of a live, active order at a price (the table of part 4)."""
    was_fresh, order.is_fresh = order.is_fresh, False
    if order.kind == OrderKind.MARKET:
        take(world, order, price, market_price(world, order, price))
    elif order.rests:
        answer_limit(world, order, price, was_fresh)
    elif order.side * (price - order.trigger) >= 0:
        order.is_triggered = order.kind == OrderKind.STOP_LIMIT
        if order.is_triggered:
            answer_limit(world, order, price, is_fresh=True)
        else:
            take(world, order, price, market_price(world, order, price))


def answer_limit(world: World, order: Order, price: float, is_fresh: bool) -> None:
    gap = order.side * (price - order.price)
    if is_fresh and gap <= 0 and order.kind == OrderKind.POST_ONLY:
        close_order(world, order, "REJECTED")
    elif is_fresh and gap <= 0:
        never_worse = min if order.side > 0 else max
        take(world, order, price, never_worse(market_price(world, order, price), order.price))
    elif not is_fresh and (gap < 0 if world.settings.fill == "through" else gap <= 0):
        settle(world, order, order.price, maker=True)


def market_price(world: World, order: Order, price: float) -> float:
    return price * (1.0 + (order.side or hold_side(world, order, price)) * world.settings.slippage)


def take(world: World, order: Order, price: float, fill_price: float) -> None:
    """Fill as taker, or reject what the budget does not carry; an amount not known yet is worked out now."""
    side, amount = order.side, order.amount
    if order.is_hold:
        side = hold_side(world, order, price)
        amount = hold_amount(world, order, side, fill_price)
    elif math.isnan(amount):
        amount = sized(world, order, fill_price)
    reason = budget(world, order, side, amount, fill_price)
    if reason:
        close_order(world, order, "CANCELLED" if order.is_hold and reason == "TOO_SMALL" else "REJECTED")
        return
    order.side, order.amount = side, amount
    settle(world, order, fill_price, maker=False)


def sized(world: World, order: Order, price: float) -> float:
    """Base units for a size in quote currency or a fraction of equity, at a price (part 4, Amount)."""
    rate, is_spot = world.settings.taker, world.settings.is_spot
    value = order.size if order.sizing == Sizing.QUOTE else order.size * equity(world)
    if order.side > 0:
        value = min(value, free_quote(world, own=order)) if is_spot else value
        amount = value / (price * (1.0 + rate))
    else:
        amount = value / price
        amount = min(amount, free_base(world, order.market, own=order)) if is_spot else amount
    return whole_lots(world, order.market, amount)


def whole_lots(world: World, market: int, amount: float) -> float:
    lot = world.settings.markets[market].lot
    if lot:
        return math.floor(amount / lot + 1e-9) * lot
    return amount if amount >= 1e-12 else 0.0


def whole_ticks(world: World, market: int, side: int, price: float) -> float:
    tick = world.settings.markets[market].tick
    if not tick:
        return price
    return math.floor(price / tick + 1e-9) * tick if side > 0 else math.ceil(price / tick - 1e-9) * tick


def budget(world: World, order: Order, side: int, amount: float, price: float) -> str:
    """Why an order cannot have this amount at this price, or "" (part 4, Budget)."""
    market, rules = order.market, world.settings.markets[order.market]
    if amount <= 0:
        return "TOO_SMALL"
    if not order.closes and (amount < rules.min_amount or amount * price < rules.min_notional):
        return "TOO_SMALL"
    if not world.settings.is_spot:
        return "" if order.closes or within_leverage(world, market, side, amount, price) else "NO_FUNDS"
    if side > 0:
        cost = amount * price * (1.0 + world.settings.taker)
        return "" if cost <= free_quote(world, own=order) * (1.0 + 1e-12) else "NO_FUNDS"
    return "" if amount <= free_base(world, market, own=order, closes=order.closes) * (1.0 + 1e-12) else "NO_FUNDS"


def within_leverage(world: World, market: int, side: int, amount: float, price: float) -> bool:
    wanted = world.position(market) + side * amount
    if abs(wanted) <= abs(world.position(market)):
        return True
    total = exposure(world, {market: abs(wanted) * price})
    return total <= world.settings.leverage * equity(world) * (1.0 + 1e-9)


def exposure(world: World, instead: dict[int, float]) -> float:
    """Σ over markets of |position·last|, with another value for some."""
    total = 0.0
    for market, last in enumerate(world.last):
        if market in instead:
            total += instead[market]
        elif not math.isnan(last):
            total += abs(world.position(market) * last)
    return total


def free_quote(world: World, *, own: Order | None = None) -> float:
    """Quote balance less what live limit buys reserve; `own` is an order whose reserve is released."""
    rate, held = world.settings.taker, 0.0
    for order in world.order_slots:
        if order is not None and order is not own and order.side > 0 and order.kind in RESTING:
            held += order.amount * order.price * (1.0 + rate)
    return world.cash - held


def free_base(world: World, market: int, *, own: Order | None = None, closes: bool = False) -> float:
    """Base less what live limit sells reserve; what long executors hold only their own closing orders may sell."""
    taken = 0.0
    for order in world.order_slots:
        if order is not None and order is not own and order.market == market and (closes or not order.closes):
            taken += order.amount if order.side < 0 and order.kind in RESTING else 0.0
    if not closes:
        for executor in executors_of(world, market):
            taken += executor.held if executor.side > 0 else 0.0
    return world.position(market) - taken


def ask(world: World, order: Order, *, level: int = -1) -> Order | None:
    """Make an order, or write down why it was refused; a refused order never lives."""
    order, reason = prepared(world, order)
    if reason:
        world.refusals.append(Refusal(world.row, order.market, reason, level, order.executor_id))
        return None
    order.id = len(world.orders)
    world.orders.append(order)
    take_slot(world.order_slots, order)
    return order


def prepared(world: World, order: Order) -> tuple[Order, str]:
    """Round the price, work out the amount if it can be known, and check the budget of a new order."""
    last = world.last[order.market]
    if math.isnan(last):
        return order, "NO_PRICE"
    if order.kind in RESTING:
        order.price = whole_ticks(world, order.market, order.side, order.price)
        if not order.price > 0:
            return order, "NO_PRICE"
    if order.is_hold:
        return order, ""
    if order.sizing != Sizing.BASE and order.kind not in RESTING:
        nothing = world.settings.is_spot and order.side < 0 and free_base(world, order.market) <= 1e-12
        return order, "NO_FUNDS" if nothing else ""
    if order.sizing == Sizing.BASE:
        order.amount = whole_lots(world, order.market, order.size)
    else:
        order.amount = sized(world, order, order.price)
    price = order.price if order.kind in RESTING else last
    return order, budget(world, order, order.side, order.amount, price)


def order_for(world: World, target: Target, *, executor_id: int = -1) -> Order:
    """The order that a target describes, not yet asked for."""
    limit = target.price if target.kind in RESTING else NAN
    trigger = target.trigger if target.kind in STOPS else NAN
    return Order(
        -1, target.market, executor_id, target.side, target.kind, limit, trigger, target.size, target.sizing,
        NAN, world.row, world.active_row,
    )  # fmt: skip


# 5. Decisions -----------------------------------------------------------------------------------------------


def decide(world: World, targets: Sequence[Target]) -> None:
    """Handle a decision: its targets in order (part 5)."""
    handlers = {Action.ENTER: enter, Action.CLOSE: close, Action.QUOTE: quote, Action.HOLD: hold}
    for place, target in enumerate(targets):
        if target.action != Action.NONE:
            handlers[target.action](world, target, place if target.level < 0 else target.level)


def enter(world: World, target: Target, level: int) -> None:
    policy, key = world.settings.policy, (target.market, target.side)
    if target.side == FLAT:
        return
    if policy.close_on_opposite:
        stop_early(world, target.market, -target.side)
    running = [one for one in executors_of(world, target.market) if one.phase != "EXITING"]
    if sum(one.side == target.side for one in running) >= policy.max_per_side:
        return
    if key in world.last_created and world.now - world.last_created[key] < policy.cooldown_ms:
        return
    entry = ask(world, order_for(world, target), level=level)
    if entry is not None:
        start_executor(world, target, entry)


def start_executor(world: World, target: Target, entry: Order) -> None:
    key = (target.market, target.side)
    executor = Executor(len(world.executors), *key, target, world.now, world.row, order=entry)
    entry.executor_id = executor.id
    world.executors.append(executor)
    take_slot(world.executor_slots, executor)
    world.last_created[key] = world.now


def close(world: World, target: Target, level: int) -> None:
    stop_early(world, target.market, target.side)


def stop_early(world: World, market: int, side: int) -> None:
    """Stop the executors of a market, of one side or (FLAT) of both, that are not exiting."""
    for executor in executors_of(world, market):
        if executor.phase == "EXITING" or side == -executor.side:
            continue
        if executor.phase == "ENTERING":
            cancel_order(world, executor)
            finish(world, executor, "EARLY_STOP", world.last[market])
        else:
            start_exit(world, executor, "EARLY_STOP")


def quote(world: World, target: Target, level: int) -> None:
    """Replace the level's resting order, or keep it if it is still on its way, or the new one would be the same."""
    if target.side == FLAT:
        return
    old = world.quotes.get(level)
    wanted = not (math.isnan(target.price) or math.isnan(target.size) or target.size == 0)
    if old is not None and old.is_live:
        if wanted and old.created_row < world.row < old.active_row:
            return
        if wanted and target.sizing == Sizing.BASE and is_same(world, old, target):
            return
        close_order(world, old, "CANCELLED")
    new = ask(world, order_for(world, target), level=level) if wanted else None
    if new is not None:
        world.quotes[level] = new


def is_same(world: World, old: Order, target: Target) -> bool:
    """Whether the order of a target in base units would be the old one again, after rounding."""
    price = whole_ticks(world, target.market, target.side, target.price)
    amount = whole_lots(world, target.market, target.size)
    new = (target.market, target.side, target.kind, price, amount)
    return new == (old.market, old.side, old.kind, old.price, old.amount)


def hold(world: World, target: Target, level: int) -> None:
    """Ask for the market order that moves the position to an exposure, if the wish is a new one."""
    if math.isnan(target.size) or target.size == world.wishes.get(level, 0.0):
        return
    earlier = world.holds.get(level)
    if earlier is not None and earlier.is_live:
        close_order(world, earlier, "CANCELLED")
    order = order_for(world, replace(target, side=FLAT, kind=OrderKind.MARKET))
    order.is_hold = True
    if ask(world, order, level=level) is not None:
        world.wishes[level], world.holds[level] = target.size, order


def hold_value(world: World, order: Order) -> float:
    """The quote value to be held, cut to what the account can carry."""
    if world.settings.is_spot:
        return min(max(order.size, 0.0), 1.0) * equity(world)
    leverage = world.settings.leverage
    value = min(max(order.size, -leverage), leverage) * equity(world)
    most = max(leverage * equity(world) - exposure(world, {order.market: 0.0}), 0.0)
    return min(max(value, -most), most)


def hold_side(world: World, order: Order, price: float) -> int:
    delta = hold_value(world, order) / price - world.position(order.market)
    return (delta > 0) - (delta < 0)


def hold_amount(world: World, order: Order, side: int, price: float) -> float:
    amount = side * (hold_value(world, order) / price - world.position(order.market))
    if world.settings.is_spot and side > 0:
        amount = min(amount, free_quote(world) / (price * (1.0 + world.settings.taker)))
    elif world.settings.is_spot:
        amount = min(amount, free_base(world, order.market))
    return whole_lots(world, order.market, amount)


# 6. The position executor -----------------------------------------------------------------------------------


def entered(world: World, executor: Executor, fill: Fill) -> None:
    """An entry fill: what is held, at what price, and the prices of the barriers."""
    executor.phase = "HOLDING"
    executor.entry, executor.entry_value = fill.price, fill.price * fill.amount
    executor.held = fill.amount - fill.fee if fill.fee_in_base else fill.amount
    executor.entry_fees = executor.fees
    if world.settings.policy.net_of_fees:
        set_net_barriers(world, executor)
    else:
        set_price_barriers(executor)


def set_price_barriers(executor: Executor) -> None:
    d, entry, target = executor.side, executor.entry, executor.target
    executor.stop_price = entry * (1.0 - d * target.stop_loss)
    executor.target_price = entry * (1.0 + d * target.take_profit)
    executor.arming_price = entry * (1.0 + d * target.trailing_activation)
    executor.distance = entry * target.trailing_delta


def set_net_barriers(world: World, executor: Executor) -> None:
    d, target, taker = executor.side, executor.target, world.settings.taker
    profit_rate = world.settings.maker if takes_profit_at_limit(world) else taker
    executor.stop_price = net_price(executor, -target.stop_loss, taker)
    executor.target_price = net_price(executor, target.take_profit, profit_rate)
    executor.arming_price = net_price(executor, target.trailing_activation, taker)
    executor.distance = executor.entry_value * target.trailing_delta / (executor.held * (1.0 - d * taker))


def takes_profit_at_limit(world: World) -> bool:
    return world.settings.policy.take_profit_kind == OrderKind.LIMIT


def net_price(executor: Executor, gain: float, rate: float) -> float:
    """x(g): the price at which the gain after both fees is the fraction `gain` of the entry value."""
    d, value = executor.side, executor.entry_value
    return (value * (1.0 + d * gain) + d * executor.entry_fees) / (executor.held * (1.0 - d * rate))


def step(world: World, executor: Executor, price: float) -> None:
    """One step of a position executor at a price."""
    if executor.phase == "ENTERING":
        step_entering(world, executor, price)
    elif executor.phase == "HOLDING":
        step_holding(world, executor, price)
    elif not executor.has_live_order:
        repeat_exit(world, executor, price)


def step_entering(world: World, executor: Executor, price: float) -> None:
    if world.now >= executor.deadline:
        cancel_order(world, executor)
        finish(world, executor, "TIME_LIMIT", price)
    elif not executor.has_live_order:
        finish(world, executor, "FAILED", price)


def step_holding(world: World, executor: Executor, price: float) -> None:
    barrier = barrier_reached(world, executor, price)
    if barrier:
        start_exit(world, executor, barrier)
        return
    move_trail(executor, price)
    has_target = takes_profit_at_limit(world) and not math.isnan(executor.target_price)
    if has_target and not executor.asked_target:
        executor.asked_target = True
        executor.order = ask(world, closing_order(world, executor, OrderKind.LIMIT, executor.held))


def barrier_reached(world: World, executor: Executor, price: float) -> str:
    """The first barrier that a price and the time have reached, or ""."""
    d = executor.side
    if d * (price - executor.stop_price) <= 0:
        return "STOP_LOSS"
    if executor.is_armed and d * (price - executor.trail) <= 0:
        return "TRAILING_STOP"
    if not takes_profit_at_limit(world) and d * (price - executor.target_price) >= 0:
        return "TAKE_PROFIT"
    return "TIME_LIMIT" if world.now >= executor.deadline else ""


def move_trail(executor: Executor, price: float) -> None:
    d = executor.side
    if executor.trails and not executor.is_armed and d * (price - executor.arming_price) >= 0:
        executor.is_armed, executor.peak = True, price
    if executor.is_armed:
        executor.peak = max(executor.peak, price) if d > 0 else min(executor.peak, price)
        executor.trail = executor.peak - d * executor.distance


def start_exit(world: World, executor: Executor, close_type: str) -> None:
    """*Exit*: cancel what lives, then ask for a market order for what is held."""
    cancel_order(world, executor)
    executor.phase, executor.close_type = "EXITING", close_type
    ask_exit(world, executor)


def ask_exit(world: World, executor: Executor) -> None:
    amount = executor.held
    if world.settings.is_spot and executor.side > 0:
        amount = min(amount, free_base(world, executor.market, closes=True))
    amount = whole_lots(world, executor.market, amount)
    if amount <= 0:
        finish(world, executor, executor.close_type, world.last[executor.market])
        return
    executor.order = ask(world, closing_order(world, executor, OrderKind.MARKET, amount))


def repeat_exit(world: World, executor: Executor, price: float) -> None:
    if executor.repeats == MOST_REPEATS:
        finish(world, executor, "FAILED", price)
        return
    executor.repeats += 1
    ask_exit(world, executor)


def closing_order(world: World, executor: Executor, kind: OrderKind, amount: float) -> Order:
    """An order that only closes what an executor holds; at limit it waits at the target."""
    wish = Target(market=executor.market, side=-executor.side, kind=kind, price=executor.target_price, size=amount)
    order = order_for(world, wish, executor_id=executor.id)
    order.closes = True
    return order


def cancel_order(world: World, executor: Executor) -> None:
    if executor.order is not None and executor.order.is_live:
        close_order(world, executor.order, "CANCELLED")


def exited(world: World, executor: Executor, fill: Fill) -> None:
    """A fill of the exit or of the target at limit: the executor is done."""
    executor.exited += fill.amount - fill.fee if fill.fee_in_base else fill.amount
    executor.exit_value += fill.price * fill.amount
    close_type = executor.close_type if executor.phase == "EXITING" else "TAKE_PROFIT"
    finish(world, executor, close_type, fill.price)


def finish(world: World, executor: Executor, close_type: str, price: float) -> None:
    """Done: net PnL, with what is left of the base counted at `price`."""
    d, rest = executor.side, executor.held - executor.exited
    executor.pnl = d * (executor.exit_value - executor.entry_value) - executor.fees + d * rest * price
    executor.phase, executor.close_type = "DONE", close_type
    executor.closed_ms, executor.closed_row = world.now, world.row
    world.executor_slots[world.executor_slots.index(executor)] = None


# 7. Money ---------------------------------------------------------------------------------------------------


def settle(world: World, order: Order, price: float, *, maker: bool) -> None:
    """Move money and base for a fill, and tell the executor that asked for it (parts 6 and 7)."""
    settings, amount = world.settings, order.amount
    rate = settings.maker if maker else settings.taker
    in_base = settings.fees_in_received and order.side == BUY
    fee = amount * rate if in_base else amount * price * rate
    base = settings.markets[order.market].base
    world.cash -= order.side * price * amount
    world.cash -= 0.0 if in_base else fee
    world.base[base] = after_fill(world.base[base], order.side * (amount - fee if in_base else amount))
    close_order(world, order, "FILLED")
    fill = Fill(
        world.row, order.market, order.id, order.executor_id, order.side, price, amount, fee, in_base, maker
    )  # fmt: skip
    world.fills.append(fill)
    if order.executor_id >= 0:
        tell(world, world.executors[order.executor_id], fill)


def after_fill(before: float, change: float) -> float:
    """A balance after a change; what only the rounding of sums left behind is nothing."""
    after = before + change
    return 0.0 if abs(after) <= 1e-12 * max(abs(before), abs(change)) else after


def tell(world: World, executor: Executor, fill: Fill) -> None:
    executor.fees += 0.0 if fill.fee_in_base else fill.fee
    if executor.phase == "ENTERING":
        entered(world, executor, fill)
    else:
        exited(world, executor, fill)
