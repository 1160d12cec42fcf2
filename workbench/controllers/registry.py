"""The shipped controllers by name, for those who type names: the command line and settings files."""

from __future__ import annotations

import importlib
from difflib import get_close_matches

from workbench.controllers.controller import Controller
from workbench.errors import ConfigError

CLASSES = {
    "sma_cross": "SmaCross",
    "bollinger": "Bollinger",
    "macd_bollinger": "MacdBollinger",
    "supertrend": "SuperTrend",
    "pmm_simple": "PmmSimple",
    "arbitrage": "Arbitrage",
    "dman": "Dman",
    "dman_maker": "DmanMaker",
    "grid_strike": "GridStrike",
    "pmm_dynamic": "PmmDynamic",
    "pure_market_making": "PureMarketMaking",
    "spot_perpetual_arbitrage": "SpotPerpetualArbitrage",
    "stat_arb": "StatArb",
    "xemm": "Xemm",
    "avellaneda_market_making": "AvellanedaMarketMaking",
}


def registry() -> dict[str, type[Controller]]:
    """Every shipped controller under the name that a terminal or a settings file uses."""
    door = importlib.import_module("workbench.controllers")
    return {name: getattr(door, cls) for name, cls in CLASSES.items()}


def by_name(name: str) -> type[Controller]:
    """The controller of that name; case, hyphens and underscores do not matter.

    Raises
    ------
    ConfigError
        If there is none; the message lists those that there are.
    """
    known = registry()
    plain = {_plain(key): cls for key, cls in known.items()}
    if _plain(name) in plain:
        return plain[_plain(name)]
    near = get_close_matches(_plain(name), plain, n=1)
    guess = f" Did you mean {next(key for key in known if _plain(key) == near[0])}?" if near else ""
    raise ConfigError(f"There is no controller {name!r}.{guess} There are {', '.join(known)}.")


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")
