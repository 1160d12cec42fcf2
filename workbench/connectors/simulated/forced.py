"""What the futures venue does to positions by itself: funding, and closing what is not covered any more."""

from __future__ import annotations

from decimal import Decimal

from workbench.connectors.simulated import margin
from workbench.connectors.simulated.accounts import Account, Position
from workbench.connectors.simulated.amounts import ZERO, booked
from workbench.connectors.simulated.events import Fund, Liquidate, MarginReport
from workbench.connectors.simulated.ledger import CLEARING, FUTURES, INSURANCE, Posting
from workbench.connectors.simulated.market import Funding, Market
from workbench.connectors.simulated.orders import HOUSE, Order
from workbench.connectors.simulated.perpetual import Perpetual
from workbench.market import BUY, SELL, ceil_time

HOUR = 3_600_000
CALL = Decimal("0.8")  # part of the equity that maintenance may use up before the venue warns


class Forced:
    """Funding and liquidation of the perpetual markets."""

    def __init__(self, floor: Perpetual) -> None:
        self.floor = floor
        self._called: set[str] = set()

    def elapse(self) -> None:
        """Pay the funding that has fallen due; a market's first moment only sets when that will be."""
        now = self.floor.state.time_ms
        for market in self.floor.markets.values():
            length = market.rules.funding_hours * HOUR
            if not market.next_funding_ms or now - market.next_funding_ms > 90 * 24 * HOUR:
                market.next_funding_ms = int(ceil_time(now + 1, length))
            while market.next_funding_ms <= now:
                self._pay(market, market.funding_rate, market.next_funding_ms)
                market.next_funding_ms += length

    def fund(self, event: Fund) -> None:
        """Pay funding now."""
        market = self.floor.market(event.symbol)
        self._pay(market, market.funding_rate if event.rate is None else event.rate, self.floor.state.time_ms)

    def liquidate(self, event: Liquidate) -> None:
        """Close an account's positions in a symbol by force."""
        account = self.floor.state.account(event.account)
        for held in margin.positions_in(account, event.symbol):
            self._close(account, held, adl=event.adl)

    def watch(self) -> None:
        """Close what is not covered any more, and warn of what soon is not."""
        for account in self.floor.state.accounts.values():
            for held in [held for held in account.futures.positions.values() if held.amount]:
                if (
                    held.amount
                    and held.symbol in self.floor.markets
                    and margin.is_bust(self.floor.markets, account, held)
                ):
                    self._close(account, held, adl=False)
            self._warn(account)

    def _pay(self, market: Market, rate: Decimal, time_ms: int) -> None:
        mark, state, name = market.mark_price, self.floor.state, market.rules.name
        market.fundings.append(Funding(time_ms, rate, mark))
        for account in state.accounts.values():
            for held in margin.positions_in(account, name):
                paid = booked(held.amount * mark * rate)
                if paid:
                    self._charge(account, market, held, paid)
        for held in self.floor.house.positions.values():
            if held.symbol == name and held.amount:
                paid = booked(held.amount * mark * rate)
                self._book(HOUSE, market.rules.quote, -paid, "funding")

    def _charge(self, account: Account, market: Market, held: Position, paid: Decimal) -> None:
        state, asset, name = self.floor.state, market.rules.quote, market.rules.name
        self._book(account.name, asset, -paid, "funding")
        state.add_futures(account, asset, -paid)
        isolated = account.futures.is_isolated(name)
        if isolated:
            held.isolated_wallet -= paid
        state.ledger.add_income(account.name, name, "FUNDING_FEE", asset, -paid, state.time_ms)
        state.futures_moved(account, "FUNDING_FEE", asset, -paid, (name, held.side) if isolated else None)

    def _book(self, owner: str, asset: str, amount: Decimal, reason: str, contra: str = CLEARING) -> None:
        self.floor.state.ledger.book(self.floor.state.time_ms, reason, Posting(owner, FUTURES, asset, amount),
                                     Posting(contra, FUTURES, asset, -amount))  # fmt: skip

    def _close(self, account: Account, held: Position, *, adl: bool) -> None:
        floor, state = self.floor, self.floor.state
        market = floor.markets[held.symbol]
        for order in list(account.perpetual_orders.values()):
            if order.symbol == held.symbol and order.is_open:
                floor.expire(order)
        word = "adl_autoclose" if adl else f"autoclose-{state.time_ms}"
        order = Order(state.next_order_id(), held.symbol, account.name, word, SELL if held.amount > 0 else BUY,
                      "LIMIT", abs(held.amount), ZERO, "IOC", state.time_ms, position_side=held.side,
                      reduce_only=True, original_kind="LIMIT", updated_ms=state.time_ms)  # fmt: skip
        order.working_ms = state.time_ms
        floor.remember(order)
        floor.report(order, "NEW", **floor.notionals(order))
        if not adl:
            floor.take(market, order)
        if order.is_open and order.open_amount:
            self._take_over(market, order)
        self._cover(account, market)

    def _take_over(self, market: Market, order: Order) -> None:
        """The venue itself takes what the book did not, at the mark price."""
        floor, left = self.floor, order.open_amount
        counter = floor.house_order(market, -order.side, market.mark_price, left)
        floor.execute(market, order, counter, left)

    def _cover(self, account: Account, market: Market) -> None:
        asset, state = market.rules.quote, self.floor.state
        short = -account.futures.wallet.get(asset, ZERO)
        if short > 0 and not any(held.amount for held in account.futures.positions.values()):
            self._book(account.name, asset, short, "insurance", INSURANCE)
            state.add_futures(account, asset, short)
            state.ledger.add_income(account.name, market.rules.name, "INSURANCE_CLEAR", asset, short, state.time_ms)
            state.futures_moved(account, "INSURANCE_CLEAR", asset, short)

    def _warn(self, account: Account) -> None:
        held = [position for position in account.futures.positions.values() if position.amount]
        quotes = {
            self.floor.markets[position.symbol].rules.quote
            for position in held
            if position.symbol in self.floor.markets
        }
        near = False
        for asset in quotes:
            equity, need = margin.cross_equity(self.floor.markets, account, asset)
            near = near or (need > 0 and need >= equity * CALL)
        if near and account.name not in self._called:
            pairs = tuple((position.symbol, position.side) for position in held)
            self.floor.state.reports.append(MarginReport(account.name, pairs, self.floor.state.time_ms))
        (self._called.add if near else self._called.discard)(account.name)
