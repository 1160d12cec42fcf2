"""Venues: where orders go and prices come from. No decisions are taken here.

Names are fetched when they are first used: a room full of venues costs nothing until one of them is wanted.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.connectors.book import Book
    from workbench.connectors.budget import afford, held, make_room, needs
    from workbench.connectors.ccxt import CcxtConnector, Keys, Venue, facts
    from workbench.connectors.clock import Clock, PacedClock, SystemClock, VenueClock, pace
    from workbench.connectors.errors import AlreadyThere, ClockOff, KeyRefused, NoFunds, NotThere, Throttled
    from workbench.connectors.fees import FeeBook, FeeRates
    from workbench.connectors.heap import freeze_heap
    from workbench.connectors.ids import MAX_EXECUTOR, IdRule, client_order_id, is_of_run
    from workbench.connectors.paper import Memory, PaperConnector
    from workbench.connectors.protocol import (
        Balances,
        Behind,
        Changed,
        Connector,
        Depth,
        Edited,
        Event,
        Fault,
        Freshness,
        Gap,
        Offset,
        Positions,
        Rights,
        Stream,
    )
    from workbench.connectors.rounding import Misfit, fit
    from workbench.connectors.simulated import (
        CandleSource,
        Crowd,
        FaultProxy,
        Faults,
        RecordedSource,
        SeededMarket,
        SimulatedVenue,
        Toxic,
    )
    from workbench.connectors.throttle import Allowance, Throttle
    from workbench.connectors.values import (
        Balance,
        Bar,
        FundingPayment,
        FundingRate,
        Listing,
        MarginMode,
        Position,
        Quote,
        Rules,
        Ticker,
        Trade,
    )

HOMES = {
    "book": "Book",
    "budget": "afford held make_room needs",
    "ccxt": "CcxtConnector Keys Venue facts",
    "clock": "Clock PacedClock SystemClock VenueClock pace",
    "errors": "AlreadyThere ClockOff KeyRefused NoFunds NotThere Throttled",
    "fees": "FeeBook FeeRates",
    "heap": "freeze_heap",
    "ids": "IdRule MAX_EXECUTOR client_order_id is_of_run",
    "paper": "Memory PaperConnector",
    "protocol": "Balances Behind Changed Connector Depth Edited Event Fault Freshness Gap Offset Positions "
    "Rights Stream",
    "rounding": "Misfit fit",
    "simulated": "CandleSource Crowd Faults FaultProxy RecordedSource SeededMarket SimulatedVenue Toxic",
    "throttle": "Allowance Throttle",
    "values": "Balance Bar FundingPayment FundingRate Listing MarginMode Position Quote Rules Ticker Trade",
}
HOME = {name: home for home, names in HOMES.items() for name in names.split()}

__all__ = [
    "MAX_EXECUTOR", "Allowance", "AlreadyThere", "Balance", "Balances", "Bar", "Behind", "Book", "CandleSource",
    "CcxtConnector", "Changed", "Clock", "ClockOff", "Connector", "Crowd", "Depth", "Edited", "Event", "Fault",
    "FaultProxy", "Faults", "FeeBook", "FeeRates", "Freshness", "FundingPayment", "FundingRate", "Gap", "IdRule",
    "KeyRefused", "Keys", "Listing", "MarginMode", "Memory", "Misfit", "NoFunds", "NotThere", "Offset",
    "PacedClock", "PaperConnector", "Position", "Positions", "Quote", "RecordedSource", "Rights", "Rules",
    "SeededMarket", "SimulatedVenue", "Stream", "SystemClock", "Throttle", "Throttled", "Ticker", "Toxic", "Trade",
    "Venue", "VenueClock", "afford", "client_order_id", "facts", "fit", "freeze_heap", "held", "is_of_run", "make_room",
    "needs", "pace",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"workbench.connectors has no {name!r}. It offers {', '.join(__all__)}.")
    return getattr(importlib.import_module(f"{__name__}.{HOME[name]}"), name)
