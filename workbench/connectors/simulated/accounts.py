"""Accounts: who may trade, what spot money is free and what is held back, and what futures hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from workbench.connectors.simulated.amounts import ZERO
from workbench.connectors.simulated.orders import Order


@dataclass(slots=True)
class Position:
    """A position in a perpetual: signed amount, entry price, and the money set apart for it if it is isolated."""

    symbol: str
    side: str = "BOTH"  # BOTH, or in hedge mode LONG and SHORT
    amount: Decimal = ZERO
    entry: Decimal = ZERO
    fees: Decimal = ZERO  # paid since it was opened: the break-even price knows them
    realized: Decimal = ZERO  # since it was opened
    isolated_wallet: Decimal = ZERO
    updated_ms: int = 0

    def gain(self, mark: Decimal) -> Decimal:
        """Unrealised gain at a mark price."""
        return (mark - self.entry) * self.amount

    @property
    def break_even(self) -> Decimal:
        """The price at which closing would return what was paid, fees of the entry included."""
        return self.entry + (self.fees - self.realized) / self.amount if self.amount else ZERO


@dataclass(slots=True)
class Futures:
    """How an account trades perpetuals, and what it holds there."""

    wallet: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    leverage: dict[str, int] = field(default_factory=dict)
    margin_type: dict[str, str] = field(default_factory=dict)
    dual: bool = False
    multi_assets: bool = False
    burns_bnb: bool = False  # are fees paid in BNB?
    margin_moves: list[tuple[int, str, str, Decimal]] = field(default_factory=list)  # time, symbol, side, amount
    countdowns: dict[str, int] = field(default_factory=dict)  # symbol → when its orders are cancelled
    updated_ms: int = 0

    def position(self, symbol: str, side: str) -> Position:
        """A position, made empty if it is not there yet."""
        return self.positions.setdefault((symbol, side), Position(symbol, side))

    def leverage_of(self, symbol: str) -> int:
        """20 until it is set."""
        return self.leverage.get(symbol, 20)

    def is_isolated(self, symbol: str) -> bool:
        """Is money set apart for this symbol's positions?"""
        return self.margin_type.get(symbol, "CROSSED") == "ISOLATED"


@dataclass(slots=True)
class Account:
    """One customer of the venue."""

    name: str
    key: str
    secret: str
    uid: int
    free: dict[str, Decimal] = field(default_factory=dict)
    locked: dict[str, Decimal] = field(default_factory=dict)
    futures: Futures = field(default_factory=Futures)
    orders: dict[int, Order] = field(default_factory=dict)  # open spot orders
    perpetual_orders: dict[int, Order] = field(default_factory=dict)
    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    perpetual_maker: Decimal = Decimal("0.0002")
    perpetual_taker: Decimal = Decimal("0.0005")
    can_trade: bool = True
    can_read: bool = True
    can_withdraw: bool = False  # a right of the key; nothing can be withdrawn here
    burns_bnb: bool = False  # are spot fees paid in BNB?
    updated_ms: int = 0

    def add(self, asset: str, amount: Decimal) -> None:
        """More, or less, free money."""
        self.free[asset] = self.free.get(asset, ZERO) + amount
        self.locked.setdefault(asset, ZERO)

    def hold(self, order: Order, asset: str, amount: Decimal) -> None:
        """Hold back so much for an order, more or less than until now."""
        more = amount - order.reserved
        self.free[asset] = self.free.get(asset, ZERO) - more
        self.locked[asset] = self.locked.get(asset, ZERO) + more
        order.reserved = amount

    def open_orders(self, *, perpetual: bool) -> dict[int, Order]:
        """Its open orders, by id."""
        return self.perpetual_orders if perpetual else self.orders
