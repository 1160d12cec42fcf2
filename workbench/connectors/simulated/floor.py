"""Where orders meet: takers walk the book, makers rest in it, stops wait beside it. Money is each side's own affair."""

from __future__ import annotations

from collections import deque
from copy import copy
from decimal import Decimal
from typing import Any

from workbench.connectors.simulated.amounts import ZERO, to_step
from workbench.connectors.simulated.events import (
    Depth,
    DepthReport,
    FillNow,
    Move,
    OrderReport,
    Pairs,
    Print,
    TradeReport,
)
from workbench.connectors.simulated.ledger import Fill, Trade
from workbench.connectors.simulated.market import Market
from workbench.connectors.simulated.orders import (
    AT_MARKET,
    CANCELED,
    EXPIRED,
    EXPIRED_IN_MATCH,
    FILLED,
    HOUSE,
    PARTIAL,
    STOPS,
    Amendment,
    Order,
)
from workbench.connectors.simulated.refusals import BAD_SYMBOL, refuse
from workbench.connectors.simulated.state import State
from workbench.connectors.simulated.symbols import Symbol
from workbench.market import BUY, SELL


class Floor:
    """The markets of one side of the venue, and how their orders meet."""

    perpetual = False

    def __init__(self, state: State, symbols: list[Symbol]) -> None:
        self.state = state
        self.markets = {rules.name: Market(rules) for rules in symbols if rules.perpetual == self.perpetual}
        self.orders: dict[str, dict[int, Order]] = {}  # of every account and symbol, for ever
        self.all_orders: dict[int, Order] = {}
        self.prevented: list[dict[str, Any]] = []
        self.amendments: list[Amendment] = []
        self._house_id = 0
        self._fresh: list[tuple[Market, Decimal]] = []  # trades whose stops have not been looked at

    def market(self, name: str) -> Market:
        """The market of a symbol, or the refusal that there is none."""
        found = self.markets.get(name)
        if found is None:
            raise refuse(BAD_SYMBOL)
        return found

    # --- what each side does its own way -----------------------------------------------------------------------------

    def settle(self, order: Order, maker: bool, amount: Decimal, price: Decimal) -> tuple[Decimal, str, Decimal]:
        """Move the money of one side of a trade; the fee, its asset, and the gain that it realised."""
        raise NotImplementedError

    def affordable(self, market: Market, order: Order, price: Decimal) -> Decimal:
        """How much of an order its owner can pay at a price."""
        return order.open_amount

    def activate(self, order: Order) -> None:
        """An order is about to trade, or its trigger was met."""

    def ended(self, order: Order) -> None:
        """An order is over, by whatever reason."""

    def has_traded(self, order: Order) -> None:
        """A trade of this order has been booked and reported."""

    def traded(self, market: Market, price: Decimal) -> None:
        """A trade was made at a price."""

    def word_for_fill(self, order: Order) -> str:
        """What the execution of a fill is called."""
        return "TRADE"

    # --- an order's ways ---------------------------------------------------------------------------------------------

    def remember(self, order: Order) -> None:
        """Keep an order for ever, and among the open ones."""
        self.orders.setdefault(f"{order.account} {order.symbol}", {})[order.id] = order
        self.all_orders[order.id] = order
        self.state.accounts[order.account].open_orders(perpetual=self.perpetual)[order.id] = order

    def of(self, account: str, symbol: str) -> dict[int, Order]:
        """All orders that an account ever had in a symbol, by id."""
        return self.orders.get(f"{account} {symbol}", {})

    def report(self, order: Order, execution: str, **details: Any) -> None:
        """Report an order as it is now."""
        if order.account == HOUSE:
            return
        order.updated_ms = self.state.time_ms
        number = self.state.next_report()
        self.state.reports.append(
            OrderReport(copy(order), self.perpetual, execution, self.state.time_ms, number, **details)
        )

    def amended(self, order: Order, client_id: str, price: Decimal, amount: Decimal) -> None:
        """Keep what an order was before it was changed."""
        number = len(self.amendments) + 1
        both = (client_id, order.client_id), (price, order.price), (amount, order.amount)
        self.amendments.append(Amendment(number, order.account, order.symbol, order.id, *both, self.state.time_ms))

    def work(self, market: Market, order: Order) -> None:
        """Let an order trade: it takes what it can; what is left rests, or expires."""
        order.working_ms = self.state.time_ms
        if order.time_in_force == "FOK" and self.reachable(market, order) < order.open_amount:
            self.expire(order)
            return
        self.take(market, order)
        if not order.is_open:
            return
        if order.open_amount and order.kind not in AT_MARKET and order.time_in_force not in ("IOC", "FOK"):
            self.rest(market, order)
        else:
            self.expire(order)

    def take(self, market: Market, taker: Order) -> None:
        """Walk the book from its best price until the order is filled or its price is reached."""
        while taker.is_open and taker.open_amount > 0:
            maker = market.book.first(-taker.side)
            if maker is None or not taker.accepts(maker.price):
                return
            if self._same_hand(taker, maker):
                self._prevent(market, taker, maker)
                continue
            amount = min(self.part(market, maker), maker.display, self._wanted(market, taker, maker.price))
            if amount <= 0:
                return
            self.execute(market, taker, maker, amount)

    def part(self, market: Market, maker: Order) -> Decimal:
        """How much of a resting order may trade at its price."""
        return min(maker.open_amount, self.affordable(market, maker, maker.price))

    def rest(self, market: Market, order: Order) -> None:
        """Put what is left of an order into the book."""
        shown = min(order.iceberg, order.open_amount) if order.iceberg else order.open_amount
        market.book.add(order, shown)

    def execute(self, market: Market, taker: Order, maker: Order, amount: Decimal) -> None:
        """Trade so much between two orders, at the maker's price."""
        price, number = maker.price, market.last_trade_id + 1
        self.activate(maker)
        self.activate(taker)
        for order in (maker, taker):
            order.filled += amount
            order.quote_filled += price * amount
            order.status = PARTIAL if order.open_amount else FILLED
        self._show_less(market, maker, amount)
        buyer, seller = (taker, maker) if taker.side == BUY else (maker, taker)
        self.print(market, number, price, amount, buyer, seller, taker)
        for order in (taker, maker):
            self._book_fill(order, order is maker, number, amount, price)
        for order in (taker, maker):
            if order.status == FILLED:
                self._over(order)
        for order in (taker, maker):
            self.has_traded(order)

    def print(self, market: Market, number: int, price: Decimal, amount: Decimal, buyer: Order | None,
              seller: Order | None, taker: Order | None, *, side: int = BUY) -> None:  # fmt: skip
        """Put a trade on the public tape, and, if an account had part in it, into the ledger."""
        taker_buys = (side if taker is None else taker.side) == BUY
        ids = [0 if order is None else abs(order.id) for order in (buyer, seller, taker)]
        trade = TradeReport(market.rules.name, self.perpetual, number, price, amount, self.state.time_ms,
                            not taker_buys, *ids)  # fmt: skip
        market.print(trade)
        self.state.reports.append(trade)
        self._fresh.append((market, price))
        if buyer is not None and seller is not None:
            self.state.ledger.add_trade(
                Trade(number, trade.symbol, self.perpetual, price, amount, trade.time_ms, buyer.account,
                      seller.account, buyer.id, seller.id, not taker_buys)
            )  # fmt: skip

    def cancel(self, order: Order, cancel_id: str = "") -> None:
        """End an order because its owner wants it."""
        self._end(order, CANCELED, "CANCELED", cancel_id=cancel_id)

    def expire(self, order: Order, reason: str = "", *, status: str = EXPIRED) -> None:
        """End an order because the venue's rules want it."""
        order.expiry_reason = reason
        self._end(order, status, "TRADE_PREVENTION" if status == EXPIRED_IN_MATCH else "EXPIRED")

    def reachable(self, market: Market, order: Order) -> Decimal:
        """How much an order would find in the book at prices that it accepts."""
        return sum((maker.open_amount for maker in market.book.against(order)), ZERO)

    def crosses(self, market: Market, side: int, price: Decimal) -> bool:
        """Would an order at this price trade at once?"""
        best = market.book.sides[-side].best
        return best is not None and side * (price - best) >= 0

    # --- stops -------------------------------------------------------------------------------------------------------

    def fire(self) -> None:
        """Wake the orders whose trigger was met by a trade, and those that their trades wake in turn."""
        while self._fresh:
            market, price = self._fresh.pop(0)
            self.traded(market, price)
            for order in list(market.waiting.values()):
                if order.is_open and order.id in market.waiting and self._is_met(order, price):
                    self.wake(market, order)

    def wake(self, market: Market, order: Order) -> None:
        """Let an order trade whose trigger was met."""
        del market.waiting[order.id]
        self.activate(order)
        order.working_ms = self.state.time_ms
        self.report(order, "NEW")
        self.work(market, order)

    def _is_met(self, order: Order, price: Decimal) -> bool:
        rises = (order.side == BUY) == (order.kind in STOPS)
        if order.stop_price and not order.trailing_ms > 0:
            if not (price >= order.stop_price if rises else price <= order.stop_price):
                return False
            if not order.trailing_delta:
                return True
        return self._trailed(order, price, rises)

    def _trailed(self, order: Order, price: Decimal, rises: bool) -> bool:
        if order.trailing_ms < 0:
            order.trailing_ms, order.trailing_peak = self.state.time_ms, price
        peak = min(order.trailing_peak, price) if rises else max(order.trailing_peak, price)
        order.trailing_peak = peak
        turn = peak * order.trailing_delta / 10_000
        return price >= peak + turn if rises else price <= peak - turn

    # --- the house ---------------------------------------------------------------------------------------------------

    def move(self, event: Move) -> None:
        """The market trades at a price: whoever rests beyond it is filled, at it as far as the amount goes."""
        market = self.market(event.symbol)
        if market.rules.status != "TRADING":
            return
        left = self._sweep(market, event.side, event.price, event.amount)
        if left > 0:
            self.print(market, market.last_trade_id + 1, event.price, left, None, None, None, side=event.side)
        if event.bids or event.asks:
            self.quote(market, event.bids, event.asks, whole=True)

    def trade(self, event: Print) -> None:
        """A recorded trade: as `move`, and the house's own levels give what the recording says."""
        market = self.market(event.symbol)
        if event.trade_id:
            market.last_trade_id = max(market.last_trade_id, event.trade_id - 1)
        left = self._sweep(market, event.side, event.price, event.amount)
        if left > 0:
            self.print(market, market.last_trade_id + 1, event.price, left, None, None, None, side=event.side)

    def quote(self, market: Market, bids: Pairs, asks: Pairs, *, whole: bool) -> None:
        """Set what the house shows; `whole`: nothing at all other prices. Orders that it meets are filled."""
        for side, levels in ((BUY, bids), (SELL, asks)):
            if whole:
                wanted = {price for price, _ in levels}
                for price in [price for price in market.house[side] if price not in wanted]:
                    self._show_house(market, side, price, ZERO)
        for side, levels in ((BUY, bids), (SELL, asks)):  # what goes away goes first: it meets nobody
            for price, amount in levels:
                if amount <= 0:
                    self._show_house(market, side, price, ZERO)
        for side, levels in ((BUY, bids), (SELL, asks)):
            shown = [level for level in levels if level[1] > 0]
            if shown:
                self._meet(market, side, max(price * side for price, _ in shown) * side)
            for price, amount in shown:
                self._show_house(market, side, price, amount)

    def depth(self, event: Depth) -> None:
        """A recorded change of the book, under the recording's own update ids where it has them."""
        market = self.market(event.symbol)
        book = market.book
        self._report_depth(market)
        before = book.update_id
        self.quote(market, event.bids, event.asks, whole=event.is_snapshot)
        if not event.last_id:
            return
        changes = book.changes()
        first = event.first_id or before + 1
        book.jump(event.last_id)
        pairs = ((), ()) if changes is None else (tuple(changes[2]), tuple(changes[3]))
        bids, asks = pairs if not event.is_snapshot else (event.bids, event.asks)
        self.state.reports.append(
            DepthReport(market.rules.name, self.perpetual, first, event.last_id, bids, asks, self.state.time_ms)
        )

    def fill_now(self, event: FillNow) -> None:
        """The house takes from one resting order, wherever the market is."""
        order = self.all_orders.get(event.order_id)
        market = self.market(event.symbol)
        if order is None or not market.book.holds(order):
            return
        self._give(market, order, min(event.amount or order.open_amount, self.part(market, order)))

    def report_depth(self) -> None:
        """Report the levels that have changed, of every market."""
        for market in self.markets.values():
            self._report_depth(market)

    def _report_depth(self, market: Market) -> None:
        changes = market.book.changes()
        if changes is not None:
            first, last, bids, asks = changes
            self.state.reports.append(DepthReport(market.rules.name, self.perpetual, first, last, tuple(bids),
                                                  tuple(asks), self.state.time_ms))  # fmt: skip

    def _sweep(self, market: Market, side: int, price: Decimal, amount: Decimal) -> Decimal:
        """Fill the accounts' orders that a taker of the house meets down to a price; what is left of its amount."""
        probe = self.house_order(market, side, price, amount)
        for maker in list(market.book.against(probe)):
            if maker.price != price and maker.account != HOUSE and market.book.holds(maker):
                amount -= self._give(market, maker, self.part(market, maker))
        level = market.book.sides[-side].levels.get(price)
        line, queue = deque(level.orders.values() if level else ()), amount
        while line and queue > 0:
            maker = line.popleft()
            if maker.account == HOUSE:
                queue -= maker.display  # it stood there before, and has its turn first
                continue
            wanted = min(self.part(market, maker), maker.display, to_step(queue, market.rules.lot))
            given = self._give(market, maker, wanted)
            queue, amount = queue - given, amount - given
            if given and market.book.holds(maker):
                line.append(maker)  # an iceberg shows its next part, behind the others
        return max(amount, ZERO)

    def _give(self, market: Market, maker: Order, amount: Decimal) -> Decimal:
        """Let the house take so much of a resting order."""
        if amount > 0 and market.book.holds(maker):
            self.execute(market, self.house_order(market, -maker.side, maker.price, amount), maker, amount)
            return amount
        return ZERO

    def _meet(self, market: Market, side: int, price: Decimal) -> None:
        """Before the house shows a price: what rests on the other side at or beyond it is taken."""
        if not self.crosses(market, side, price):
            return
        probe = self.house_order(market, side, price, ZERO)
        for maker in list(market.book.against(probe)):
            if not market.book.holds(maker):
                continue
            if maker.account == HOUSE:
                self._show_house(market, -side, maker.price, ZERO)
            else:
                self._give(market, maker, self.part(market, maker))

    def _show_house(self, market: Market, side: int, price: Decimal, amount: Decimal) -> None:
        mine = market.house[side].get(price)
        if mine is None:
            if amount > 0:
                market.house[side][price] = made = self.house_order(market, side, price, amount)
                market.book.add(made, amount)
        elif mine.display != amount:
            mine.amount = mine.filled + amount
            market.book.show(mine, amount)
            if not amount:
                del market.house[side][price]

    def house_order(self, market: Market, side: int, price: Decimal, amount: Decimal) -> Order:
        """An order of the house, to trade against or to show."""
        self._house_id -= 1
        return Order(self._house_id, market.rules.name, HOUSE, "", side, "LIMIT", amount, price)

    # --- inside a trade ----------------------------------------------------------------------------------------------

    def _wanted(self, market: Market, taker: Order, price: Decimal) -> Decimal:
        most = min(taker.open_amount, self.affordable(market, taker, price))
        if not taker.quote_amount:
            return most
        return min(most, to_step((taker.quote_amount - taker.quote_filled) / price, market.rules.lot))

    def _show_less(self, market: Market, maker: Order, amount: Decimal) -> None:
        if not market.book.holds(maker):
            return
        left = maker.display - amount
        market.book.show(maker, max(left, ZERO))
        if not left and maker.account == HOUSE:
            del market.house[maker.side][maker.price]
        elif not left and maker.open_amount:
            self.rest(market, maker)  # an iceberg shows its next part, behind the others

    def _book_fill(self, order: Order, maker: bool, number: int, amount: Decimal, price: Decimal) -> None:
        fee, asset, realized = self.settle(order, maker, amount, price)
        if order.account == HOUSE:
            return
        fill = Fill(number, order.symbol, self.perpetual, order.account, order.id, order.client_id, order.side,
                    price, amount, fee, asset, maker, self.state.time_ms, order.list_id, order.position_side,
                    realized)  # fmt: skip
        self.state.ledger.add_fill(fill)
        self.report(order, self.word_for_fill(order), trade_id=number, amount=amount, price=price, fee=fee,
                    fee_asset=asset, is_maker=maker, realized=realized)  # fmt: skip

    def _end(self, order: Order, status: str, execution: str, **details: Any) -> None:
        market = self.markets.get(order.symbol)
        if market is not None:
            market.waiting.pop(order.id, None)
            if market.book.holds(order):
                market.book.remove(order)
        order.status = status
        self._release(order)
        self.report(order, execution, **details)
        self.ended(order)

    def _over(self, order: Order) -> None:
        self._release(order)
        self.ended(order)

    def _release(self, order: Order) -> None:
        if order.account == HOUSE:
            return
        account = self.state.accounts[order.account]
        account.open_orders(perpetual=self.perpetual).pop(order.id, None)
        if order.reserved:
            asset = self.reserve_asset(order)
            account.hold(order, asset, ZERO)
            self.state.moved(account, asset)

    def reserve_asset(self, order: Order) -> str:
        """What an order holds back."""
        rules = self.markets[order.symbol].rules
        return rules.quote if order.side == BUY else rules.base

    # --- trading with oneself ----------------------------------------------------------------------------------------

    def _same_hand(self, taker: Order, maker: Order) -> bool:
        return taker.account == maker.account and taker.prevention != "NONE" and taker.account != HOUSE

    def _prevent(self, market: Market, taker: Order, maker: Order) -> None:
        """Keep an account from trading with itself, in the taker's way."""
        amount, mode = min(taker.open_amount, maker.open_amount), taker.prevention
        self._note_prevention(market, taker, maker, amount)
        if mode == "DECREMENT":
            for order in (taker, maker):
                order.prevented += amount
            if maker.open_amount:
                market.book.show(maker, min(maker.display, maker.open_amount))
            for order in (taker, maker):
                if order.open_amount:
                    self.report(order, "TRADE_PREVENTION")
        both = mode == "EXPIRE_BOTH"
        if both or mode == "EXPIRE_MAKER" or (mode == "DECREMENT" and not maker.open_amount):
            self.expire(maker, status=EXPIRED_IN_MATCH)
        if both or mode == "EXPIRE_TAKER" or (mode == "DECREMENT" and not taker.open_amount):
            self.expire(taker, status=EXPIRED_IN_MATCH)

    def _note_prevention(self, market: Market, taker: Order, maker: Order, amount: Decimal) -> None:
        number = len(self.prevented) + 1
        taker.prevented_match = maker.prevented_match = number
        self.prevented.append({
            "account": taker.account, "symbol": market.rules.name, "preventedMatchId": number,
            "takerOrderId": taker.id, "makerSymbol": market.rules.name, "makerOrderId": maker.id,
            "tradeGroupId": self.state.accounts[taker.account].uid, "selfTradePreventionMode": taker.prevention,
            "price": maker.price, "makerPreventedQuantity": amount, "transactTime": self.state.time_ms,
        })  # fmt: skip
