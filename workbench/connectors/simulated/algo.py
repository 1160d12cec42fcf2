"""Conditional futures orders: they wait at the venue's algo service, and become an order when their price is met."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from workbench.connectors.simulated.amounts import ZERO
from workbench.connectors.simulated.events import AlgoReport, CancelAlgo, Draft, PlaceAlgo
from workbench.connectors.simulated.filters import check_perpetual
from workbench.connectors.simulated.market import Market
from workbench.connectors.simulated.orders import HOUSE, Order
from workbench.connectors.simulated.refusals import (
    FUTURES_DUPLICATE,
    POSITION_SIDE,
    UNKNOWN_ORDER,
    WOULD_TRIGGER_NOW,
    Refusal,
    refuse,
)
from workbench.market import BUY, SELL

if TYPE_CHECKING:
    from workbench.connectors.simulated.accounts import Account
    from workbench.connectors.simulated.perpetual import Perpetual

KINDS = {"STOP": "LIMIT", "TAKE_PROFIT": "LIMIT", "STOP_MARKET": "MARKET", "TAKE_PROFIT_MARKET": "MARKET",
         "TRAILING_STOP_MARKET": "MARKET"}  # fmt: skip
MOST_PER_SYMBOL = 200


@dataclass(slots=True)
class Algo:
    """A conditional order, and what has become of it."""

    id: int
    account: str
    client_id: str
    draft: Draft
    created_ms: int
    status: str = "NEW"  # NEW, CANCELED, TRIGGERING, TRIGGERED, FINISHED, REJECTED, EXPIRED
    updated_ms: int = 0
    triggered_ms: int = 0
    peak: Decimal = ZERO  # of a trailing stop, once it is active
    order_id: int = 0  # what it became
    order_price: Decimal = ZERO
    order_amount: Decimal = ZERO
    failure: str = ""

    @property
    def is_open(self) -> bool:
        """Does it still wait?"""
        return self.status == "NEW"


class Algos:
    """The algo service of the futures side."""

    def __init__(self, floor: Perpetual) -> None:
        self.floor = floor
        self.by_id: dict[int, Algo] = {}

    def place(self, event: PlaceAlgo) -> None:
        """Check a conditional order and let it wait."""
        state, draft = self.floor.state, event.draft
        account, market = state.account(event.account), self.floor.market(event.draft.symbol)
        self._check(account, market, draft)
        number = 1_000_000 + len(self.by_id) + 1
        algo = Algo(number, account.name, draft.client_id or state.client_id(), draft, state.time_ms,
                    updated_ms=state.time_ms)  # fmt: skip
        self.by_id[number] = algo
        self._report(algo)

    def take_back(self, event: CancelAlgo) -> None:
        """Cancel one conditional order, or all in a symbol."""
        one = event.algo_id is not None or bool(event.client_id)
        found = [algo for algo in self.open_of(event.account) if _is_meant(algo, event)]
        if one and not found:
            raise refuse(UNKNOWN_ORDER)
        for algo in found:
            self._end(algo, "CANCELED")

    def open_of(self, account: str) -> list[Algo]:
        """The conditional orders of an account that still wait."""
        return [algo for algo in self.by_id.values() if algo.account == account and algo.is_open]

    def look(self, market: Market, price: Decimal, working_type: str) -> None:
        """Wake the conditional orders of a market whose price is met."""
        for algo in list(self.by_id.values()):
            same = algo.is_open and algo.draft.symbol == market.rules.name and algo.draft.working_type == working_type
            if same and self._is_met(algo, price):
                self._trigger(algo)

    def elapse(self) -> None:
        """End what has passed its last moment."""
        for algo in list(self.by_id.values()):
            if algo.is_open and 0 < algo.draft.good_till_ms <= self.floor.state.time_ms:
                self._end(algo, "EXPIRED")

    def flat(self, account: Account, symbol: str, side: str) -> None:
        """A position is closed: what was only there to close it goes, if it was asked for that way."""
        for algo in self.open_of(account.name):
            draft = algo.draft
            if draft.symbol == symbol and draft.position_side == side and draft.time_in_force == "GTE_GTC":
                self._end(algo, "EXPIRED")

    def placed(self, order: Order) -> None:
        """A conditional order has become an order."""
        algo = self.by_id[order.algo_id]
        algo.order_id = order.id
        self._set(algo, "TRIGGERED")

    def finished(self, order: Order) -> None:
        """The order that a conditional order became is over."""
        algo = self.by_id[order.algo_id]
        algo.order_price, algo.order_amount = order.average, order.filled
        self._end(algo, "FINISHED")

    def _check(self, account: Account, market: Market, draft: Draft) -> None:
        if draft.position_side not in (("LONG", "SHORT") if account.futures.dual else ("BOTH",)):
            raise refuse(POSITION_SIDE)
        mine = self.open_of(account.name)
        if draft.client_id and any(algo.client_id == draft.client_id for algo in mine):
            raise refuse(FUTURES_DUPLICATE)
        if sum(algo.draft.symbol == draft.symbol for algo in mine) >= MOST_PER_SYMBOL:
            raise Refusal(-4045, "Reach max stop order limit.")
        check_perpetual(market, account, replace(draft, price=ZERO), closes=draft.reduce_only or draft.close_position)
        price = market.mark_price if draft.working_type == "MARK_PRICE" else market.last
        if draft.kind != "TRAILING_STOP_MARKET" and price and self._met(draft, price):
            raise refuse(WOULD_TRIGGER_NOW)

    def _is_met(self, algo: Algo, price: Decimal) -> bool:
        draft = algo.draft
        if draft.kind != "TRAILING_STOP_MARKET":
            return self._met(draft, price)
        falls = draft.side == SELL
        start = draft.activation_price
        if not algo.peak and start and (price < start if falls else price > start):
            return False
        best = max if falls else min
        algo.peak = best(algo.peak or price, price)
        turn = algo.peak * draft.callback_rate / 100
        return price <= algo.peak - turn if falls else price >= algo.peak + turn

    def _met(self, draft: Draft, price: Decimal) -> bool:
        rises = (draft.side == BUY) == draft.kind.startswith("STOP")
        return price >= draft.stop_price if rises else price <= draft.stop_price

    def _trigger(self, algo: Algo) -> None:
        algo.triggered_ms = self.floor.state.time_ms
        self._set(algo, "TRIGGERING")
        account, draft = self.floor.state.accounts[algo.account], self._become(algo)
        if not draft.amount:
            self._end(algo, "EXPIRED")
            return
        try:
            self.floor.place_draft(account, draft, algo_id=algo.id)
        except Refusal as refusal:
            algo.failure = refusal.message
            self._end(algo, "REJECTED")

    def _become(self, algo: Algo) -> Draft:
        draft, account = algo.draft, self.floor.state.accounts[algo.account]
        amount = draft.amount
        if draft.close_position:
            held = account.futures.positions.get((draft.symbol, draft.position_side))
            amount = max(-draft.side * held.amount, ZERO) if held else ZERO
        tif = draft.time_in_force if draft.time_in_force != "GTE_GTC" else "GTC"
        return replace(draft, kind=KINDS[draft.kind], amount=amount, client_id=algo.client_id, time_in_force=tif,
                       reduce_only=draft.reduce_only or draft.close_position, good_till_ms=0)  # fmt: skip

    def _end(self, algo: Algo, status: str) -> None:
        self._set(algo, status)

    def _set(self, algo: Algo, status: str) -> None:
        algo.status, algo.updated_ms = status, self.floor.state.time_ms
        self._report(algo)

    def _report(self, algo: Algo) -> None:
        if algo.account != HOUSE:
            self.floor.state.reports.append(AlgoReport(algo.account, copy(algo), self.floor.state.time_ms))


def _is_meant(algo: Algo, event: CancelAlgo) -> bool:
    if event.algo_id is not None:
        return algo.id == event.algo_id
    if event.client_id:
        return algo.client_id == event.client_id
    return algo.draft.symbol == event.symbol
