"""Strategies as values: candles in, targets out. They never see an order, a venue or the time of day.

`Controller` is the base of all; `Directional` of those that say buy, sell or nothing. Shipped: `SmaCross`, `Bollinger`,
`MacdBollinger`, `SuperTrend`; `by_name("bollinger")` finds one for the command line.
"""

from workbench.controllers import executors
from workbench.controllers.bollinger import Bollinger
from workbench.controllers.controller import Controller, Way
from workbench.controllers.directional import Directional
from workbench.controllers.executors import Executor, Order
from workbench.controllers.fields import Duration, Field, Fraction
from workbench.controllers.macd_bollinger import MacdBollinger
from workbench.controllers.registry import by_name, registry
from workbench.controllers.sma_cross import SmaCross
from workbench.controllers.supertrend import SuperTrend

__all__ = [
    "Bollinger",
    "Controller",
    "Directional",
    "Duration",
    "Executor",
    "Field",
    "Fraction",
    "MacdBollinger",
    "Order",
    "SmaCross",
    "SuperTrend",
    "Way",
    "by_name",
    "executors",
    "registry",
]
