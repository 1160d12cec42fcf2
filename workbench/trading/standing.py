"""Where a run stands against its limits: what it holds, what rests, what it sent, won and lost. A pure fold.

It is told what happened, in the journal's order, and nothing else; the same told again gives the same standing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from workbench.market import BUY, SELL
from workbench.trading.messages import PRICED, ZERO, Fill, Intent

MINUTE_MS, DAY_MS = 60_000, 86_400_000
Leg = tuple[str, int]  # instrument; BUY or SELL in hedge mode, 0 in one-way mode and on spot


@dataclass(slots=True)
class Resting:
    """What is left of an order that lives, or may live."""

    leg: Leg
    side: int
    left: Decimal
    cannot_grow: bool  # reduce-only: the venue itself sees to it


@dataclass(slots=True)
class Worth:
    """A sum that goes up and down, and its peak."""

    now: float
    peak: float


@dataclass(slots=True)
class Standing:
    """What the risk gate looks at; only the calls below change it."""

    prices: dict[str, tuple[Decimal, int]] = field(default_factory=dict)
    held: dict[Leg, Decimal] = field(default_factory=dict)
    resting: dict[str, Resting] = field(default_factory=dict)
    free: dict[str, Decimal] = field(default_factory=dict)
    spent: dict[str, Decimal] = field(default_factory=dict)  # by orders that the venue's balances may not show yet
    sent_ms: list[int] = field(default_factory=list)
    odd_ms: list[int] = field(default_factory=list)
    controllers: dict[str, Worth] = field(default_factory=dict)
    equity: Worth | None = None
    total: Worth | None = None
    start_equity: float = 0.0
    day: int = -1
    day_equity: float = 0.0
    is_paused: bool = False
    is_tripped: bool = False

    # --- what happened ---

    def heard(self, instrument: str, price: Decimal, time_ms: int) -> None:
        """A price, stamped with the time up to which it is known to hold (of a bar: its close)."""
        known = self.prices.get(instrument)
        if known is None or time_ms >= known[1]:
            self.prices[instrument] = (price, time_ms)

    def sent(self, intent: Intent, time_ms: int) -> None:
        """An approved intent is on its way."""
        leg = (intent.instrument, intent.position_side)
        self.resting[intent.client_id] = Resting(leg, intent.side, intent.amount, intent.reduce_only)
        asset, amount = self.takes(intent)
        self.spent[asset] = self.spent.get(asset, ZERO) + amount
        self.sent_ms = [sent for sent in self.sent_ms if sent > time_ms - MINUTE_MS] + [time_ms]

    def fund(self, amount: float) -> None:
        """Money was added: every mark that equity is measured by rises with it."""
        self.start_equity += amount
        self.day_equity += amount
        for worth in (self.equity, self.total):
            if worth is not None:
                worth.now, worth.peak = worth.now + amount, worth.peak + amount

    def filled(self, client_id: str, fill: Fill, *, position_side: int | None = None) -> None:
        """An execution, each told once; `client_id` is empty for one of an order that is not ours."""
        order = self.resting.get(client_id)
        side = position_side if position_side is not None else order.leg[1] if order else 0
        leg = (fill.instrument, side)
        self.held[leg] = self.held.get(leg, ZERO) + fill.side * fill.amount
        if order is not None:
            order.left = max(order.left - fill.amount, ZERO)

    def ended(self, client_id: str) -> None:
        """An order has ended; what was left of it rests no more. An order that lives after all is told to `sent`."""
        self.resting.pop(client_id, None)

    def holds(self, instrument: str, amount: Decimal, *, leg: int = 0) -> None:
        """The position as it was proven to be: at a start, or after a trade that was not ours."""
        self.held[instrument, leg] = amount

    def has(self, free: Mapping[str, Decimal]) -> None:
        """What the venue calls free, of the assets that it names."""
        self.free.update(free)
        for asset in free:
            self.spent.pop(asset, None)

    def worth(self, equity: float, time_ms: int) -> None:
        """The run's equity in quote currency."""
        if self.equity is None:
            self.start_equity, self.equity = equity, Worth(equity, equity)
        if time_ms // DAY_MS != self.day:
            self.day, self.day_equity = time_ms // DAY_MS, self.equity.now
        _move(self.equity, equity)

    def earned(self, controller: str, pnl: float) -> None:
        """A controller's PnL since it began, in quote currency."""
        _move(self.controllers.setdefault(controller, Worth(0.0, 0.0)), pnl)

    def earned_together(self, pnl: float) -> None:
        """The PnL of all runs together, in quote currency."""
        self.total = self.total or Worth(0.0, 0.0)
        _move(self.total, pnl)

    def oddity(self, time_ms: int, most: int | None) -> None:
        """A venue refused an order, or did what it should not; `most` of them within a minute trip the breaker."""
        self.odd_ms = [odd for odd in self.odd_ms if odd > time_ms - MINUTE_MS] + [time_ms]
        self.is_tripped = self.is_tripped or (most is not None and len(self.odd_ms) >= most)

    def pause(self) -> None:
        """Nothing is opened from now on; exits go on."""
        self.is_paused = True

    def resume(self) -> None:
        """Open again; a breaker that had tripped is set back."""
        self.is_paused = self.is_tripped = False
        self.odd_ms.clear()

    # --- what follows from it ---

    def last(self, instrument: str) -> Decimal | None:
        """The last price; None: none was heard."""
        known = self.prices.get(instrument)
        return known[0] if known else None

    def reach(self, leg: Leg) -> tuple[Decimal, Decimal]:
        """The lowest and the highest that a position can come to if what rests is filled."""
        low = high = self.held.get(leg, ZERO)
        for order in self.resting.values():
            if order.leg == leg and not order.cannot_grow:
                low, high = (low, high + order.left) if order.side == BUY else (low - order.left, high)
        return low, high

    def largest(self, leg: Leg) -> Decimal:
        """Base units of the larger of both."""
        low, high = self.reach(leg)
        return max(abs(low), abs(high))

    def dearest(self, intent: Intent) -> Decimal:
        """The highest of the prices at which an intent may be filled, for all that is known; 0: nothing is."""
        last = self.last(intent.instrument) or ZERO
        if intent.kind in PRICED and intent.side == BUY:
            return intent.price or last
        return max(intent.price or last, intent.trigger or last, last)

    def takes(self, intent: Intent) -> tuple[str, Decimal]:
        """How much of which asset an intent may take; of a perpetual, its whole value in what it is settled in."""
        pair, _, settle = intent.instrument.partition(":")
        base, _, quote = pair.partition("/")
        if not settle and intent.side == SELL:
            return base, intent.amount
        return settle or quote, intent.amount * self.dearest(intent)

    def legs(self) -> set[Leg]:
        """Every leg that is held or may come to be."""
        return {*self.held, *(order.leg for order in self.resting.values())}

    def exposure(self) -> Decimal:
        """Quote currency: the largest that every position can come to, at the last price."""
        return sum((self.largest(leg) * (self.last(leg[0]) or ZERO) for leg in self.legs()), ZERO)

    def reduces(self, intent: Intent) -> bool:
        """Can this intent do nothing but make the position smaller, even if all that rests is filled too?"""
        if intent.reduce_only:
            return True
        leg = (intent.instrument, intent.position_side)
        low, high = self.reach(leg)
        held = self.held.get(leg, ZERO)
        if intent.side == SELL:
            return held > 0 and low - intent.amount >= 0
        return held < 0 and high + intent.amount <= 0


def _move(worth: Worth, value: float) -> None:
    worth.now, worth.peak = value, max(worth.peak, value)
