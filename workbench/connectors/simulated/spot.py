"""The spot side: what an order costs, what it holds back, and how its fills move money."""

from __future__ import annotations

from decimal import Decimal

from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.amounts import ZERO, booked, to_step
from workbench.connectors.simulated.burning import BNB, SPOT_SHARE, in_bnb
from workbench.connectors.simulated.events import Amend, Cancel, CancelAll, Draft, Expire, Place
from workbench.connectors.simulated.filters import check_spot
from workbench.connectors.simulated.floor import Floor
from workbench.connectors.simulated.ledger import SPOT, VENUE, Posting
from workbench.connectors.simulated.lists import Lists
from workbench.connectors.simulated.market import Market
from workbench.connectors.simulated.orders import AT_LIMIT, AT_MARKET, FILLED, HOUSE, PENDING, STOPS, TRIGGERED, Order
from workbench.connectors.simulated.refusals import (
    BAD_AMENDMENT,
    BAD_COMBINATION,
    CANCEL_ONLY,
    CLOSED,
    DUPLICATE,
    EMPTY_BOOK,
    NO_FUNDS,
    NOT_PERMITTED,
    RESTRICTED,
    UNKNOWN_ORDER,
    WOULD_TAKE,
    WOULD_TRIGGER,
    refuse,
)
from workbench.connectors.simulated.state import State
from workbench.connectors.simulated.symbols import Symbol
from workbench.market import BUY, SELL

ALLOWED_IF = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}


class Spot(Floor):
    """The spot markets."""

    def __init__(self, state: State, symbols: list[Symbol]) -> None:
        super().__init__(state, symbols)
        self.lists = Lists(self)

    # --- what an account asks for ------------------------------------------------------------------------------------

    def place(self, event: Place) -> None:
        """Check an order, hold back what it may cost, report it, and let it trade."""
        market, account = self.market(event.draft.symbol), self.state.account(event.account)
        self.check(market, account, event.draft)
        cost = self.cost(market, account, event.draft)
        if event.only_test:
            return
        order = self.accept(market, account, event.draft, cost)
        self.report(order, "NEW")
        self.start(market, order)

    def check(self, market: Market, account: Account, draft: Draft) -> None:
        """Refuse an order that breaks a rule."""
        if not account.can_trade:
            raise refuse(NOT_PERMITTED)
        if market.rules.status == "CANCEL_ONLY":
            raise refuse(CANCEL_ONLY)
        if market.rules.status != "TRADING":
            raise refuse(CLOSED)
        if draft.client_id and any(order.client_id == draft.client_id for order in account.orders.values()):
            raise refuse(DUPLICATE)
        if draft.iceberg and draft.time_in_force != "GTC":
            raise refuse(BAD_COMBINATION)
        check_spot(market, account, draft, self.state.time_ms)
        if draft.kind in TRIGGERED and self._is_past(market, draft):
            raise refuse(WOULD_TRIGGER)
        if draft.kind == "LIMIT_MAKER" and self.crosses(market, draft.side, draft.price):
            raise refuse(WOULD_TAKE)

    def cost(self, market: Market, account: Account, draft: Draft) -> Decimal:
        """What an order holds back: base for a sale, quote for a purchase; refused if there is not as much."""
        need, asset = self.need(market, draft), market.rules.quote if draft.side == BUY else market.rules.base
        if need > account.free.get(asset, ZERO):
            raise refuse(NO_FUNDS)
        return need

    def need(self, market: Market, draft: Draft) -> Decimal:
        """What an order may cost at most, as far as that is known."""
        if draft.kind == "MARKET":
            return self._market_need(market, draft)
        if draft.side == SELL:
            return draft.amount
        price = draft.price or draft.stop_price or market.last * (1 + Decimal(draft.trailing_delta) / 10_000)
        return booked(draft.amount * price)

    def accept(self, market: Market, account: Account, draft: Draft, cost: Decimal, *, list_id: int = -1,
               status: str = "NEW") -> Order:  # fmt: skip
        """Make an order of a draft that was checked, and hold back its cost."""
        state = self.state
        order = Order(state.next_order_id(), market.rules.name, account.name, draft.client_id or state.client_id(),
                      draft.side, draft.kind, draft.amount, draft.price, draft.time_in_force, state.time_ms,
                      draft.quote_amount, draft.stop_price, draft.trailing_delta, iceberg=draft.iceberg,
                      prevention=draft.prevention, list_id=list_id, strategy_id=draft.strategy_id,
                      strategy_type=draft.strategy_type, status=status, updated_ms=state.time_ms)  # fmt: skip
        if draft.quote_amount:
            order.amount = self._quote_target(market, draft)
        self.remember(order)
        if draft.kind not in TRIGGERED and status != PENDING:
            order.working_ms = state.time_ms
        if cost:
            asset = self.reserve_asset(order)
            account.hold(order, asset, cost)
            state.moved(account, asset)
        return order

    def start(self, market: Market, order: Order) -> None:
        """Send an accepted order where it belongs: beside the book, or into it."""
        if order.kind not in TRIGGERED:
            self.work(market, order)
            return
        market.waiting[order.id] = order
        if order.trailing_delta and not order.stop_price:
            order.trailing_ms, order.trailing_peak = self.state.time_ms, market.last

    def find(self, account: Account, symbol: str, order_id: int | None, client_id: str) -> Order:
        """An open order by either id, or the refusal that there is none."""
        self.market(symbol)
        for order in account.orders.values():
            by_id = order.id == order_id if order_id is not None else order.client_id == client_id
            if order.symbol == symbol and by_id:
                return order
        raise refuse(UNKNOWN_ORDER)

    def take_back(self, event: Cancel) -> None:
        """Cancel an order; one of a list takes the whole list with it."""
        account = self.state.account(event.account)
        order = self.find(account, event.symbol, event.order_id, event.client_id)
        if event.restriction and ALLOWED_IF[event.restriction] != order.status:
            raise refuse(RESTRICTED)
        cancel_id = event.cancel_id or self.state.client_id()
        if order.list_id >= 0:
            self.lists.cancel(self.lists.by_id[order.list_id], cancel_id)
        else:
            self.cancel(order, cancel_id)

    def take_all_back(self, event: CancelAll) -> None:
        """Cancel all orders of an account in a symbol."""
        account = self.state.account(event.account)
        self.market(event.symbol)
        here = [order for order in account.orders.values() if order.symbol == event.symbol]
        if not here:
            raise refuse(UNKNOWN_ORDER)
        cancel_id = self.state.client_id()
        for order in here:
            if order.is_open and order.list_id >= 0:
                self.lists.cancel(self.lists.by_id[order.list_id], cancel_id)
            elif order.is_open:
                self.cancel(order, cancel_id)

    def amend(self, event: Amend) -> None:
        """Make an order smaller where it stands."""
        account = self.state.account(event.account)
        order = self.find(account, event.symbol, event.order_id, event.client_id)
        market = self.market(event.symbol)
        if not order.filled + order.prevented < event.amount < order.amount:
            raise refuse(BAD_AMENDMENT)
        if event.new_client_id and any(
            o.client_id == event.new_client_id for o in account.orders.values() if o is not order
        ):
            raise refuse(DUPLICATE)
        cancel_id, before, order.amount = order.client_id, order.amount, event.amount
        order.client_id = event.new_client_id or order.client_id
        if market.book.holds(order):
            market.book.show(order, min(order.display, order.open_amount))
        self._hold_rest(account, order)
        self.report(order, "REPLACED", cancel_id=cancel_id)
        self.amended(order, cancel_id, order.price, before)

    def end(self, event: Expire) -> None:
        """The venue ends an order."""
        order = self.all_orders.get(event.order_id)
        if order is not None and order.is_open:
            self.expire(order, event.reason)

    # --- money -------------------------------------------------------------------------------------------------------

    def settle(self, order: Order, maker: bool, amount: Decimal, price: Decimal) -> tuple[Decimal, str, Decimal]:
        """Move the money of one side of a trade."""
        rules, quote = self.markets[order.symbol].rules, booked(price * amount)
        gets, gives = (rules.base, rules.quote) if order.side == BUY else (rules.quote, rules.base)
        received, paid = (amount, quote) if order.side == BUY else (quote, amount)
        account = self.state.accounts.get(order.account)
        fee, asset = (ZERO, gets) if account is None else self._fee(account, maker, received, gets, quote, rules)
        net = received - fee if asset == gets else received
        burnt = () if asset == gets else (Posting(order.account, SPOT, asset, -fee), Posting(VENUE, SPOT, asset, fee))
        self.state.ledger.book(
            self.state.time_ms, f"trade of order {order.id}",
            Posting(order.account, SPOT, gets, net), Posting(VENUE, SPOT, gets, received - net),
            Posting("counterparty", SPOT, gets, -received),
            Posting(order.account, SPOT, gives, -paid), Posting("counterparty", SPOT, gives, paid), *burnt,
        )  # fmt: skip
        if account is not None:
            self._pay(account, order, gives, paid)
            account.add(gets, net)
            if burnt:
                account.add(asset, -fee)
            self.state.moved(account, gets, gives, asset)
        return fee, asset, ZERO

    def _fee(self, account: Account, maker: bool, received: Decimal, gets: str, quote: Decimal,
             rules: Symbol) -> tuple[Decimal, str]:  # fmt: skip
        """The fee and its asset: out of what is received, or in BNB."""
        rate = account.maker if maker else account.taker
        if account.burns_bnb:
            found = in_bnb(quote * rate, rules.quote, self.markets, account.free.get(BNB, ZERO), SPOT_SHARE)
            if found is not None:
                return found, BNB
        return booked(received * rate), gets

    def affordable(self, market: Market, order: Order, price: Decimal) -> Decimal:
        """A purchase at market may find dearer prices than it was checked with: it stops where the money ends."""
        account = self.state.accounts.get(order.account)
        if account is None or order.side != BUY or order.kind not in AT_MARKET:
            return order.open_amount
        money = order.reserved + account.free.get(market.rules.quote, ZERO)
        return min(order.open_amount, to_step(money / price, market.rules.lot))

    def activate(self, order: Order) -> None:
        """One leg of a pair has its turn: the other one goes."""
        if order.list_id >= 0:
            self.lists.activate(order)

    def ended(self, order: Order) -> None:
        """A list goes on when one of its orders is over."""
        if order.list_id >= 0:
            self.lists.ended(order, filled=order.status == FILLED)

    def hold_for(self, order: Order) -> None:
        """Hold back what the rest of an order needs, as far as there is money; used when a leg takes over."""
        self._hold_rest(self.state.accounts[order.account], order)

    def _pay(self, account: Account, order: Order, asset: str, paid: Decimal) -> None:
        account.locked[asset] = account.locked.get(asset, ZERO) - paid
        order.reserved -= paid
        self._hold_rest(account, order)

    def _hold_rest(self, account: Account, order: Order) -> None:
        asset = self.reserve_asset(order)
        if order.side == SELL:
            target = order.open_amount
        elif order.kind in AT_LIMIT:
            target = booked(order.price * order.open_amount)
        else:
            target = max(order.reserved, ZERO) if order.open_amount else ZERO
        account.hold(order, asset, target)
        self.state.moved(account, asset)

    def _market_need(self, market: Market, draft: Draft) -> Decimal:
        probe = Order(0, market.rules.name, HOUSE, "", draft.side, "MARKET", draft.amount)
        if market.book.first(-draft.side) is None:
            raise refuse(EMPTY_BOOK)
        if draft.quote_amount:
            return draft.quote_amount if draft.side == BUY else self._quote_target(market, draft)
        if draft.side == SELL:
            return draft.amount
        left, cost = draft.amount, ZERO
        for maker in market.book.against(probe):
            part = min(left, maker.open_amount)
            cost, left = cost + part * maker.price, left - part
            if not left:
                break
        return booked(cost)

    def _quote_target(self, market: Market, draft: Draft) -> Decimal:
        """How much base a market order for an amount of quote comes to."""
        probe = Order(0, market.rules.name, HOUSE, "", draft.side, "MARKET", ZERO)
        left, amount = draft.quote_amount, ZERO
        for maker in market.book.against(probe):
            part = min(maker.open_amount, to_step(left / maker.price, market.rules.lot))
            amount, left = amount + part, left - part * maker.price
            if part < maker.open_amount:
                break
        return amount

    def _is_past(self, market: Market, draft: Draft) -> bool:
        rises = (draft.side == BUY) == (draft.kind in STOPS)
        if not draft.stop_price or not market.last or draft.trailing_delta:
            return False
        return market.last >= draft.stop_price if rises else market.last <= draft.stop_price
