"""The backtest's matching model (docs/execution.md, part 4) as a venue in this process, without a wire."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from workbench.backtest import Market
from workbench.connectors import Bar
from workbench.errors import Rejected
from workbench.live.plan import Plan
from workbench.market import BUY, OrderKind
from workbench.trading import Fill, Intent, Life, Report

ZERO = Decimal(0)
RESTING = (OrderKind.LIMIT, OrderKind.POST_ONLY)


@dataclass(slots=True)
class Held:
    """An order that rests."""

    intent: Intent
    venue_id: str
    m: int
    price: float
    amount: float


class ModelVenue:
    """A `Port`, and its own connector for every door."""

    def __init__(self, plan: Plan, market: Market, rates: list[dict[str, str]]) -> None:
        self.market, self.rates = market, [{**one, "maker": float(one["maker"]), "taker": float(one["taker"])} for one in rates]  # fmt: skip  # noqa: E501
        self.places = {place.instrument: m for m, place in enumerate(plan.markets)}
        self.doors = [place.door for place in plan.markets]
        self.connectors = dict.fromkeys(self.doors, self)
        self.timeframe = plan.timeframe
        self.resting: dict[str, Held] = {}
        self.price: dict[int, float] = {}
        self.told: list[tuple[str, Any]] = []
        self.number = self.trade = self.time_ms = 0
        self.bars = market.bars()
        self.volumes = [one.volume for one in market.candles.values()]

    # --- as a port ---

    async def show(self, m: int, price: float, time_ms: int) -> None:
        """The last price; what rests there or beyond is filled at its own."""
        self.price[m], self.time_ms = price, time_ms
        for held in [held for held in self.resting.values() if held.m == m]:
            kind, side = held.intent.kind, held.intent.side
            if kind == OrderKind.STOP and side * (price - held.price) >= 0.0:
                self._fill(held, price, maker=False)
            elif kind in RESTING and side * (price - held.price) <= 0.0:
                self._fill(held, held.price, maker=True)

    async def news(self) -> list[tuple[str, Any]]:
        """What happened since."""
        told, self.told = self.told, []
        return told

    def owner(self, event: Any) -> str:
        """Every event names its order."""
        return str(event.client_id)

    async def close_bar(self, time_ms: int) -> None:
        """Time passes."""
        self.time_ms = time_ms

    async def bar(self, m: int, row: int) -> Bar | None:
        """The bar itself."""
        prices = [float(plane[m, row]) for plane in (self.bars.open, self.bars.high, self.bars.low, self.bars.close)]
        if prices[3] != prices[3]:
            return None
        candles = list(self.market.candles.values())[m]
        own = row if self.market.rows[m] is None else int(candles.time.searchsorted(self.market.time[row]))
        name = next(name for name, place in self.places.items() if place == m)
        return Bar(name, self.timeframe, int(self.market.time[row]), *prices, float(self.volumes[m][own]))

    # --- as a connector ---

    async def create(self, intent: Intent) -> Report:
        """Answer a fresh order at the last price."""
        m = self.places[intent.instrument]
        price, limit = self.price[m], float(intent.price) if intent.price is not None else 0.0
        self.number += 1
        trigger = float(intent.trigger) if intent.trigger is not None else 0.0
        held = Held(intent, str(self.number), m, limit or trigger, float(intent.amount))
        crosses = intent.kind in RESTING and intent.side * (price - limit) <= 0.0
        if crosses and intent.kind == OrderKind.POST_ONLY:
            raise Rejected(
                f"{intent.instrument}: it would take.", venue="model", instrument=intent.instrument, request="create"
            )
        met = intent.kind == OrderKind.STOP and intent.side * (price - trigger) >= 0.0
        if intent.kind == OrderKind.MARKET or crosses or met:
            return self._fill(held, price, maker=False)
        self.resting[intent.client_id] = held
        return Report(intent.instrument, intent.client_id, held.venue_id, Life.OPEN, ZERO, self.time_ms, intent.amount)

    async def cancel(
        self, instrument: str, *, client_id: str = "", venue_id: str = "", conditional: bool = False
    ) -> None:
        """It is gone at once."""
        held = self.resting.pop(client_id)
        self.told.append(
            (self.doors[held.m], Report(instrument, client_id, held.venue_id, Life.CANCELLED, ZERO, self.time_ms))
        )

    def _fill(self, held: Held, price: float, *, maker: bool) -> Report:
        intent, rates = held.intent, self.rates[held.m]
        self.resting.pop(intent.client_id, None)
        self.trade += 1
        rate, base = rates["maker" if maker else "taker"], intent.instrument.partition("/")[0]
        received = rates["paid_in"] == "received" and intent.side == BUY and ":" not in intent.instrument
        fee = held.amount * rate if received else held.amount * price * rate
        exact = Decimal(repr(price))
        fill = Fill(intent.instrument, str(self.trade), held.venue_id, intent.side, exact, intent.amount, self.time_ms,
                    intent.client_id, Decimal(repr(fee)), base if received else "USDT", maker)  # fmt: skip
        report = Report(intent.instrument, intent.client_id, held.venue_id, Life.FILLED, intent.amount, self.time_ms,
                        intent.amount, exact, intent.side)  # fmt: skip
        self.told += [(self.doors[held.m], fill), (self.doors[held.m], report)]
        return report
