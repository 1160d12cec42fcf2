"""Order lists: one cancels the other, one triggers the other, and both."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from workbench.connectors.simulated.amounts import ZERO
from workbench.connectors.simulated.events import CancelList, Draft, ListReport, PlaceList
from workbench.connectors.simulated.market import Market
from workbench.connectors.simulated.orders import NEW, PENDING, TRIGGERED, Order
from workbench.connectors.simulated.refusals import (
    BAD_LIST_PRICES,
    DUPLICATE,
    UNKNOWN_ORDER,
    Refusal,
    refuse,
)
from workbench.market import SELL

if TYPE_CHECKING:
    from workbench.connectors.simulated.accounts import Account
    from workbench.connectors.simulated.spot import Spot


@dataclass(slots=True)
class OrderList:
    """Orders that know of each other. In `OTO` and `OTOCO` the first one works, and the others wait for it."""

    id: int
    symbol: str
    account: str
    client_id: str
    kind: str  # OCO, OTO, OTOCO
    time_ms: int
    orders: list[Order] = field(default_factory=list)
    is_done: bool = False
    is_busy: bool = False  # while one order's end ends the others

    @property
    def contingency(self) -> str:
        """What the venue calls it: an OTOCO is reported as OTO."""
        return "OCO" if self.kind == "OCO" else "OTO"

    @property
    def pending(self) -> list[Order]:
        """The orders that wait for the first one to be filled."""
        return [] if self.kind == "OCO" else self.orders[1:]

    @property
    def pair(self) -> list[Order]:
        """The orders of which only one may trade."""
        return {"OCO": self.orders, "OTOCO": self.orders[1:]}.get(self.kind, [])


class Lists:
    """The order lists of the spot side."""

    def __init__(self, spot: Spot) -> None:
        self.spot = spot
        self.by_id: dict[int, OrderList] = {}

    def place(self, event: PlaceList) -> None:
        """Check all orders of a list, accept them together, and start those that do not wait for another."""
        spot, account = self.spot, self.spot.state.account(event.account)
        market = spot.market(event.drafts[0].symbol)
        if any(made.client_id == event.client_id for made in self.open_of(event.account)) and event.client_id:
            raise refuse(DUPLICATE)
        pair = event.drafts[-2:] if event.kind != "OTO" else ()
        if pair:
            _check_pair(market, pair, first=event.kind == "OCO")
            event = replace(
                event, drafts=(*event.drafts[:-2], *sorted(pair, key=lambda leg: leg.kind not in TRIGGERED))
            )
        starting = event.drafts if event.kind == "OCO" else event.drafts[:1]
        for draft in starting:
            spot.check(market, account, draft)
        made = self._accept(event, market, account)
        spot.state.reports.append(ListReport(account.name, made.id, spot.state.time_ms))
        for order in made.orders:
            spot.report(order, "NEW")
        for order in made.orders[: len(starting)]:
            if order.is_open:
                spot.start(market, order)

    def take_back(self, event: CancelList) -> None:
        """Cancel a whole list."""
        for made in self.open_of(event.account):
            by_id = made.id == event.list_id if event.list_id is not None else made.client_id == event.client_id
            if by_id and made.symbol == event.symbol:
                self.cancel(made, event.cancel_id or self.spot.state.client_id())
                return
        raise refuse(UNKNOWN_ORDER)

    def cancel(self, made: OrderList, cancel_id: str) -> None:
        """End all orders of a list because their owner wants it."""
        made.is_busy = True
        for order in made.orders:
            if order.is_open:
                self.spot.cancel(order, cancel_id)
        self._finish(made)

    def activate(self, order: Order) -> None:
        """One of a pair trades, or was triggered: the other one expires, and its money is this one's."""
        made = self.by_id[order.list_id]
        if made.is_busy or order not in made.pair:
            return
        others = [other for other in made.pair if other is not order and other.is_open]
        if not others:
            return
        made.is_busy = True
        for other in others:
            self.spot.expire(other)
        made.is_busy = False
        self.spot.hold_for(order)

    def ended(self, order: Order, *, filled: bool) -> None:
        """An order of a list is over: the next ones start, or all are over."""
        made = self.by_id[order.list_id]
        if made.is_busy:
            return
        made.is_busy = True
        if filled and order is made.orders[0] and made.pending:
            made.is_busy = False
            self._start_pending(made)
        elif not filled:
            for other in made.orders:
                if other.is_open:
                    self.spot.expire(other)
        made.is_busy = False
        self._finish(made)

    def open_of(self, account: str) -> list[OrderList]:
        """Lists of an account that are not done."""
        return [made for made in self.by_id.values() if made.account == account and not made.is_done]

    def _accept(self, event: PlaceList, market: Market, account: Account) -> OrderList:
        spot, state = self.spot, self.spot.state
        starting = 2 if event.kind == "OCO" else 1
        needs = [spot.need(market, draft) for draft in event.drafts[:starting]]
        cost = spot.cost(market, account, event.drafts[needs.index(max(needs))])
        made = OrderList(len(self.by_id), market.rules.name, account.name, event.client_id or state.client_id(),
                         event.kind, state.time_ms)  # fmt: skip
        self.by_id[made.id] = made
        for place, draft in enumerate(event.drafts):
            starts = place < starting
            held = cost if starts and place == needs.index(max(needs)) else ZERO
            status = NEW if starts else PENDING
            made.orders.append(spot.accept(market, account, draft, held, list_id=made.id, status=status))
        return made

    def _start_pending(self, made: OrderList) -> None:
        spot = self.spot
        market, account = spot.market(made.symbol), spot.state.accounts[made.account]
        for order in made.pending:
            order.status = NEW
        first = made.pending[0]
        if not self._holds(market, account, first):
            for order in made.pending:
                spot.expire(order)
            return
        for order in made.pending:
            if order.is_open:
                order.working_ms = -1 if order.kind in TRIGGERED else spot.state.time_ms
                spot.report(order, "NEW")
                spot.start(market, order)

    def _holds(self, market: Market, account: Account, order: Order) -> bool:
        draft = Draft(order.symbol, order.side, order.kind, order.amount, order.price, stop_price=order.stop_price)
        try:
            cost = self.spot.cost(market, account, draft)
        except Refusal:
            return False
        account.hold(order, self.spot.reserve_asset(order), cost)
        self.spot.state.moved(account, self.spot.reserve_asset(order))
        return True

    def _finish(self, made: OrderList) -> None:
        if not made.is_done and not any(order.is_open for order in made.orders):
            made.is_done = True
            made.time_ms = self.spot.state.time_ms
            self.spot.state.reports.append(ListReport(made.account, made.id, made.time_ms))


def _check_pair(market: Market, pair: tuple[Draft, ...], *, first: bool) -> None:
    above, below = pair
    high, low = above.stop_price or above.price, below.stop_price or below.price
    if not low < high or (first and market.last and not low < market.last < high):
        raise refuse(BAD_LIST_PRICES)
    if above.kind not in TRIGGERED and below.kind not in TRIGGERED:
        raise Refusal(-1168, "At least one OCO order must be contingent.")
    if above.side == SELL and below.kind == "LIMIT_MAKER":
        raise Refusal(-1166, "A limit order in a sell OCO must be above.")
    if above.side != SELL and above.kind == "LIMIT_MAKER":
        raise Refusal(-1165, "A limit order in a buy OCO must be below.")
