"""Strategies as values: candles in, targets out. They never see an order, a venue or the time of day.

`Controller` is the base of all; `Directional` of those that say buy, sell or nothing; `MarketMaking` of those that
quote both sides at several levels. docs/controllers.md has a paragraph on each of those that are shipped, and
`by_name("bollinger")` finds one for the command line.
"""

from workbench.controllers import executors
from workbench.controllers.avellaneda import AvellanedaMarketMaking
from workbench.controllers.bollinger import Bollinger
from workbench.controllers.controller import Controller, Way
from workbench.controllers.directional import Directional
from workbench.controllers.executors import Executor, Order
from workbench.controllers.fields import Duration, Field, Fraction
from workbench.controllers.macd_bollinger import MacdBollinger
from workbench.controllers.market_making import MarketMaking
from workbench.controllers.pmm_simple import PmmSimple
from workbench.controllers.registry import by_name, registry
from workbench.controllers.sma_cross import SmaCross
from workbench.controllers.supertrend import SuperTrend

__all__ = [
    "AvellanedaMarketMaking",
    "Bollinger",
    "Controller",
    "Directional",
    "Duration",
    "Executor",
    "Field",
    "Fraction",
    "MacdBollinger",
    "MarketMaking",
    "Order",
    "PmmSimple",
    "SmaCross",
    "SuperTrend",
    "Way",
    "by_name",
    "executors",
    "registry",
]
