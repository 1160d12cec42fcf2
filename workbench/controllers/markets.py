"""The candles of one market, or of two, that a controller was given to trade on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.errors import ConfigError
from workbench.market import Candles


def one_market(owner: str, candles: Any) -> Candles:
    """The candles of the only market.

    Raises
    ------
    ConfigError
        If there are several.
    """
    if isinstance(candles, Candles):
        return candles
    shown = ", ".join(candles) if isinstance(candles, Mapping) else type(candles).__name__
    raise ConfigError(f"{owner} trades one market and was given {shown}. Give the candles of one: make a bot for each.")


def two_markets(owner: str, candles: Any) -> tuple[Candles, Candles]:
    """The candles of the first and of the second market.

    Raises
    ------
    ConfigError
        If there are not two of them.
    """
    if isinstance(candles, Mapping) and len(candles) == 2:
        first, second = candles.values()
        return first, second
    count = len(candles) if isinstance(candles, Mapping) else 1
    raise ConfigError(
        f"{owner} trades two markets and was given {count}. Give both, as in "
        f"wb.backtest(bot, [candles_here, candles_there])."
    )
