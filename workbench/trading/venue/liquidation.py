"""A purse that no longer carries its positions is closed by its venue; docs/perpetuals.md part 20."""

from __future__ import annotations

from workbench.compiled import compiled
from workbench.market import BUY, SELL, ExecutorKind
from workbench.trading.executors.pairs import finish_pair, other_market
from workbench.trading.ledger import close_order, finish
from workbench.trading.risk import ROOM
from workbench.trading.venue.budget import maintenance, margin_balance
from workbench.trading.venue.money import leg_of, purse_of
from workbench.trading.venue.owning import book_account, close_accounts
from workbench.trading.venue.records import PurseKind
from workbench.trading.world import LIQUIDATION, NO_SLOT, CloseType, Phase, Reason, Status


@compiled(part=True)
def liquidate_if_due(world, purse):
    """Close everything of a purse whose margin balance has come down to its maintenance margin."""
    if world.purses[purse].kind != PurseKind.PERPETUAL:
        return
    needed, any_leg = maintenance(world, purse)
    if any_leg and margin_balance(world, purse) <= needed * (1.0 + ROOM):
        _liquidate(world, purse)


@compiled(part=True)
def _liquidate(world, purse):
    world.liquidations += 1
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status == Status.OPEN and world.markets[order.market].purse == purse:
            close_order(world, slot, Status.CANCELLED, Reason.NONE)
    for m in range(world.n_markets):
        market = world.markets[m]
        if market.purse == purse and market.last == market.last:
            long, short = _closing_price(market, BUY), _closing_price(market, SELL)
            _end_executors(world, m, long, short)
            _close_leg(world, m, BUY, long)
            _close_leg(world, m, SELL, short)
            close_accounts(world, m, market.last, 0.0)  # of controllers that had netted each other out
    one = world.purses[purse]
    if one.quote < 0.0:
        one.insurance += -one.quote
        one.quote = 0.0


@compiled(leaf=True)
def _closing_price(market, leg):
    return market.last * (1.0 - leg * (market.half_spread + market.slippage))


@compiled(part=True)
def _end_executors(world, m, long, short):
    """End the executors of a market; in one-way mode at the price at which its position is closed."""
    position, hedged = world.markets[m].position, purse_of(world, m).hedge != 0
    for slot in range(world.executors_top):
        executor = world.executors[slot]
        pairs = executor.kind >= ExecutorKind.ARBITRAGE
        if executor.phase == Phase.FREE or not (executor.market == m or (pairs and other_market(world, slot) == m)):
            continue
        _close_all(world, slot)  # what it has in other purses
        own = executor.side == BUY if hedged or position == 0.0 else position > 0.0
        executor.entry_order = executor.exit_order = executor.target_order = NO_SLOT
        executor.close_type, executor.keeps, executor.last_exit = CloseType.LIQUIDATED, 0, long if own else short
        if pairs:
            finish_pair(world, slot, CloseType.LIQUIDATED.value)
        else:
            finish(world, slot)


@compiled(part=True)
def _close_all(world, executor):
    """End every order of an executor at once."""
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status == Status.OPEN and order.executor == executor:
            close_order(world, slot, Status.CANCELLED, Reason.NONE)


@compiled(part=True)
def _close_leg(world, m, side, price):
    amount, market, purse = leg_of(world, m, side), world.markets[m], purse_of(world, m)
    if amount <= 0.0:
        return
    fee = amount * price * market.liquidation_fee
    purse.quote -= -side * price * amount
    purse.quote -= fee
    world.fees += fee
    world.volume += amount * price
    if purse.hedge:
        market.legs[0 if side == BUY else 1] = 0.0
        market.position = market.legs[0] - market.legs[1]
        book_account(world, 0, m, -side, amount * price, fee, amount)
    else:
        market.position = 0.0
        close_accounts(world, m, price, fee)
    if world.n_fills >= world.fills.shape[0]:
        world.code = Reason.FULL
        return
    fill = world.fills[world.n_fills]
    fill.row, fill.market, fill.side, fill.flags = world.row, m, -side, LIQUIDATION
    fill.order = fill.executor = fill.level = fill.created_row = -1
    fill.price, fill.amount, fill.fee = price, amount, fee
    world.n_fills += 1
