"""What positions and orders in perpetuals need, what is left, and where a position would be closed by force.

A position needs its value over the leverage to be opened (initial margin), and a part of its value, by brackets, to
stay open (maintenance margin). An order needs what it would add to the position if it were filled.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from workbench.connectors.simulated.accounts import Account, Position
from workbench.connectors.simulated.amounts import ZERO
from workbench.connectors.simulated.market import Market
from workbench.connectors.simulated.orders import Order
from workbench.connectors.simulated.symbols import Bracket, Symbol
from workbench.market import BUY

SIDES_OF = {False: ("BOTH",), True: ("LONG", "SHORT")}


@dataclass(frozen=True, slots=True)
class Needs:
    """What one symbol needs of an account, in quote currency."""

    position: Decimal
    orders: Decimal
    bids: Decimal
    asks: Decimal


def bracket(rules: Symbol, notional: Decimal) -> Bracket:
    """The bracket that a position of this value is in."""
    return next((step for step in rules.brackets if notional <= step.cap), rules.brackets[-1])


def cap(rules: Symbol, leverage: int) -> Decimal:
    """The largest value that a position may have at a leverage."""
    return max((step.cap for step in rules.brackets if step.leverage >= leverage), default=ZERO)


def maintenance(market: Market, position: Position) -> Decimal:
    """What must be left for a position to stay open."""
    notional = abs(position.amount) * market.mark_price
    step = bracket(market.rules, notional)
    return max(notional * step.rate - step.deduction, ZERO)


def needs(market: Market, account: Account, extra: Order | None = None, side: str | None = None) -> Needs:
    """What the positions and open orders of an account in a symbol need; with `extra`, as if that order stood too.

    Parameters
    ----------
    side : str, optional
        Only this position side; left out: all of them.
    """
    futures, name = account.futures, market.rules.name
    leverage = futures.leverage_of(name)
    orders = [order for order in account.perpetual_orders.values() if order.symbol == name]
    orders += [extra] if extra is not None else []
    total = [ZERO, ZERO, ZERO, ZERO]
    for part in SIDES_OF[futures.dual] if side is None else (side,):
        held = futures.positions.get((name, part))
        value = held.amount * market.mark_price if held else ZERO
        bids, asks = _waiting(orders, part, market)
        largest = max(abs(value), abs(value + bids), abs(value - asks))
        sums = (abs(value) / leverage, (largest - abs(value)) / leverage, bids, asks)
        total = [old + new for old, new in zip(total, sums, strict=True)]
    return Needs(*total)


def available(markets: dict[str, Market], account: Account, asset: str, extra: Order | None = None) -> Decimal:
    """Money that is free for new positions, or to be taken out; below 0: there is not enough for `extra`."""
    left = account.futures.wallet.get(asset, ZERO)
    for market in markets.values():
        if market.rules.quote != asset:
            continue
        name, isolated = market.rules.name, account.futures.is_isolated(market.rules.name)
        need = needs(market, account, extra if extra is not None and extra.symbol == name else None)
        for position in positions_in(account, name):
            left += -position.isolated_wallet if isolated else position.gain(market.mark_price)
        left -= need.orders + (ZERO if isolated else need.position)
    return left


def positions_in(account: Account, name: str) -> list[Position]:
    """The positions of an account in a symbol that are not empty."""
    return [held for (symbol, _), held in account.futures.positions.items() if symbol == name and held.amount]


def cross_equity(markets: dict[str, Market], account: Account, asset: str) -> tuple[Decimal, Decimal]:
    """Equity that backs the crossed positions, and the maintenance margin that they need."""
    equity, need = account.futures.wallet.get(asset, ZERO), ZERO
    for held in account.futures.positions.values():
        market = markets.get(held.symbol)
        if market is None or not held.amount or market.rules.quote != asset:
            continue
        if account.futures.is_isolated(held.symbol):
            equity -= held.isolated_wallet
        else:
            equity += held.gain(market.mark_price)
            need += maintenance(market, held)
    return equity, need


def is_bust(markets: dict[str, Market], account: Account, held: Position) -> bool:
    """Has a position lost what must be left for it?"""
    market = markets[held.symbol]
    if account.futures.is_isolated(held.symbol):
        return held.isolated_wallet + held.gain(market.mark_price) <= maintenance(market, held)
    equity, need = cross_equity(markets, account, market.rules.quote)
    return equity <= need


def liquidation_price(markets: dict[str, Market], account: Account, held: Position) -> Decimal:
    """The mark price at which a position is closed by force, all else as it is; 0 if there is none."""
    market = markets[held.symbol]
    if not held.amount:
        return ZERO
    if account.futures.is_isolated(held.symbol):
        backing = held.isolated_wallet
    else:
        equity, need = cross_equity(markets, account, market.rules.quote)
        backing = equity - held.gain(market.mark_price) - (need - maintenance(market, held))
    step = bracket(market.rules, abs(held.amount) * market.mark_price)
    slope = held.amount - abs(held.amount) * step.rate
    price = (held.amount * held.entry - backing - step.deduction) / slope if slope else ZERO
    return max(price, ZERO)


def _waiting(orders: list[Order], part: str, market: Market) -> tuple[Decimal, Decimal]:
    bids = asks = ZERO
    for order in orders:
        if order.reduce_only or order.position_side != part:
            continue
        value = order.open_amount * (order.price or _worst(market, order))
        bids, asks = (bids + value, asks) if order.side == BUY else (bids, asks + value)
    return bids, asks


def _worst(market: Market, order: Order) -> Decimal:
    best = market.book.sides[-order.side].best or market.mark_price
    return max(best, market.mark_price)
