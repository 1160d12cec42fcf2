"""The simulated venue: a real server on loopback that speaks Binance's spot and USD-M futures dialects.

A deterministic core (books, balances, margin, one ledger that is the oracle) in a thin shell of HTTP and WebSockets.
It is a test bench and a playground; it decides nothing for anybody.
"""

from workbench.connectors.simulated.clock import Clock
from workbench.connectors.simulated.control import Control
from workbench.connectors.simulated.core import Core
from workbench.connectors.simulated.crowd import Crowd
from workbench.connectors.simulated.faults import Faults, Rule
from workbench.connectors.simulated.ladder import Ladder
from workbench.connectors.simulated.proxy import FaultProxy, Toxic
from workbench.connectors.simulated.server import SimulatedVenue
from workbench.connectors.simulated.sources import CandleSource, RecordedSource, SeededMarket
from workbench.connectors.simulated.symbols import Symbol

__all__ = [
    "CandleSource",
    "Clock",
    "Control",
    "Core",
    "Crowd",
    "FaultProxy",
    "Faults",
    "Ladder",
    "RecordedSource",
    "Rule",
    "SeededMarket",
    "SimulatedVenue",
    "Symbol",
    "Toxic",
]
