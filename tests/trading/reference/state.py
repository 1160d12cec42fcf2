"""The whole state of a run, and how to look things up in it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import ConfigError

from .records import Controller, Executor, Fill, Hold, Order, Payment, Purse, Refusal
from .terms import NAN, ControllerTerms, Market, PurseTerms, Settings

DUST = 1e-12


@dataclass(slots=True)
class Place:
    """Where a walk stands: at vertex `at` (0 open to 3 close), or at `price` on the leg that begins at vertex `at`."""

    market: int
    open_ms: int
    close_ms: int
    vertices: list[float]  # known so far
    at: int = 0
    price: float = NAN
    on_leg: bool = False

    @property
    def timeframe_ms(self) -> int:
        return self.close_ms - self.open_ms

    def position(self) -> float:
        """How far along the path, from 0 to 3 (part 26)."""
        if not self.on_leg:
            return float(self.at)
        a, b = self.vertices[self.at], self.vertices[self.at + 1]
        return self.at + (self.price - a) / (b - a)

    def now_ms(self) -> int:
        if self.at == 3:
            return self.close_ms
        return self.open_ms + int(self.timeframe_ms * self.position() / 3.0)

    def arrival(self, ms: int) -> float:
        """The position at which a moment of this bar comes."""
        return 3.0 * (ms - self.open_ms) / self.timeframe_ms

    def arrival_price(self, ms: int, leg: int) -> float | None:
        """The price at which a moment comes, if it comes on this leg and has not come yet."""
        if self.open_ms < ms < self.close_ms and not self.reached(ms):
            where = self.arrival(ms)
            if int(where) == leg:
                a, b = self.vertices[leg], self.vertices[leg + 1]
                return a + (b - a) * (where - leg)
        return None

    def reached(self, ms: int) -> bool:
        """Has the walk come to a moment?"""
        if ms <= self.open_ms:
            return True
        if ms >= self.close_ms:
            return False
        where = self.arrival(ms)
        if not self.on_leg:
            return where <= self.at
        if int(where) != self.at:
            return int(where) < self.at
        a, b = self.vertices[self.at], self.vertices[self.at + 1]
        there = a + (b - a) * (where - self.at)
        return self.price >= there if b > a else self.price <= there


@dataclass(slots=True)
class World:
    """The whole state of a run. Slots are None where free; tables only grow."""

    settings: Settings
    base: list[float]
    last: list[float]
    purses: list[Purse]
    controllers: list[Controller]
    order_slots: list[Order | None] = field(default_factory=list)
    executor_slots: list[Executor | None] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    executors: list[Executor] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    liquidations: list[tuple[int, int]] = field(default_factory=list)  # row, purse
    funding_gaps: list[int] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    pnls: list[list[float]] = field(default_factory=list)
    quotes: dict[int, Order] = field(default_factory=dict)  # level → its last order
    holds: dict[int, Order] = field(default_factory=dict)  # level → its last order
    wishes: dict[int, float] = field(default_factory=dict)  # level → the exposure last asked for
    inventory: dict[tuple[int, int, int], Hold] = field(default_factory=dict)  # controller, market, leg (0: one-way)
    legs: list[dict[int, float]] = field(default_factory=list)  # by market: side → amount, in hedge mode
    entries: list[dict[int, float]] = field(default_factory=list)  # by market: side → average entry
    marks: list[float] = field(default_factory=list)
    basis: list[float] = field(default_factory=list)
    rooms: list[float] = field(default_factory=list)  # what is left of a bar's volume for us
    volumes: list[float] = field(default_factory=list)  # of the bar that is walked
    before: list[float] = field(default_factory=list)  # the last price before the bar that is walked
    bar_rows: list[int] = field(default_factory=list)  # the last row with a bar
    mark_bars: list[tuple[float, ...] | None] = field(default_factory=list)
    funding_next: list[int] = field(default_factory=list)
    peak: float = NAN
    rows_without_rate: int = 0
    rows_with_old_rate: int = 0
    row: int = 0
    now: int = 0
    row_began_ms: int = 0  # the close of the row before
    at_ms: int = 0  # path time
    active_row: int = 0  # of an order that is asked for now
    place: Place | None = None  # where a walk stands; None in a decision

    @property
    def cash(self) -> float:
        """The quote balance of the first purse."""
        return self.purses[0].quote

    def position(self, market: int) -> float:
        return self.base[self.settings.markets[market].base]

    def purse_of(self, market: int) -> Purse:
        return self.purses[self.settings.markets[market].purse]

    def kind(self, market: int) -> str:
        return self.purse_of(market).terms.kind

    def is_spot(self, market: int) -> bool:
        return self.kind(market) == "spot"

    def is_hedged(self, market: int) -> bool:
        return self.purse_of(market).terms.hedge

    def markets_of(self, purse: int) -> list[int]:
        return [m for m, market in enumerate(self.settings.markets) if market.purse == purse]


def new_world(settings: Settings) -> World:
    """A world before its first row."""
    bases = [market.base for market in settings.markets]
    if sorted(bases) != list(range(len(bases))):
        raise ConfigError(f"The bases of the markets are {bases}. Give each its own, numbered from 0.")
    n = len(bases)
    for stamp in settings.funding:
        if not settings.purses or settings.purses[settings.markets[stamp.market].purse].kind != "perpetual":
            raise ConfigError(f"Funding is given for market {stamp.market}, which is no perpetual. Leave it out.")
    terms = settings.purses or (PurseTerms(settings.cash, settings.account, settings.leverage),)
    purses = [Purse(one, one.cash, one.rate) for one in terms]
    for purse in purses:
        purse.volumes[-1] = purse.terms.volume
    owners = settings.controllers or (ControllerTerms(policy=settings.policy),)
    controllers = [Controller(one, [0.0] * n, [0.0] * n) for one in owners]
    world = World(settings, [0.0] * n, [NAN] * n, purses, controllers)
    world.legs = [{1: 0.0, -1: 0.0} for _ in range(n)]
    world.entries = [{1: NAN, -1: NAN} for _ in range(n)]
    world.marks, world.basis = [NAN] * n, [1.0] * n
    world.rooms, world.volumes, world.before = [math.inf] * n, [NAN] * n, [NAN] * n
    world.bar_rows, world.mark_bars = [-1] * n, [None] * n
    world.funding_next, world.funding_gaps = [0] * n, [0] * n
    for m, market in enumerate(settings.markets):
        start_with(world, m, market)
    return world


def start_with(world: World, m: int, market: Market) -> None:
    """The inventory that a run begins with belongs to the first controller."""
    if market.initial == 0.0:
        return
    world.base[market.base] = market.initial
    first = world.controllers[0]
    first.position[m], first.flow[m] = market.initial, -market.initial * market.initial_entry
    world.inventory[0, m, 0] = Hold(market.initial, market.initial_entry)


# Rates and equity ---------------------------------------------------------------------------------------------


def maker_rate(world: World, market: int) -> float:
    return _rate(world, market, 0, world.settings.markets[market].maker, world.settings.maker)


def taker_rate(world: World, market: int) -> float:
    return _rate(world, market, 1, world.settings.markets[market].taker, world.settings.taker)


def _rate(world: World, market: int, which: int, own: float | None, common: float) -> float:
    tier = world.purse_of(market).fees
    if tier is not None:
        return tier[which]
    return common if own is None else own


def slippage_of(world: World, market: int) -> float:
    own = world.settings.markets[market].slippage
    return world.settings.slippage if own is None else own


def equity(world: World) -> float:
    """Σ equity of purses at their rates; of a single purse its own (part 16)."""
    if len(world.purses) == 1:
        return purse_equity(world, 0)
    value = 0.0
    for place, purse in enumerate(world.purses):
        if not math.isnan(purse.rate):
            value += purse_equity(world, place) * purse.rate
    return value


def purse_equity(world: World, purse: int) -> float:
    """Quote balance + Σ base balance × last price; a market that has had no bar yet counts for nothing."""
    value = world.purses[purse].quote
    for market in world.markets_of(purse):
        last = world.last[market]
        if not math.isnan(last):
            value += world.position(market) * last
    return value


def own_equity(world: World, market: int) -> float:
    """Equity of the purse that a market belongs to."""
    return purse_equity(world, world.settings.markets[market].purse)


def is_fresh_rate(world: World, purse: Purse) -> bool:
    age = world.now - purse.rate_ms
    return not math.isnan(purse.rate) and (purse.terms.max_age_ms == 0 or age <= purse.terms.max_age_ms)


# Orders and executors -----------------------------------------------------------------------------------------


def active_orders(world: World, market: int) -> list[Order]:
    """The live orders of a market that a venue has by now, by slot."""
    return [
        order for order in world.order_slots
        if order is not None and order.market == market and order.active_row <= world.row
        and (world.place is None or world.place.reached(order.arrives_ms))
    ]  # fmt: skip


def executors_of(world: World, market: int) -> list[Executor]:
    """The executors of a market that are not done, by slot; those of two markets are not a market's."""
    return [
        one for one in world.executor_slots
        if one is not None and one.market == market and one.config.market2 < 0
    ]  # fmt: skip


def live_orders(world: World, executor: Executor) -> list[Order]:
    """The live orders of an executor, by slot."""
    return [order for order in world.order_slots if order is not None and order.executor_id == executor.id]


def is_deaf(world: World, executor: Executor) -> bool:
    """Is the report of a fill still on its way (part 26)?"""
    return world.place is not None and not world.place.reached(executor.hears_ms)


def take_slot(slots: list[Any], thing: Order | Executor) -> None:
    """The lowest free slot."""
    if None in slots:
        slots[slots.index(None)] = thing
    else:
        slots.append(thing)


def after_fill(before: float, change: float) -> float:
    """A balance after a change; what only the rounding of sums left behind is nothing."""
    after = before + change
    return 0.0 if abs(after) <= DUST * max(abs(before), abs(change)) else after


def holdings(world: World, controller: int, market: int) -> Iterator[tuple[int, Hold]]:
    """The position holds of a controller in a market: one, or one a leg."""
    for leg in (1, -1) if world.is_hedged(market) else (0,):
        key = (controller, market, leg)
        if key in world.inventory:
            yield leg, world.inventory[key]
