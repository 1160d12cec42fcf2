"""Orders met by our own matching: the core of the simulated venue, with quotes and prints from a real market.

The house shows the real book; what we take from it comes back with the next update. Orders that rest are filled by
prints beyond their price, or when the book moves through them: in part, if there is no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from workbench.connectors.errors import AlreadyThere, KeyRefused, NoFunds, NotThere
from workbench.connectors.fees import FeeRates
from workbench.connectors.protocol import Balances, Event, Positions
from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.algo import Algo
from workbench.connectors.simulated.core import Core
from workbench.connectors.simulated.events import (
    AlgoReport,
    BalanceReport,
    Cancel,
    CancelAlgo,
    Depth,
    Draft,
    FuturesReport,
    Mark,
    Open,
    OrderReport,
    Place,
    PlaceAlgo,
    Print,
    Tick,
)
from workbench.connectors.simulated.events import Event as CoreEvent
from workbench.connectors.simulated.events import Report as CoreReport
from workbench.connectors.simulated.ledger import Fill as CoreFill
from workbench.connectors.simulated.orders import Order as CoreOrder
from workbench.connectors.simulated.refusals import Refusal
from workbench.connectors.simulated.symbols import Symbol
from workbench.connectors.values import ZERO, Balance, FundingPayment, MarginMode, Position, Rules, Trade
from workbench.errors import Rejected, VenueError
from workbench.market import BUY, SELL, OrderKind
from workbench.trading import Fill, Intent, Life, Report

NAME = "paper"
LIVES = {
    "NEW": Life.OPEN, "PARTIALLY_FILLED": Life.OPEN, "PENDING_NEW": Life.OPEN, "FILLED": Life.FILLED,
    "CANCELED": Life.CANCELLED, "EXPIRED": Life.EXPIRED, "EXPIRED_IN_MATCH": Life.EXPIRED, "REJECTED": Life.REJECTED,
    "TRIGGERING": Life.OPEN, "TRIGGERED": Life.OPEN, "FINISHED": Life.OPEN,
}  # fmt: skip
SPOT_KINDS = {
    OrderKind.MARKET: "MARKET",
    OrderKind.LIMIT: "LIMIT",
    OrderKind.POST_ONLY: "LIMIT_MAKER",
    OrderKind.STOP: "STOP_LOSS",
    OrderKind.STOP_LIMIT: "STOP_LOSS_LIMIT",
}
ALGO_KINDS = {OrderKind.STOP: "STOP_MARKET", OrderKind.STOP_LIMIT: "STOP"}
LEGS = {BUY: "LONG", SELL: "SHORT", 0: "BOTH"}
SIDES = {name: side for side, name in LEGS.items()}
ERRORS = {-2011: NotThere, -2013: NotThere, -2019: NoFunds, -2015: KeyRefused, -4116: AlreadyThere}
NEVER = Decimal(10) ** 12
Levels = list[tuple[float, float]]


class Matching:
    """The books and the account of one paper venue: spot or perpetual.

    Parameters
    ----------
    venue : str
        Its name, for messages.
    rules : iterable of Rules
        The real market's.
    money : mapping of asset to Decimal
        What the account begins with.
    rates : FeeRates
        What its fills cost. Spot fees come out of what a fill brings, those of perpetuals out of the settling coin.
    """

    def __init__(
        self,
        venue: str,
        rules: Iterable[Rules],
        money: dict[str, Decimal],
        rates: FeeRates,
        *,
        perpetual: bool,
        start_ms: int,
    ) -> None:
        self.venue, self.perpetual = venue, perpetual
        self.rules = {one.symbol: one for one in rules}
        self.names = {one.symbol: one.base + one.quote for one in self.rules.values()}
        self.symbols = {name: symbol for symbol, name in self.names.items()}
        self._shown: dict[str, tuple[Levels, Levels]] = {}
        self.core = Core([_symbol(one) for one in self.rules.values()], start_ms=start_ms)
        empty: dict[str, Decimal] = {}
        self.core.step(Open(NAME, NAME, NAME, empty if perpetual else money, money if perpetual else empty), start_ms)
        self._from_one_process(start_ms)
        account = self.account
        account.maker = account.perpetual_maker = rates.maker
        account.taker = account.perpetual_taker = rates.taker

    def _from_one_process(self, start_ms: int) -> None:
        """Numbers of orders and trades begin at the time, so that those of an earlier process are never met again."""
        self.began = start_ms
        self.core.state._order_id = start_ms
        for market in self.core.floor(perpetual=self.perpetual).markets.values():
            market.last_trade_id = start_ms

    @property
    def account(self) -> Account:
        """Our account in the core."""
        return self.core.accounts[NAME]

    # --- the market --------------------------------------------------------------------------------------------------

    def show(self, instrument: str, bids: Levels, asks: Levels, now_ms: int) -> list[Event]:
        """The real book as it is now."""
        rules, name = self.rules[instrument], self.names[instrument]
        self._shown[instrument] = bids, asks
        there, wanted = [
            tuple((_on(price, rules.tick), _on(amount, rules.lot)) for price, amount in side) for side in (bids, asks)
        ]
        return self.happen(Depth(name, there, wanted, is_snapshot=True, perpetual=self.perpetual), now_ms)

    def hear(self, trade: Trade, now_ms: int) -> list[Event]:
        """A real print: it fills what rests at better prices.

        A book that shows better prices than it had is late: it is moved there as it is, until its own news come.
        """
        rules, name = self.rules[trade.instrument], self.names[trade.instrument]
        price, amount = _on(trade.price, rules.tick), _on(trade.amount, rules.lot)
        if not price or not amount:
            return []
        bids, asks = self._shown.get(trade.instrument, ([], []))
        side = bids if trade.side == SELL else asks
        ahead = -trade.side * (side[0][0] - trade.price) if side else 0.0
        told = []
        if ahead > 0.0:
            moved = [(level + trade.side * ahead, there) for level, there in side]
            told = self.show(trade.instrument, *((moved, asks) if trade.side == SELL else (bids, moved)), now_ms)
        return told + self.happen(Print(name, price, amount, trade.side, perpetual=self.perpetual), now_ms)

    def mark(self, instrument: str, price: float, funding_rate: float | None, now_ms: int) -> list[Event]:
        """The real mark price, and the rate of the next funding."""
        rate = None if funding_rate is None else Decimal(repr(funding_rate))
        return self.happen(Mark(self.names[instrument], Decimal(repr(price)), funding_rate=rate), now_ms)

    def pass_time(self, now_ms: int) -> list[Event]:
        """What was due falls due: funding, countdowns."""
        return self.happen(Tick(), now_ms)

    # --- orders ------------------------------------------------------------------------------------------------------

    def create(self, intent: Intent, now_ms: int) -> list[Event]:
        """An order arrives."""
        draft = self._draft(intent)
        conditional = self.perpetual and intent.kind in ALGO_KINDS
        event: CoreEvent = PlaceAlgo(NAME, draft) if conditional else Place(NAME, draft, self.perpetual)
        return self.happen(event, now_ms, intent.instrument, "create_order")

    def cancel(self, instrument: str, client_id: str, venue_id: str, now_ms: int, *, conditional: bool) -> list[Event]:
        """A cancellation arrives."""
        name, number = self.names[instrument], venue_id.rpartition("-")[2] if not client_id else ""
        known = int(number) if number.isdigit() else None
        event: CoreEvent = Cancel(NAME, name, known, client_id, perpetual=self.perpetual)
        if conditional and self.perpetual:
            event = CancelAlgo(NAME, name, known, client_id)
        return self.happen(event, now_ms, instrument, "cancel_order")

    def open_orders(self, instrument: str) -> list[Report]:
        """What waits, conditional orders included."""
        name = self.names[instrument]
        waiting = self.account.open_orders(perpetual=self.perpetual).values()
        plain = [self._order(order) for order in waiting if order.symbol == name]
        algos = self.core.perpetual.algos.open_of(NAME) if self.perpetual else []
        return plain + [one for algo in algos if algo.draft.symbol == name for one in self._algo(algo)]

    def order(self, instrument: str, client_id: str, venue_id: str) -> list[Report]:
        """One order, whatever became of it."""
        name = self.names[instrument]
        found = [
            self._order(order)
            for order in self.core.floor(perpetual=self.perpetual).of(NAME, name).values()
            if (order.client_id == client_id if client_id else str(order.id) == venue_id)
        ]
        if self.perpetual:
            for algo in self.core.perpetual.algos.by_id.values():
                if algo.draft.symbol == name and (algo.client_id == client_id or self._algo_id(algo) == venue_id):
                    found = [*self._algo(algo), *found]
        if not found:
            raise self._error(Refusal(-2013, "Order does not exist."), instrument, "fetch_order")
        return found

    def fills(self, instrument: str, since_ms: int) -> list[Fill]:
        """Our trades since then."""
        made = self.core.ledger.fills(NAME, self.names[instrument], perpetual=self.perpetual)
        return [self._fill(fill) for fill in made if fill.time_ms >= since_ms]

    def balances(self) -> dict[str, Balance]:
        """What the account has."""
        account = self.account
        if self.perpetual:
            return {asset: Balance(asset, amount, amount) for asset, amount in account.futures.wallet.items()}
        assets = {*account.free, *account.locked}
        free, locked = account.free, account.locked
        return {a: Balance(a, free.get(a, ZERO) + locked.get(a, ZERO), free.get(a, ZERO)) for a in sorted(assets)}

    def positions(self) -> list[Position]:
        """Legs that are not flat."""
        return [self._position(key) for key, held in self.account.futures.positions.items() if held.amount]

    def funding_payments(self, instrument: str, since_ms: int) -> list[FundingPayment]:
        """Funding paid and received."""
        name = self.names[instrument]
        return [
            FundingPayment(str(row.id), instrument, row.asset, row.amount, row.time_ms)
            for row in self.core.ledger.income(NAME)
            if row.symbol == name and row.kind == "FUNDING_FEE" and row.time_ms >= since_ms
        ]

    # --- inside ------------------------------------------------------------------------------------------------------

    def happen(self, event: CoreEvent, now_ms: int, instrument: str = "", request: str = "") -> list[Event]:
        """Let something happen in the core; what follows for us."""
        try:
            reports = self.core.step(event, now_ms)
        except Refusal as refusal:
            raise self._error(refusal, instrument, request) from None
        return [one for report in reports for one in self._read(report)]

    def _read(self, report: CoreReport) -> list[Event]:
        if isinstance(report, OrderReport) and report.order.account == NAME:
            told: list[Event] = [self._order(report.order)]
            if report.trade_id >= 0:
                told.append(self._fill_of(report))
            return told
        if isinstance(report, AlgoReport) and report.account == NAME:
            return list(self._algo(report.algo))
        if isinstance(report, BalanceReport) and report.account == NAME:
            known = self.balances()
            return [Balances({asset: known[asset] for asset in report.balances}, report.time_ms)]
        if isinstance(report, FuturesReport) and report.account == NAME:
            return [
                Balances(self.balances(), report.time_ms),
                Positions(tuple(self._position(key) for key in report.positions), report.time_ms),
            ]
        return []

    def _draft(self, intent: Intent) -> Draft:
        kind = SPOT_KINDS[intent.kind]
        in_force = intent.time_in_force
        if self.perpetual:
            kind = ALGO_KINDS.get(intent.kind, "MARKET" if intent.kind == OrderKind.MARKET else "LIMIT")
            in_force = "GTX" if intent.kind == OrderKind.POST_ONLY else in_force
        return Draft(
            self.names[intent.instrument], intent.side, kind, intent.amount, intent.price or ZERO, in_force,
            intent.client_id, stop_price=intent.trigger or ZERO, position_side=LEGS[intent.position_side],
            reduce_only=intent.reduce_only and self.perpetual and not intent.position_side,
        )  # fmt: skip

    def _order(self, order: CoreOrder) -> Report:
        return Report(
            self.symbols[order.symbol], order.client_id, str(order.id), LIVES[order.status], order.filled,
            order.updated_ms or order.created_ms, order.amount, order.price or None, order.side, order.expiry_reason,
        )  # fmt: skip

    def _algo(self, algo: Algo) -> list[Report]:
        draft, life = algo.draft, LIVES[algo.status]
        one = Report(
            self.symbols[draft.symbol], algo.client_id, self._algo_id(algo), life, ZERO, algo.updated_ms, draft.amount,
            draft.price or None, draft.side, algo.failure,
        )  # fmt: skip
        if not algo.order_id:
            return [one]
        child = self.core.perpetual.all_orders.get(algo.order_id)
        return [one] if child is None else [one, self._order(child)]

    def _algo_id(self, algo: Algo) -> str:
        return f"{self.began}-{algo.id}"

    def is_conditional(self, venue_id: str) -> bool:
        """Is this the id of a conditional order of a perpetual?"""
        return "-" in venue_id

    def _fill(self, fill: CoreFill) -> Fill:
        return Fill(
            self.symbols[fill.symbol], str(fill.trade_id), str(fill.order_id), fill.side, fill.price, fill.amount,
            fill.time_ms, fill.client_id, fill.fee, fill.fee_asset, fill.is_maker,
        )  # fmt: skip

    def _fill_of(self, report: OrderReport) -> Fill:
        order = report.order
        return Fill(
            self.symbols[order.symbol], str(report.trade_id), str(order.id), order.side, report.price, report.amount,
            report.time_ms, order.client_id, report.fee, report.fee_asset or "", report.is_maker,
        )  # fmt: skip

    def _position(self, key: tuple[str, str]) -> Position:
        held, futures = self.account.futures.positions[key], self.account.futures
        mark = self.core.perpetual.market(held.symbol).mark_price
        mode = MarginMode.ISOLATED if futures.is_isolated(held.symbol) else MarginMode.CROSS
        return Position(
            self.symbols[held.symbol], SIDES[held.side], held.amount, held.entry or None, mark or None,
            held.gain(mark) if mark else None, Decimal(futures.leverage_of(held.symbol)), None, mode,
        )  # fmt: skip

    def _error(self, refusal: Refusal, instrument: str, request: str) -> VenueError:
        kind: type[VenueError] = ERRORS.get(refusal.code, Rejected)
        if refusal.code == -2010:
            words = {"balance": NoFunds, "Duplicate": AlreadyThere}
            kind = next((kind for word, kind in words.items() if word in refusal.message), Rejected)
        text = f"{instrument} on {self.venue} (paper): {request}: {refusal.message} ({refusal.code})."
        return kind(text, venue=self.venue, instrument=instrument, request=request)


def _symbol(rules: Rules) -> Symbol:
    least = rules.tick or Decimal("1e-8")
    return Symbol(
        rules.base + rules.quote, rules.base, rules.quote, rules.is_perpetual, tick=least,
        lot=rules.lot or Decimal("1e-8"), min_price=rules.min_price or least,
        max_price=rules.max_price or NEVER, max_amount=rules.max_amount or NEVER,
        market_max_amount=rules.max_market_amount or rules.max_amount or NEVER, min_notional=rules.min_notional,
        max_notional=rules.max_notional or NEVER, price_up=Decimal(5), price_down=Decimal("0.2"),
    )  # fmt: skip


def _on(value: float, step: Decimal) -> Decimal:
    """A float as the decimal that it stands for, in whole steps."""
    number = Decimal(repr(value))
    return (number / step).to_integral_value() * step if step else number
