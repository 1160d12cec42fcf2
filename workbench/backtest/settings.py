"""The terms of a backtest: money, account and matching models, checked before anything runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from workbench.errors import ConfigError
from workbench.market import Instrument, Policy
from workbench.trading import Fees, Latency, Path, Slippage, World, new_world

PATHS = ("worst", "best", "ohlc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything beside the bot and the candles that decides a result."""

    cash: float = 10_000.0
    account: str = "spot"
    leverage: float = 1.0
    fees: Fees = field(default_factory=Fees)
    slippage: Slippage = field(default_factory=Slippage)
    latency: Latency = field(default_factory=Latency)
    path: str = "worst"
    fill: str = "touch"
    log_quotes: bool = False

    def __post_init__(self) -> None:
        if not is_number(self.cash) or not 0 < self.cash < np.inf:
            raise ConfigError(f"`cash` is {self.cash!r}. Start with an amount of quote currency above 0.")
        object.__setattr__(self, "cash", float(self.cash))
        _choose("account", self.account, ("spot", "margin"))
        if self.path not in PATHS:
            shown = ", ".join(map(repr, PATHS))
            raise ConfigError(f"`path` is {self.path!r}. Choose one of {shown}, or give candles of a finer timeframe.")
        _choose("fill", self.fill, ("touch", "through"))
        if not is_number(self.leverage) or not 0 < self.leverage <= 1000:
            raise ConfigError(f"`leverage` is {self.leverage!r}. It is a number above 0, such as 1 or 3.")
        if not isinstance(self.log_quotes, bool):
            raise ConfigError(f"`log_quotes` is {self.log_quotes!r}. Choose True or False.")
        if self.account == "spot" and self.leverage != 1.0:
            raise ConfigError(
                f'A spot account has no leverage, and `leverage` is {self.leverage}. Pass account="margin".'
            )

    def facts(self) -> dict[str, Any]:
        """The settings as plain values, for the card."""
        return asdict(self)

    def world(self, instruments: list[Instrument], policy: Policy | None) -> World:
        """An empty world under these terms."""
        world = new_world(n_markets=len(instruments), cash=float(self.cash))
        world["margin"], world["leverage"] = self.account == "margin", self.leverage
        world["latency"], world["path"] = self.latency.bars, Path[self.path.upper()]
        world["through"], world["log_quotes"] = self.fill == "through", self.log_quotes
        markets = world["markets"][0]
        markets["maker"], markets["taker"] = self.fees.maker, self.fees.taker
        markets["slippage"], markets["fee_received"] = self.slippage.fraction, self.fees.paid_in == "received"
        for m, instrument in enumerate(instruments):
            for name in ("tick", "lot", "min_amount", "min_notional"):
                markets[name][m] = getattr(instrument, name)
        terms = policy or Policy()
        for name in ("max_per_side", "cooldown_ms", "close_on_opposite", "net_of_fees", "take_profit_kind"):
            world["policy"][name] = getattr(terms, name)
        return world


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _choose(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"`{name}` is {value!r}. Choose one of {', '.join(map(repr, choices))}.")
