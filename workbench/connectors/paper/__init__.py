"""Paper trading: real prices, our own matching, the whole protocol; only the money is not real."""

from workbench.connectors.paper.connector import PaperConnector
from workbench.connectors.paper.matching import Matching
from workbench.connectors.paper.memory import Memory

__all__ = ["Matching", "Memory", "PaperConnector"]
