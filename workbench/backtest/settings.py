"""The terms of a backtest: money, account and matching models, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from workbench.backtest.accounts import purse_world
from workbench.errors import ConfigError
from workbench.market import Instrument, Policy
from workbench.trading import (
    Fees,
    Intensity,
    Latency,
    Path,
    Perpetual,
    Queue,
    QueuePosition,
    Slippage,
    World,
    new_world,
)

PATHS = ("worst", "best", "ohlc")
# Terms that only a world with purses knows; at these values a run has none, and costs nothing for them.
PLAIN: dict[str, Any] = {
    "perpetual": None,
    "participation": 0.0,
    "funding_gaps": "refuse",
    "purses": None,
    "max_rate_age_ms": 0,
}


MODELS = {
    "slippage": ("half_spread", "impact"),
    "latency": ("submit_ms", "cancel_ms", "report_ms"),
    "fees": ("tiers", "traded", "coin", "discount"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything beside the bot and the candles that decides a result."""

    cash: float = 10_000.0  # of all purses
    account: str = "spot"
    leverage: float = 1.0
    fees: Fees = field(default_factory=Fees)
    slippage: Slippage = field(default_factory=Slippage)
    latency: Latency = field(default_factory=Latency)
    path: str = "worst"
    fill: str | Queue | Intensity | QueuePosition = "touch"
    log_quotes: bool = False
    trace: bool = False
    perpetual: Perpetual | None = None
    participation: float = 0.0
    funding_gaps: str = "refuse"
    purses: Mapping[str, float] | None = None  # cash of each; None: all markets share one
    max_rate_age_ms: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_cash()
        _choose("account", self.account, ("spot", "margin"))
        if self.path not in PATHS:
            shown = ", ".join(map(repr, PATHS))
            raise ConfigError(f"`path` is {self.path!r}. Choose one of {shown}, or give candles of a finer timeframe.")
        if not isinstance(self.fill, Queue | Intensity | QueuePosition):
            _choose("fill", self.fill, ("touch", "through"))
        if not is_number(self.leverage) or not 0 < self.leverage <= 1000:
            raise ConfigError(f"`leverage` is {self.leverage!r}. It is a number above 0, such as 1 or 3.")
        for name in ("log_quotes", "trace"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"`{name}` is {getattr(self, name)!r}. Choose True or False.")
        if self.account == "spot" and self.leverage != 1.0:
            more = " Perpetual(leverage=…) has one of its own." if self.perpetual else ""
            raise ConfigError(
                f'A spot account has no leverage, and `leverage` is {self.leverage}. Pass account="margin".{more}'
            )
        if not is_number(self.participation) or not 0.0 <= self.participation <= 1.0:
            raise ConfigError(
                f"`participation` is {self.participation!r}. It is the share of a bar's volume that fills at most: "
                f"0.1 for a tenth, 0 for no limit."
            )
        if not is_number(self.max_rate_age_ms) or self.max_rate_age_ms < 0:
            raise ConfigError(f"`max_rate_age` is {self.max_rate_age_ms} ms. Give a length of time, or 0 for any age.")
        _choose("funding_gaps", self.funding_gaps, ("refuse", "name"))
        if self.perpetual is not None and not isinstance(self.perpetual, Perpetual):
            raise ConfigError(f"`perpetual` is {self.perpetual!r}. Give one, as in perpetual=wb.Perpetual(leverage=5).")

    def _check_cash(self) -> None:
        for name, one in {"": self.cash, **(self.purses or {})}.items():
            of = f" of {name!r}" if name else ""
            if not is_number(one) or not 0 < one < np.inf:
                raise ConfigError(f"`cash`{of} is {one!r}. Start with an amount of quote currency above 0.")

    @property
    def has_purses(self) -> bool:
        """Is there anything in these terms that only a world with purses knows?"""
        spread = self.slippage.half_spread or self.slippage.impact
        given = any(getattr(self, name) != value for name, value in PLAIN.items())
        modelled = self.fees.tiers or self.fees.coin or self.latency.in_ms or not isinstance(self.fill, str)
        return bool(given or spread or modelled)

    def facts(self) -> dict[str, Any]:
        """The settings as plain values, for the card; what a plain run has none of is left out."""
        facts = asdict(self)
        for name, value in (*PLAIN.items(), ("seed", facts["seed"]), ("trace", False)):
            if facts[name] == value:
                del facts[name]
        for model, names in MODELS.items():
            for name in names:
                if not facts[model][name]:
                    del facts[model][name]
        if not isinstance(self.fill, str):
            facts["fill"] = {"model": type(self.fill).__name__, **asdict(self.fill)}
        return facts

    def world(
        self,
        instruments: list[Instrument],
        policy: Policy | None,
        venues: list[str] | None = None,
        *,
        purses: bool = False,
    ) -> World:
        """An empty world under these terms; one with purses also if the candles ask for it."""
        if purses or self.has_purses:
            world = purse_world(self, instruments, venues or [""] * len(instruments))
        else:
            world = new_world(n_markets=len(instruments), cash=self.cash)
            world["margin"], world["leverage"] = self.account == "margin", self.leverage
            world["through"] = self.fill == "through"
        world["latency"], world["path"] = self.latency.bars, Path[self.path.upper()]
        world["log_quotes"], world["traces"] = self.log_quotes or self.trace, self.trace
        markets = world["markets"][0]
        markets["maker"], markets["taker"] = self.fees.maker, self.fees.taker
        markets["slippage"] = self.slippage.fraction
        for m, instrument in enumerate(instruments):
            markets["fee_received"][m] = self.fees.paid_in == "received" and not instrument.is_perpetual
            for name in ("tick", "lot", "min_amount", "min_notional"):
                markets[name][m] = getattr(instrument, name)
        set_policy(world, policy or Policy())
        return world


def set_policy(world: World, policy: Policy) -> None:
    """How targets become executors, in a world."""
    for name in ("max_per_side", "cooldown_ms", "close_on_opposite", "net_of_fees", "take_profit_kind"):
        world["policy"][name] = getattr(policy, name)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _choose(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"`{name}` is {value!r}. Choose one of {', '.join(map(repr, choices))}.")
