"""The futures side: positions instead of balances, leverage instead of cash."""

from __future__ import annotations

from decimal import Decimal

from workbench.connectors.simulated import margin
from workbench.connectors.simulated.accounts import Account, Futures, Position
from workbench.connectors.simulated.algo import Algos
from workbench.connectors.simulated.amounts import ZERO, booked
from workbench.connectors.simulated.burning import BNB, FUTURES_SHARE, in_bnb
from workbench.connectors.simulated.events import (
    Arm,
    Cancel,
    CancelAll,
    ConfigReport,
    Configure,
    Draft,
    Expire,
    Mark,
    Modify,
    MoveMargin,
    Place,
)
from workbench.connectors.simulated.filters import check_perpetual
from workbench.connectors.simulated.floor import Floor
from workbench.connectors.simulated.ledger import CLEARING, FUTURES, VENUE, Posting
from workbench.connectors.simulated.market import Market
from workbench.connectors.simulated.orders import Order
from workbench.connectors.simulated.refusals import (
    BAD_LEVERAGE,
    FILL_OR_KILL,
    FUTURES_DUPLICATE,
    FUTURES_NO_MARGIN,
    ISOLATED_ONLY,
    MARGIN_TYPE_BUSY,
    MARGIN_TYPE_HELD,
    NO_NEED_TO_MODIFY,
    NO_SUCH_ORDER,
    NOT_ISOLATED,
    POSITION_MODE_BUSY,
    POSITION_MODE_HELD,
    POSITION_SIDE,
    POST_ONLY,
    REDUCE_ONLY,
    SAME_MARGIN_TYPE,
    SAME_POSITION_MODE,
    TOO_MUCH_LEVERAGE,
    UNKNOWN_ORDER,
    Refusal,
    not_required,
    refuse,
)
from workbench.connectors.simulated.state import State
from workbench.connectors.simulated.symbols import Symbol
from workbench.market import SELL

FORCED = ("autoclose-", "adl_autoclose")  # how the client ids of orders begin that close a position by force
MATCHES = {"": 0, "_5": 4, "_10": 9, "_20": 19}  # of `priceMatch`: which level of the book


class Perpetual(Floor):
    """The perpetual markets."""

    perpetual = True

    def __init__(self, state: State, symbols: list[Symbol]) -> None:
        super().__init__(state, symbols)
        self.house = Futures()
        self.algos = Algos(self)

    # --- what an account asks for ------------------------------------------------------------------------------------

    def place(self, event: Place) -> None:
        """Check an order and what it needs, report it, and let it trade."""
        self.place_draft(self.state.account(event.account), event.draft, only_test=event.only_test)

    def place_draft(self, account: Account, draft: Draft, *, only_test: bool = False, algo_id: int = 0) -> Order | None:
        """As `place`; the order, or None if it was only tested."""
        market = self.market(draft.symbol)
        order = self._order(market, account, draft)
        closes = self._closes(account, order)
        check_perpetual(market, account, draft, closes=closes)
        self._check(market, account, order, closes=closes)
        if only_test:
            return None
        order.id, order.algo_id = self.state.next_order_id(), algo_id
        order.client_id = draft.client_id or self.state.client_id()
        self.remember(order)
        if algo_id:
            self.algos.placed(order)
        self.report(order, "NEW", **self.notionals(order))
        self.work(market, order)
        return order

    def find(self, account: Account, symbol: str, order_id: int | None, client_id: str) -> Order:
        """An open order by either id, or the refusal that there is none."""
        self.market(symbol)
        for order in account.perpetual_orders.values():
            by_id = order.id == order_id if order_id is not None else order.client_id == client_id
            if order.symbol == symbol and by_id:
                return order
        raise refuse(UNKNOWN_ORDER)

    def take_back(self, event: Cancel) -> None:
        """Cancel an order."""
        account = self.state.account(event.account)
        self.cancel(self.find(account, event.symbol, event.order_id, event.client_id))

    def take_all_back(self, event: CancelAll) -> None:
        """Cancel all orders of an account in a symbol; having none is no mistake here."""
        account = self.state.account(event.account)
        self.market(event.symbol)
        for order in list(account.perpetual_orders.values()):
            if order.symbol == event.symbol and order.is_open:
                self.cancel(order)

    def modify(self, event: Modify) -> None:
        """Give an order another price and amount; it stands at the end of the queue then."""
        account = self.state.account(event.account)
        try:
            order = self.find(account, event.symbol, event.order_id, event.client_id)
        except Refusal:
            raise refuse(NO_SUCH_ORDER) from None
        market = self.market(event.symbol)
        if (event.price, event.amount) == (order.price, order.amount):
            raise refuse(NO_NEED_TO_MODIFY)
        self._check_change(market, account, order, event)
        if market.book.holds(order):
            market.book.remove(order)
        before = order.price, order.amount
        order.price, order.amount = event.price, event.amount
        self.amended(order, order.client_id, *before)
        self.report(order, "AMENDMENT")
        if order.open_amount <= 0:
            self.cancel(order)
        else:
            self.work(market, order)

    def end(self, event: Expire) -> None:
        """The venue ends an order."""
        order = self.all_orders.get(event.order_id)
        if order is not None and order.is_open:
            self.expire(order, event.reason)

    # --- how an account trades ---------------------------------------------------------------------------------------

    def configure(self, event: Configure) -> None:
        """Set leverage, margin type, position mode or multi-assets mode."""
        account = self.state.account(event.account)
        if event.leverage:
            self._set_leverage(account, event.symbol, event.leverage)
        if event.margin_type:
            self._set_margin_type(account, event.symbol, event.margin_type)
        if event.dual is not None:
            self._set_dual(account, event.dual)
        if event.multi_assets is not None:
            account.futures.multi_assets = event.multi_assets

    def move_margin(self, event: MoveMargin) -> None:
        """Add money to an isolated position, or take it out."""
        account, market = self.state.account(event.account), self.market(event.symbol)
        held = account.futures.position(event.symbol, event.position_side)
        if not account.futures.is_isolated(event.symbol) or not held.amount:
            raise refuse(NOT_ISOLATED)
        if event.amount > margin.available(self.markets, account, market.rules.quote):
            raise refuse(FUTURES_NO_MARGIN)
        least = margin.needs(market, account, side=event.position_side).position - held.gain(market.mark_price)
        if held.isolated_wallet + event.amount < least and event.amount < 0:
            raise refuse(ISOLATED_ONLY)
        held.isolated_wallet += event.amount
        account.futures.margin_moves.append((self.state.time_ms, event.symbol, held.side, event.amount))
        self.state.futures_moved(account, "MARGIN_TRANSFER", market.rules.quote, ZERO, (event.symbol, held.side))

    def arm(self, event: Arm) -> None:
        """Start or stop the countdown that cancels all orders in a symbol."""
        countdowns = self.state.account(event.account).futures.countdowns
        self.market(event.symbol)
        countdowns.pop(event.symbol, None)
        if event.countdown_ms:
            countdowns[event.symbol] = self.state.time_ms + event.countdown_ms

    # --- time and marks ----------------------------------------------------------------------------------------------

    def mark(self, event: Mark) -> None:
        """Take over a mark price; stops that look at it may wake."""
        market = self.market(event.symbol)
        market.mark, market.index, market.has_own_mark = event.price, event.index or event.price, True
        if event.funding_rate is not None:
            market.funding_rate = event.funding_rate
        self.algos.look(market, event.price, "MARK_PRICE")

    def elapse(self) -> None:
        """What was due falls due: countdowns, orders with a last moment."""
        now = self.state.time_ms
        for account in self.state.accounts.values():
            for symbol, deadline in list(account.futures.countdowns.items()):
                if deadline <= now:
                    del account.futures.countdowns[symbol]
                    self.take_all_back(CancelAll(account.name, symbol, perpetual=True))
            for order in list(account.perpetual_orders.values()):
                if order.good_till_ms and order.good_till_ms <= now and order.is_open:
                    self.expire(order)
        self.algos.elapse()

    # --- money -------------------------------------------------------------------------------------------------------

    def settle(self, order: Order, maker: bool, amount: Decimal, price: Decimal) -> tuple[Decimal, str, Decimal]:
        """Move the position and the money of one side of a trade."""
        market = self.markets[order.symbol]
        account = self.state.accounts.get(order.account)
        futures = self.house if account is None else account.futures
        held = futures.position(order.symbol, order.position_side)
        before = held.amount
        realized = booked(_change(held, order.side * amount, price))
        rate = ZERO if account is None else account.perpetual_maker if maker else account.perpetual_taker
        asset = market.rules.quote
        fee, fee_asset = self._fee(futures, booked(price * amount * rate), asset)
        self.state.ledger.book(
            self.state.time_ms, f"trade of order {order.id}",
            Posting(order.account, FUTURES, asset, realized), Posting(CLEARING, FUTURES, asset, -realized),
            Posting(order.account, FUTURES, fee_asset, -fee), Posting(VENUE, FUTURES, fee_asset, fee),
        )  # fmt: skip
        for name, change in ((asset, realized), (fee_asset, -fee)):
            futures.wallet[name] = futures.wallet.get(name, ZERO) + change
        held.updated_ms = self.state.time_ms
        if account is not None:
            self._keep(account, market, held, before, price, realized, fee, fee_asset)
        return fee, fee_asset, realized

    def _fee(self, futures: Futures, fee: Decimal, asset: str) -> tuple[Decimal, str]:
        if futures.burns_bnb:
            found = in_bnb(fee, asset, self.markets, futures.wallet.get(BNB, ZERO), FUTURES_SHARE)
            if found is not None:
                return found, BNB
        return fee, asset

    def affordable(self, market: Market, order: Order, price: Decimal) -> Decimal:
        """An order that may only reduce goes as far as there is something to reduce."""
        account = self.state.accounts.get(order.account)
        if account is None or not order.reduce_only:
            return order.open_amount
        held = account.futures.positions.get((order.symbol, order.position_side))
        there = -order.side * held.amount if held else ZERO
        return min(order.open_amount, max(there, ZERO))

    def ended(self, order: Order) -> None:
        """A conditional order is finished when the order that it became is over."""
        if order.algo_id:
            self.algos.finished(order)

    def has_traded(self, order: Order) -> None:
        """Orders that could only reduce the position end when there is nothing left to reduce."""
        account = self.state.accounts.get(order.account)
        if account is not None:
            self._drop_reducers(account, order.symbol, account.futures.position(order.symbol, order.position_side))

    def traded(self, market: Market, price: Decimal) -> None:
        """Conditional orders look at every trade."""
        self.algos.look(market, price, "CONTRACT_PRICE")
        if not market.has_own_mark:
            self.algos.look(market, price, "MARK_PRICE")

    def word_for_fill(self, order: Order) -> str:
        """Fills of orders that close a position by force have a word of their own."""
        return "CALCULATED" if order.client_id.startswith(FORCED) else "TRADE"

    def notionals(self, order: Order) -> dict[str, Decimal]:
        """Value of an account's open bids and asks in a symbol, which order events carry."""
        need = margin.needs(self.markets[order.symbol], self.state.accounts[order.account])
        return {"bid_notional": need.bids, "ask_notional": need.asks}

    def _keep(self, account: Account, market: Market, held: Position, before: Decimal, price: Decimal,
              realized: Decimal, fee: Decimal, fee_asset: str) -> None:  # fmt: skip
        ledger, name, now = self.state.ledger, market.rules.name, self.state.time_ms
        number, asset = str(market.last_trade_id), market.rules.quote
        if realized:
            ledger.add_income(account.name, name, "REALIZED_PNL", asset, realized, now, number)
        if fee:
            ledger.add_income(account.name, name, "COMMISSION", fee_asset, -fee, now, number)
        held.fees += fee if fee_asset == asset else ZERO
        if account.futures.is_isolated(name):
            self._set_apart(account, held, before, price)
        self.state.futures_moved(account, "ORDER", asset, ZERO, (name, held.side))
        if fee_asset != asset:
            self.state.futures_moved(account, "ORDER", fee_asset, ZERO)

    def _set_apart(self, account: Account, held: Position, before: Decimal, price: Decimal) -> None:
        leverage = account.futures.leverage_of(held.symbol)
        if not held.amount or before * held.amount < 0:
            held.isolated_wallet = abs(held.amount) * price / leverage
        elif abs(held.amount) > abs(before):
            held.isolated_wallet += (abs(held.amount) - abs(before)) * price / leverage
        else:
            held.isolated_wallet *= held.amount / before

    def _drop_reducers(self, account: Account, name: str, held: Position) -> None:
        for order in list(account.perpetual_orders.values()):
            mine = order.symbol == name and order.position_side == held.side and order.reduce_only
            if mine and order.is_open and order.open_amount and order.side * held.amount >= 0:
                self.expire(order)
        if not held.amount:
            self.algos.flat(account, name, held.side)

    # --- checks ------------------------------------------------------------------------------------------------------

    def _order(self, market: Market, account: Account, draft: Draft) -> Order:
        price = self._matched_price(market, draft) if draft.price_match != "NONE" else draft.price
        return Order(0, market.rules.name, account.name, draft.client_id, draft.side, draft.kind, draft.amount, price,
                     draft.time_in_force, self.state.time_ms, prevention=draft.prevention,
                     updated_ms=self.state.time_ms, position_side=draft.position_side,
                     reduce_only=draft.reduce_only or self._reduces(account, draft),
                     close_position=draft.close_position, good_till_ms=draft.good_till_ms,
                     price_match=draft.price_match, working_type=draft.working_type,
                     price_protect=draft.price_protect, original_kind=draft.kind)  # fmt: skip

    def _reduces(self, account: Account, draft: Draft) -> bool:
        """In hedge mode a sale of the long side, or a purchase of the short side, can only reduce."""
        return account.futures.dual and (draft.position_side == "LONG") == (draft.side == SELL)

    def _closes(self, account: Account, order: Order) -> bool:
        held = account.futures.positions.get((order.symbol, order.position_side))
        return order.reduce_only and held is not None and order.side * held.amount < 0

    def _check(self, market: Market, account: Account, order: Order, *, closes: bool) -> None:
        if market.rules.status != "TRADING":
            raise Refusal(-4108, "This contract is closed, not available for trading.")
        if not account.can_trade:
            raise Refusal(-2015, "Invalid API-key, IP, or permissions for action, request ip: 127.0.0.1", 401)
        self._check_side(account, order)
        if order.client_id and any(o.client_id == order.client_id for o in account.perpetual_orders.values()):
            raise refuse(FUTURES_DUPLICATE)
        if order.reduce_only and not closes:
            raise refuse(REDUCE_ONLY)
        if order.time_in_force == "GTX" and self.crosses(market, order.side, order.price):
            raise refuse(POST_ONLY)
        if order.time_in_force == "FOK" and self.reachable(market, order) < order.amount:
            raise refuse(FILL_OR_KILL)
        if order.kind == "MARKET" and market.book.first(-order.side) is None:
            raise Refusal(-2020, "Unable to fill.")
        if not order.reduce_only:
            self._check_margin(market, account, order)

    def _check_side(self, account: Account, order: Order) -> None:
        sides = ("LONG", "SHORT") if account.futures.dual else ("BOTH",)
        if order.position_side not in sides:
            raise refuse(POSITION_SIDE)

    def _check_margin(self, market: Market, account: Account, order: Order) -> None:
        if margin.available(self.markets, account, market.rules.quote, order) < 0:
            raise refuse(FUTURES_NO_MARGIN)
        held = account.futures.positions.get((order.symbol, order.position_side))
        value = (held.amount if held else ZERO) + order.side * order.amount
        largest = margin.cap(market.rules, account.futures.leverage_of(order.symbol))
        if abs(value) * (order.price or market.mark_price) > largest:
            raise refuse(TOO_MUCH_LEVERAGE)

    def _check_change(self, market: Market, account: Account, order: Order, event: Modify) -> None:
        draft = Draft(order.symbol, order.side, order.kind, event.amount, event.price)
        check_perpetual(market, account, draft, closes=order.reduce_only)
        if order.time_in_force == "GTX" and self.crosses(market, order.side, event.price):
            raise refuse(POST_ONLY)
        old = order.price, order.amount
        order.price, order.amount = event.price, event.amount
        short = margin.available(self.markets, account, market.rules.quote) < 0
        order.price, order.amount = old
        if short and not order.reduce_only:
            raise refuse(FUTURES_NO_MARGIN)

    def _matched_price(self, market: Market, draft: Draft) -> Decimal:
        word, _, suffix = draft.price_match.partition("_")
        side = draft.side if word == "QUEUE" else -draft.side
        place = MATCHES.get(f"_{suffix}" if suffix else "", 0)
        levels = market.book.depth(side, place + 1)
        if len(levels) <= place:
            raise Refusal(-4165, "priceMatch cannot be used: the book has no such level.")
        return levels[place][0]

    # --- settings ----------------------------------------------------------------------------------------------------

    def _set_leverage(self, account: Account, symbol: str, leverage: int) -> None:
        rules = self.market(symbol).rules
        if not 1 <= leverage <= rules.brackets[0].leverage:
            raise Refusal(BAD_LEVERAGE[0], BAD_LEVERAGE[1].format(leverage=leverage))
        held = sum(abs(position.amount) for position in margin.positions_in(account, symbol))
        if held * self.market(symbol).mark_price > margin.cap(rules, leverage):
            raise refuse(TOO_MUCH_LEVERAGE)
        before = account.futures.leverage.get(symbol)
        account.futures.leverage[symbol] = leverage
        if margin.available(self.markets, account, rules.quote) < 0:
            account.futures.leverage.pop(symbol)
            account.futures.leverage |= {} if before is None else {symbol: before}
            raise refuse(FUTURES_NO_MARGIN)
        self.state.reports.append(ConfigReport(account.name, symbol, leverage, self.state.time_ms))

    def _set_margin_type(self, account: Account, symbol: str, margin_type: str) -> None:
        self.market(symbol)
        if margin_type == account.futures.margin_type.get(symbol, "CROSSED"):
            raise refuse(SAME_MARGIN_TYPE)
        if any(order.symbol == symbol for order in account.perpetual_orders.values()):
            raise refuse(MARGIN_TYPE_BUSY)
        if margin.positions_in(account, symbol):
            raise refuse(MARGIN_TYPE_HELD)
        account.futures.margin_type[symbol] = margin_type

    def _set_dual(self, account: Account, dual: bool) -> None:
        if dual == account.futures.dual:
            raise refuse(SAME_POSITION_MODE)
        if account.perpetual_orders or self.algos.open_of(account.name):
            raise refuse(POSITION_MODE_BUSY)
        if any(held.amount for held in account.futures.positions.values()):
            raise refuse(POSITION_MODE_HELD)
        account.futures.dual = dual


def check_reduce_only(account: Account, draft: Draft) -> None:
    """In hedge mode the parameter `reduceOnly` may not be sent."""
    if account.futures.dual and draft.reduce_only:
        raise not_required("reduceonly")


def _change(held: Position, amount: Decimal, price: Decimal) -> Decimal:
    """Add a signed amount to a position at a price; the gain that closing a part of it realised."""
    before, after = held.amount, held.amount + amount
    closed = min(abs(before), abs(amount)) if before * amount < 0 else ZERO
    realized = (price - held.entry) * closed * (1 if before > 0 else -1)
    if before * amount >= 0:
        held.entry = (held.entry * abs(before) + price * abs(amount)) / abs(after)
    elif before * after <= 0:
        held.entry = price if after else ZERO
    held.amount = after
    held.realized += realized
    if before * after <= 0:
        held.fees = held.realized = ZERO
    return realized
