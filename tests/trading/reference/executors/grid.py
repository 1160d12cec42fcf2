"""The grid: levels of a range that open, close a step further on, and open again (part 11)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from workbench.market.codes import OrderKind

from ..budget import whole_lots, whole_ticks
from ..orders import ask, cancel, leg_order
from ..records import Executor, Fill, Order, Step
from ..state import World, after_fill
from ..terms import Config, Target
from .common import contradicts, exited, is_over, made, move_trail, refused, start_exit
from .dca import whole_budget


def create(world: World, target: Target, config: Config, level: int) -> None:
    price = world.last[target.market]
    if contradicts(config) or contradicts_as_grid(target, config):
        refused(world, target, level, "BAD_CONFIG")
        return
    n = n_levels(world, target, config, price)
    reason = "TOO_SMALL" if n == 0 else whole_budget(world, target, config.total / price, price)
    if reason:
        refused(world, target, level, reason)
        return
    executor = made(world, target, config, level)
    lay_out(executor, n)
    step(world, executor, price)


def contradicts_as_grid(target: Target, config: Config) -> bool:
    if not 0 < config.start < config.end or config.kind not in (OrderKind.LIMIT, OrderKind.POST_ONLY):
        return True
    outside = config.limit < config.start if target.side > 0 else config.limit > config.end
    if not (math.isnan(config.limit) or outside):
        return True
    is_positive = config.total > 0 and config.min_spread > 0 and config.min_order > 0
    has_gain = config.take_profit > 0 or config.coerce
    return not (is_positive and has_gain and config.max_open >= 1 and config.max_batch >= 0 and 0 <= config.safe < 1)


def n_levels(world: World, target: Target, config: Config, price: float) -> int:
    """How many levels money and range allow; 0 when the money does not do for one."""
    rules = world.settings.markets[target.market]
    amount = max(config.min_order, rules.min_notional) * 1.05 / price
    if rules.lot:
        amount = math.ceil(amount / rules.lot - 1e-9) * rules.lot
    each = max(amount, rules.min_amount) * price
    by_money = math.floor(config.total / each + 1e-9)
    by_range = math.floor((config.end - config.start) / config.start / config.min_spread + 1e-9)
    return 0 if by_money < 1 else max(1, min(by_money, by_range))


def lay_out(executor: Executor, n: int) -> None:
    config = executor.config
    start, end = config.start, config.end
    if n == 1:
        prices, spread = [(start + end) / 2], (end - start) / start
    else:
        prices = [start + (end - start) * k / (n - 1) for k in range(n)]
        spread = (end - start) / (n - 1) / start
    executor.steps = [Step(price, quote=config.total / n) for price in prices]
    gain = 0.0 if math.isnan(config.take_profit) else config.take_profit
    executor.gain = max(spread, gain) if config.coerce else gain


# Steps ----------------------------------------------------------------------------------------------------------


def step(world: World, executor: Executor, price: float) -> None:
    if is_over(world, executor, price):
        return
    refresh_states(executor)
    close_type, keeps = barrier_of_grid(world, executor, price)
    if close_type:
        start_exit(world, executor, close_type, keeps=keeps)
        return
    if executor.held > 0:
        move_trail(executor, price)
    cancel_far(world, executor, price)
    ask_closes(world, executor, price)
    ask_opens(world, executor, price)


def barrier_of_grid(world: World, executor: Executor, price: float) -> tuple[str, bool]:
    """The first barrier that is reached, and whether what is held is kept."""
    d, config = executor.side, executor.config
    if executor.held > 0 and d * (price - executor.stop_price) <= 0:
        return "STOP_LOSS", False
    if d * (price - config.limit) <= 0:
        return ("EARLY_STOP", True) if config.keep else ("STOP_LOSS", False)
    if world.now >= executor.deadline:
        return "TIME_LIMIT", False
    if executor.is_armed and d * (price - executor.trail) <= 0:
        return "TRAILING_STOP", False
    return ("TAKE_PROFIT", False) if d * (price - edge(executor)) >= 0 else ("", False)


def edge(executor: Executor) -> float:
    return executor.config.end if executor.side > 0 else executor.config.start


def refresh_states(executor: Executor) -> None:
    """What has become of the orders of the steps."""
    for one in executor.steps:
        if one.order is not None and not one.order.is_live:
            if one.state == "CLOSING" and one.order.status == "FILLED":
                one.state = "IDLE"
            else:
                one.state = "FILLED" if one.state == "CLOSING" or one.held > 0 else "IDLE"
            one.order = None


def cancel_far(world: World, executor: Executor, price: float) -> None:
    """Opens that the market has left behind."""
    for one in executor.steps:
        is_untouched = one.state == "OPENING" and one.order is not None and one.order.filled == 0.0
        if is_untouched and not is_near(executor, one, price):
            cancel(world, one.order)
    refresh_states(executor)


def is_near(executor: Executor, one: Step, price: float) -> bool:
    bound = executor.config.bound
    return math.isnan(bound) or executor.side * (price - one.price) <= bound * price


def ask_closes(world: World, executor: Executor, price: float) -> None:
    for tag, one in enumerate(executor.steps):
        if one.state == "FILLED":
            ask_close(world, executor, one, tag, price)


def ask_close(world: World, executor: Executor, one: Step, tag: int, price: float) -> None:
    d, market = executor.side, executor.market
    if whole_lots(world, market, one.held) <= 0:
        one.state = "IDLE"
        return
    target = one.price * (1.0 + d * executor.gain)
    if d * (price - target) >= 0:
        target = price * (1.0 + d * executor.config.safe)
    one.order = ask(
        world,
        leg_order(
            world, executor, market, -d, one.held, kind=executor.config.kind, price=target, purpose="TARGET", tag=tag
        ),
    )
    executor.attempts += one.order is None
    one.state = "FILLED" if one.order is None else "CLOSING"


def ask_opens(world: World, executor: Executor, price: float) -> None:
    """Open idle levels, nearest first, as many as may live."""
    config = executor.config
    if executor.last_open_ms is not None and world.now - executor.last_open_ms < config.frequency_ms:
        return
    n_live = sum(one.state == "OPENING" for one in executor.steps)
    room = config.max_open - n_live
    room = min(room, config.max_batch) if config.max_batch else room
    idle = [k for k, one in enumerate(executor.steps) if one.state == "IDLE" and is_near(executor, one, price)]
    for tag in sorted(idle, key=lambda k: (abs(executor.steps[k].price - price), k))[: max(room, 0)]:
        if not ask_open(world, executor, tag, price):
            return


def ask_open(world: World, executor: Executor, tag: int, price: float) -> bool:
    one, d, market = executor.steps[tag], executor.side, executor.market
    limit = one.price
    if d * (price - limit) <= 0:
        limit = price * (1.0 - d * executor.config.safe)
    limit = whole_ticks(world, market, d, limit)
    amount = one.quote / limit if limit > 0 else 0.0
    wish = leg_order(
        world, executor, market, d, amount, kind=executor.config.kind, price=limit, purpose="ENTRY", tag=tag
    )
    one.order = ask(world, wish)
    executor.last_open_ms = world.now
    if one.order is None:
        executor.attempts += 1
        return False
    one.state = "OPENING"
    return True


def waits(world: World, executor: Executor, *, up: bool) -> Iterator[float]:
    """Barriers of what is held, the limit and the edge."""
    if executor.phase == "EXITING":
        return
    if (executor.side > 0) == up:
        yield edge(executor)
        if executor.held > 0 and executor.trails and not executor.is_armed:
            yield executor.arming_price
    else:
        yield executor.config.limit
        if executor.held > 0:
            yield executor.stop_price
        if executor.is_armed:
            yield executor.trail


# Told -----------------------------------------------------------------------------------------------------------


def told(world: World, executor: Executor, order: Order, fill: Fill, got: float, fee_quote: float) -> None:
    executor.fees += fee_quote
    if order.purpose == "EXIT":
        exited(world, executor, fill, got, is_whole=not order.is_live and not order.is_part)
        return
    one = executor.steps[order.tag]
    if order.purpose == "ENTRY":
        executor.phase = "HOLDING" if executor.phase == "ENTERING" else executor.phase
        executor.entry_amount += fill.amount
        executor.entry_value += fill.price * fill.amount
        executor.entry_fees += fee_quote
        executor.came_in += got
        one.held += got
        one.cost += fill.price * fill.amount
    else:
        executor.exit_amount += fill.amount
        executor.exit_value += fill.price * fill.amount
        executor.exited += got
        before = one.held
        one.held = after_fill(one.held, -got)
        one.cost = one.cost * one.held / before
    sum_up(executor)


def sum_up(executor: Executor) -> None:
    """What is held, its break-even and its barriers, afresh from the steps."""
    held, cost = 0.0, 0.0
    for one in executor.steps:
        held += one.held
        cost += one.cost
    executor.held = held
    if held <= 0:
        executor.entry = math.nan
        executor.is_armed = False
        return
    d, config = executor.side, executor.config
    executor.entry = cost / held
    executor.stop_price = executor.entry * (1.0 - d * config.stop_loss)
    executor.arming_price = executor.entry * (1.0 + d * config.trailing_activation)
    executor.distance = executor.entry * config.trailing_delta
