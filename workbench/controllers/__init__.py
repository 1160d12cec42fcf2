"""Strategies as values: candles in, targets out. They never see an order, a venue or the time of day.

`Controller` is the base of all; `Directional` of those that say buy, sell or nothing; `MarketMaking` of those that
quote both sides at several levels. docs/controllers.md has a paragraph on each of those that are shipped, and
`by_name("bollinger")` finds one for the command line.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from workbench.controllers import executors
from workbench.controllers.controller import Controller, Way
from workbench.controllers.directional import Directional
from workbench.controllers.executors import Executor, Order
from workbench.controllers.fields import Duration, Field, Fraction
from workbench.controllers.fingerprint import source
from workbench.controllers.registry import by_name, registry
from workbench.controllers.together import Together

if TYPE_CHECKING:
    from workbench.controllers.arbitrage import Arbitrage
    from workbench.controllers.avellaneda import AvellanedaMarketMaking
    from workbench.controllers.bollinger import Bollinger
    from workbench.controllers.dman import Dman
    from workbench.controllers.dman_maker import DmanMaker
    from workbench.controllers.grid_strike import GridStrike
    from workbench.controllers.guarded import Guarded
    from workbench.controllers.ladders import Laddered
    from workbench.controllers.macd_bollinger import MacdBollinger
    from workbench.controllers.market_making import MarketMaking
    from workbench.controllers.pmm_dynamic import PmmDynamic
    from workbench.controllers.pmm_simple import PmmSimple
    from workbench.controllers.pure_market_making import PureMarketMaking
    from workbench.controllers.sma_cross import SmaCross
    from workbench.controllers.spot_perpetual import SpotPerpetualArbitrage
    from workbench.controllers.stat_arb import StatArb
    from workbench.controllers.supertrend import SuperTrend
    from workbench.controllers.xemm import Xemm

# Each is loaded when it is first asked for: a backtest of one need not wait for all.
HOMES = {
    "arbitrage": "Arbitrage",
    "avellaneda": "AvellanedaMarketMaking",
    "bollinger": "Bollinger",
    "dman": "Dman",
    "dman_maker": "DmanMaker",
    "grid_strike": "GridStrike",
    "guarded": "Guarded",
    "ladders": "Laddered",
    "macd_bollinger": "MacdBollinger",
    "market_making": "MarketMaking",
    "pmm_dynamic": "PmmDynamic",
    "pmm_simple": "PmmSimple",
    "pure_market_making": "PureMarketMaking",
    "sma_cross": "SmaCross",
    "spot_perpetual": "SpotPerpetualArbitrage",
    "stat_arb": "StatArb",
    "supertrend": "SuperTrend",
    "xemm": "Xemm",
}
HOME = {name: home for home, names in HOMES.items() for name in names.split()}

__all__ = [
    "Arbitrage",
    "AvellanedaMarketMaking",
    "Bollinger",
    "Controller",
    "Directional",
    "Dman",
    "DmanMaker",
    "Duration",
    "Executor",
    "Field",
    "Fraction",
    "GridStrike",
    "Guarded",
    "Laddered",
    "MacdBollinger",
    "MarketMaking",
    "Order",
    "PmmDynamic",
    "PmmSimple",
    "PureMarketMaking",
    "SmaCross",
    "SpotPerpetualArbitrage",
    "StatArb",
    "SuperTrend",
    "Together",
    "Way",
    "Xemm",
    "by_name",
    "executors",
    "registry",
    "source",
]


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"workbench.controllers has no {name!r}. It offers {', '.join(__all__)}.")
    return getattr(importlib.import_module(f"{__name__}.{HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
