"""Fills move money, positions, inventories and accounts (parts 7, 14, 15, 17 and 24)."""

from __future__ import annotations

import math

from workbench.market.codes import BUY

from .orders import close_order
from .records import Executor, Fill, Hold, Order, Purse
from .state import World, after_fill, is_fresh_rate, maker_rate, taker_rate


def settle(world: World, order: Order, price: float, *, maker: bool, amount: float | None = None) -> Fill:
    """Book one fill of an order, of all that is open or of a part (parts 7 and 22)."""
    part = order.open_amount if amount is None else amount
    is_whole = part >= order.open_amount * (1.0 - 1e-12)
    order.reserved *= 0.0 if is_whole else 1.0 - part / order.open_amount
    fee, in_base, in_coin, fee_quote = fee_of(world, order, price, part, maker)
    purse = world.purse_of(order.market)
    purse.quote -= order.side * price * part
    purse.quote -= 0.0 if in_base or in_coin else fee
    purse.today += price * part
    got = part - fee if in_base else part
    move(world, order, got, price)
    order.filled += part
    if is_whole:
        close_order(world, order, "FILLED")
    fill = Fill(
        world.row, order.market, order.id, order.executor_id, order.side, price, part, fee, in_base, maker, in_coin
    )  # fmt: skip
    world.fills.append(fill)
    account(world, order, fill, got, fee_quote)
    return fill


def fee_of(world: World, order: Order, price: float, part: float, maker: bool) -> tuple[float, bool, bool, float]:
    """The fee as it is paid, whether in base or in a third coin, and what of it is paid in quote terms."""
    rate = maker_rate(world, order.market) if maker else taker_rate(world, order.market)
    coins, value = in_third_coin(world, order.market, price * part, rate)
    if coins > 0.0:
        world.purses[world.settings.markets[order.market].fee_purse].quote -= coins
        return coins, False, True, value
    is_perpetual = world.kind(order.market) == "perpetual"
    if world.settings.fees_in_received and order.side == BUY and not is_perpetual:
        return part * rate, True, False, 0.0
    fee = part * price * rate
    return fee, False, False, fee


def in_third_coin(world: World, market: int, value: float, rate: float) -> tuple[float, float]:
    """Coins for a fee and their value in quote; 0 coins where it cannot be paid so (part 24)."""
    rules, own = world.settings.markets[market], world.purse_of(market)
    if rules.fee_purse < 0:
        return 0.0, 0.0
    coin = world.purses[rules.fee_purse]
    if not (is_fresh_rate(world, own) and is_fresh_rate(world, coin)):
        return 0.0, 0.0
    fee = value * rate * (1.0 - rules.discount)
    coins = fee * (own.rate / coin.rate)
    return (coins, fee) if coin.quote >= coins else (0.0, 0.0)


def move(world: World, order: Order, got: float, price: float) -> None:
    """The position of a market; in hedge mode a leg of it."""
    market, base = order.market, world.settings.markets[order.market].base
    before = world.base[base]
    if world.is_hedged(market):
        leg = -order.side if order.closes or order.reduce else order.side
        change = got if leg == order.side else -got
        average(world, market, leg, world.legs[market][leg], change, price)
        world.legs[market][leg] = after_fill(world.legs[market][leg], change)
        world.base[base] = world.legs[market][1] - world.legs[market][-1]
        return
    change = order.side * got
    world.base[base] = after_fill(before, change)
    after = world.base[base]
    if before * after < 0 or before == 0.0:
        world.entries[market][order.side] = price
    elif before * change > 0:
        side = 1 if after > 0 else -1
        world.entries[market][side] = (world.entries[market][side] * before + price * change) / after


def average(world: World, market: int, leg: int, before: float, change: float, price: float) -> None:
    entry = world.entries[market]
    if before == 0.0:
        entry[leg] = price
    elif change > 0:
        entry[leg] = (entry[leg] * before + price * change) / (before + change)


def account(world: World, order: Order, fill: Fill, got: float, fee_quote: float) -> None:
    """Whose fill it was: a controller's account, and an executor's books or a position hold."""
    owner = world.controllers[order.controller]
    owner.flow[order.market] -= order.side * fill.price * fill.amount
    owner.flow[order.market] -= fee_quote
    owner.position[order.market] = after_fill(owner.position[order.market], order.side * got)
    if order.executor_id >= 0:
        from .executors import told  # the executors ask for orders, which come back here

        told(world, world.executors[order.executor_id], order, fill, got, fee_quote)
        return
    price = fill.price * fill.amount / got if fill.fee_in_base else fill.price
    leg = (-order.side if order.closes or order.reduce else order.side) if world.is_hedged(order.market) else 0
    hold = take_in(world, order.controller, order.market, leg, order.side * got, price)
    hold.fees += fee_quote


# Position holds (part 14) ---------------------------------------------------------------------------------------


def take_in(world: World, controller: int, market: int, leg: int, change: float, price: float) -> Hold:
    """Net a signed change at a price into a position hold."""
    hold = world.inventory.setdefault((controller, market, leg), Hold())
    before = hold.amount
    hold.amount = after_fill(before, change)
    if before == 0.0:
        hold.breakeven = price
    elif before * change > 0:
        hold.breakeven = (hold.breakeven * before + price * change) / hold.amount
    else:
        sign = 1 if before > 0 else -1
        hold.realised += (price - hold.breakeven) * min(abs(change), abs(before)) * sign
        if hold.amount * before < 0:
            hold.breakeven = price
    return hold


def hand_over(world: World, executor: Executor, market: int, change: float, price: float) -> None:
    """What an executor still holds when it ends becomes its controller's."""
    if change != 0.0:
        leg = (1 if change > 0 else -1) if world.is_hedged(market) else 0
        leg = -leg if executor.target.reduce else leg  # it took from the other leg
        take_in(world, executor.controller, market, leg, change, price)


# Accounts (part 15) ---------------------------------------------------------------------------------------------


def controller_pnl(world: World, place: int) -> float:
    """Σ (flow + position·last)·rate over markets."""
    owner, total = world.controllers[place], 0.0
    for market, last in enumerate(world.last):
        purse = world.purse_of(market)
        if not math.isnan(last) and not math.isnan(purse.rate):
            total += (owner.flow[market] + owner.position[market] * last) * purse.rate
    return total


def choose_fee_tier(world: World, purse: Purse) -> None:
    """On the first tick of a UTC day: the tier of the volume of the 30 days before it (part 24)."""
    day = world.now // 86_400_000
    if not purse.terms.fee_tiers or day == purse.day:
        return
    if purse.day is not None:
        for passed in range(min(day - purse.day, 30)):
            purse.volumes = [*purse.volumes[1:], purse.today if passed == 0 else 0.0]
        purse.today = 0.0
    purse.day = day
    traded = 0.0
    for volume in purse.volumes:
        traded += volume
    _, maker, taker = [tier for tier in purse.terms.fee_tiers if tier[0] <= traded][-1]
    purse.fees = (maker, taker)
