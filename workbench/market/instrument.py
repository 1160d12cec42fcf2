"""Instruments: what is traded, and in which steps."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.errors import ConfigError

_SYMBOL = re.compile(r"([^\s/:\-]+)([/\-])([^\s/:\-]+)(?::([^\s/:\-]+))?")


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is traded: a base asset against a quote asset, in steps that the venue sets.

    Attributes
    ----------
    symbol : str
        As ccxt writes it: "BTC/USDT" is spot, "BTC/USDT:USDT" a perpetual settled in USDT.
    tick, lot : float
        Steps of price and of amount (base units); 0: any price, any amount.
    min_amount, min_notional : float
        Smallest order in base units and in quote currency; 0: none.
    """

    symbol: str
    base: str
    quote: str
    settle: str | None = None
    tick: float = 0.0
    lot: float = 0.0
    min_amount: float = 0.0
    min_notional: float = 0.0

    def __post_init__(self) -> None:
        for name in ("tick", "lot", "min_amount", "min_notional"):
            value = getattr(self, name)
            if not 0.0 <= value < float("inf"):
                raise ConfigError(f"{self.symbol}: `{name}` is {value}. Give 0 (none) or a positive number.")

    @classmethod
    def parse(
        cls,
        symbol: str | Instrument,
        *,
        tick: float = 0.0,
        lot: float = 0.0,
        min_amount: float = 0.0,
        min_notional: float = 0.0,
    ) -> Instrument:
        """Read a symbol such as "BTC/USDT", "BTC/USDT:USDT" or Hummingbot's "BTC-USDT"; an Instrument stays itself.

        Raises
        ------
        ConfigError
            If it is no such symbol.
        """
        if isinstance(symbol, Instrument):
            return symbol
        found = _SYMBOL.fullmatch(symbol) if isinstance(symbol, str) else None
        if not found or (found[2] == "-" and found[4]) or found[1] == found[3]:
            raise ConfigError(
                f'{symbol!r} is not an instrument. Write "BTC/USDT" for spot or "BTC/USDT:USDT" for a perpetual.'
            )
        base, quote, settle = found[1], found[3], found[4]
        whole = f"{base}/{quote}:{settle}" if settle else f"{base}/{quote}"
        return cls(whole, base, quote, settle, tick, lot, min_amount, min_notional)

    @property
    def is_perpetual(self) -> bool:
        """Is this a perpetual swap, settled in `settle`?"""
        return self.settle is not None

    def __str__(self) -> str:
        return self.symbol
