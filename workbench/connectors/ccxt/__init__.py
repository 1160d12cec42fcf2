"""Venues through ccxt's own client, unmodified: one protocol over all of them, with per-venue facts in a table."""

from workbench.connectors.ccxt.connector import CcxtConnector
from workbench.connectors.ccxt.venues import VENUES, DeadMan, Venue, facts
from workbench.connectors.ccxt.wire import Keys

__all__ = ["VENUES", "CcxtConnector", "DeadMan", "Keys", "Venue", "facts"]
