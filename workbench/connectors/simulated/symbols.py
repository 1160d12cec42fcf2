"""Symbols of the venue: what is traded, and the rules that its orders must keep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

from workbench.connectors.simulated.amounts import ONE, ZERO, places
from workbench.errors import ConfigError
from workbench.market import Instrument

BRACKETS = ((50_000, 125, "0.004"), (500_000, 100, "0.005"), (8_000_000, 50, "0.01"), (50_000_000, 20, "0.025"),
            (80_000_000, 10, "0.05"), (100_000_000, 5, "0.10"), (400_000_000, 2, "0.25"),
            (600_000_000, 1, "0.5"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bracket:
    """One step of the margin that a position needs: up to a notional value, how much leverage and what must stay."""

    number: int
    leverage: int
    floor: Decimal
    cap: Decimal
    rate: Decimal  # maintenance margin per notional value
    deduction: Decimal  # what the lower brackets ask less, so that the sum has no jumps


@dataclass(frozen=True, slots=True)
class Symbol:
    """What is traded, in which steps and within which bounds; a perpetual if `perpetual`.

    Attributes
    ----------
    name, base, quote : str
        "BTCUSDT", "BTC", "USDT". A perpetual is settled in its quote.
    tick, lot : Decimal
        Steps of price and amount.
    status : str
        "TRADING", "HALT", "BREAK", "CANCEL_ONLY"; a delisted symbol leaves the venue.
    """

    name: str
    base: str
    quote: str
    perpetual: bool = False
    tick: Decimal = Decimal("0.01")
    lot: Decimal = Decimal("0.00001")
    min_price: Decimal = Decimal("0.01")
    max_price: Decimal = Decimal(1_000_000)
    max_amount: Decimal = Decimal(9_000)
    market_max_amount: Decimal = Decimal(100)
    min_notional: Decimal = Decimal(5)
    max_notional: Decimal = Decimal(9_000_000)
    price_up: Decimal = Decimal(5)  # bounds of a price, as multiples of the average or the mark
    price_down: Decimal = Decimal("0.2")
    max_orders: int = 200
    max_algo_orders: int = 5
    max_parts: int = 100
    max_position: Decimal = ZERO  # 0: no such rule
    status: str = "TRADING"
    funding_hours: int = 8
    funding_cap: Decimal = Decimal("0.02")
    liquidation_fee: Decimal = Decimal("0.0125")
    onboarded_ms: int = 1_502_942_400_000

    @property
    def symbol(self) -> str:
        """The name that ccxt and workbench give it."""
        return f"{self.base}/{self.quote}:{self.quote}" if self.perpetual else f"{self.base}/{self.quote}"

    @property
    def price_places(self) -> int:
        """Decimals of a price."""
        return places(self.tick)

    @property
    def amount_places(self) -> int:
        """Decimals of an amount."""
        return places(self.lot)

    @property
    def brackets(self) -> tuple[Bracket, ...]:
        """Margin brackets of a perpetual, lowest first."""
        return _brackets()

    def changed(self, **rules: object) -> Symbol:
        """The same symbol under other rules; numbers may be given as text."""
        unknown = sorted(set(rules) - set(self.__slots__))
        if unknown:
            raise ConfigError(
                f"{self.name}: no rule is called {', '.join(unknown)}. There are {', '.join(self.__slots__)}."
            )
        made: dict[str, Any] = {name: _like(getattr(self, name), value) for name, value in rules.items()}
        return replace(self, **made)

    @classmethod
    def of(cls, instrument: str | Instrument, price: float | Decimal = 100) -> Symbol:
        """Rules that fit an instrument at about this price; the tick and lot of an `Instrument` are kept.

        >>> Symbol.of("BTC/USDT", 60_000).tick
        Decimal('0.01')
        """
        instrument = Instrument.parse(instrument)
        if instrument.settle not in (None, instrument.quote):
            raise ConfigError(f"{instrument}: the simulated venue has perpetuals that settle in their quote only. "
                              f"Write {instrument.base}/{instrument.quote}:{instrument.quote}.")  # fmt: skip
        near = Decimal(str(price))
        tick = Decimal(str(instrument.tick)) if instrument.tick else _tick(near, instrument.is_perpetual)
        lot = Decimal(str(instrument.lot)) if instrument.lot else _lot(near, instrument.is_perpetual)
        room = _power((100_000_000 / near) if near else ONE)
        return cls(instrument.base + instrument.quote, instrument.base, instrument.quote, instrument.is_perpetual,
                   tick.normalize(), lot.normalize(), min_price=tick.normalize(), max_price=_power(near) * 1_000,
                   max_amount=max(room, lot), market_max_amount=max(room, lot),
                   price_up=Decimal("1.05") if instrument.is_perpetual else Decimal(5),
                   price_down=Decimal("0.95") if instrument.is_perpetual else Decimal("0.2"),
                   min_notional=Decimal(str(instrument.min_notional or 5)))  # fmt: skip


@cache
def _brackets() -> tuple[Bracket, ...]:
    steps, floor, rate, deduction = [], ZERO, ZERO, ZERO
    for number, (cap, leverage, step_rate) in enumerate(BRACKETS, 1):
        deduction += floor * (Decimal(step_rate) - rate)
        rate = Decimal(step_rate)
        steps.append(Bracket(number, leverage, floor, Decimal(cap), rate, deduction))
        floor = Decimal(cap)
    return tuple(steps)


def _power(value: Decimal) -> Decimal:
    """The power of ten at or below a value above 0, without an exponent."""
    return Decimal(10) ** value.adjusted()


def _tick(price: Decimal, perpetual: bool) -> Decimal:
    return _power(price) * Decimal("0.00001" if perpetual else "0.000001") if price >= 1 else Decimal("0.0000001")


def _lot(price: Decimal, perpetual: bool) -> Decimal:
    return min(max(Decimal("0.00001"), ONE / _power(max(price, ONE)) / 10), ONE) if not perpetual else Decimal("0.001")


def _like(old: object, value: object) -> object:
    return Decimal(str(value)) if isinstance(old, Decimal) else type(old)(value)  # type: ignore[call-arg]
