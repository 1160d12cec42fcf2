"""The venue without wires: an event and a time go in, reports come out.

It has no clock and draws nothing but client ids, from its seed, so the same events at the same times leave the same
ledger, to the last digit. A refusal is raised before anything has been booked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.amounts import ZERO
from workbench.connectors.simulated.events import (
    Amend,
    Arm,
    Cancel,
    CancelAlgo,
    CancelAll,
    CancelList,
    Configure,
    Deposit,
    Depth,
    Event,
    Expire,
    FillNow,
    Fund,
    Liquidate,
    Mark,
    Modify,
    Move,
    MoveMargin,
    Open,
    Place,
    PlaceAlgo,
    PlaceList,
    Print,
    Report,
    Rules,
    SymbolReport,
    Tick,
    Transfer,
)
from workbench.connectors.simulated.floor import Floor
from workbench.connectors.simulated.forced import Forced
from workbench.connectors.simulated.ledger import FUTURES, SPOT, Ledger
from workbench.connectors.simulated.market import Market
from workbench.connectors.simulated.perpetual import Perpetual
from workbench.connectors.simulated.refusals import FUTURES_NO_MARGIN, NO_FUNDS, refuse
from workbench.connectors.simulated.spot import Spot
from workbench.connectors.simulated.state import State
from workbench.connectors.simulated.symbols import Symbol
from workbench.errors import ConfigError

MARKING = (Move, Print, Depth, Mark, Place, FillNow, Tick, Fund, Deposit, Transfer)


class Core:
    """The venue without wires.

    Parameters
    ----------
    symbols : iterable of Symbol
        What is traded; spot and perpetual symbols may share a name.
    seed : int
        Of the client ids that the venue makes up.
    start_ms : int
        Time before the first event.

    Examples
    --------
    >>> core = Core([Symbol.of("BTC/USDT", 60_000)])
    >>> core.step(Tick(), 1_000)
    []
    """

    def __init__(self, symbols: Iterable[Symbol], *, seed: int = 0, start_ms: int = 0) -> None:
        listed = list(symbols)
        if not listed:
            raise ConfigError(
                "The venue has no symbol to trade. Give at least one, such as Symbol.of('BTC/USDT', 60_000)."
            )
        self.state = State(seed, start_ms)
        self.spot = Spot(self.state, listed)
        self.perpetual = Perpetual(self.state, listed)
        self.forced = Forced(self.perpetual)
        self._steps = self._table()

    @property
    def time_ms(self) -> int:
        """Time of the last event."""
        return self.state.time_ms

    @property
    def ledger(self) -> Ledger:
        """All that was booked."""
        return self.state.ledger

    @property
    def accounts(self) -> dict[str, Account]:
        """The venue's customers, by name."""
        return self.state.accounts

    def floor(self, *, perpetual: bool) -> Floor:
        """The spot or the futures side."""
        return self.perpetual if perpetual else self.spot

    def market(self, symbol: str, *, perpetual: bool = False) -> Market:
        """One market, by the venue's name of its symbol."""
        return self.floor(perpetual=perpetual).market(symbol)

    def step(self, event: Event, time_ms: int) -> list[Report]:
        """Let an event happen, and all that follows from it.

        Parameters
        ----------
        event : Event
            One of the words in `events`.
        time_ms : int
            When; a time before the last event's is taken as that one.

        Returns
        -------
        list of Report
            In the order in which it happened.

        Raises
        ------
        Refusal
            If the venue says no; nothing has been booked then.
        """
        self.state.time_ms = max(time_ms, self.state.time_ms)
        self.state.reports = []
        self.forced.elapse()
        self.perpetual.elapse()
        try:
            self._steps[type(event)](event)
        finally:
            self._settle_down(event)
        return self.state.reports

    def _settle_down(self, event: Event) -> None:
        self.spot.fire()
        self.perpetual.fire()
        if isinstance(event, MARKING):
            self.forced.watch()
            self.perpetual.fire()
        for floor in (self.spot, self.perpetual):
            floor.report_depth()
        self.state.report_moves()

    def _table(self) -> dict[type, Callable[[Any], None]]:
        spot, perpetual = self.spot, self.perpetual
        return {
            Place: lambda e: self._side(e).place(e), Cancel: lambda e: self._side(e).take_back(e),
            CancelAll: lambda e: self._side(e).take_all_back(e), Amend: spot.amend, Modify: perpetual.modify,
            PlaceList: spot.lists.place, CancelList: spot.lists.take_back, PlaceAlgo: perpetual.algos.place,
            CancelAlgo: perpetual.algos.take_back, Configure: perpetual.configure, MoveMargin: perpetual.move_margin,
            Arm: perpetual.arm, Move: lambda e: self._side(e).move(e), Depth: lambda e: self._side(e).depth(e),
            Print: lambda e: self._side(e).trade(e), Mark: perpetual.mark, Tick: lambda _: None, Open: self._open,
            Deposit: self._deposit, Transfer: self._transfer, Rules: self._rules,
            Expire: lambda e: self._side(e).end(e), FillNow: lambda e: self._side(e).fill_now(e),
            Fund: self.forced.fund, Liquidate: self.forced.liquidate,
        }  # fmt: skip

    def _side(self, event: Any) -> Any:
        return self.perpetual if event.perpetual else self.spot

    def _open(self, event: Open) -> None:
        if event.account in self.accounts:
            raise ConfigError(f"The venue has an account {event.account!r} already. Give the new one another name.")
        account = Account(event.account, event.key, event.secret, 10_000 + len(self.accounts))
        self.accounts[event.account] = account
        self.state.names[event.key] = event.account
        for wallet, money in ((SPOT, event.spot), (FUTURES, event.futures)):
            for asset, amount in money.items():
                self.state.deposit(account, asset, amount, wallet)

    def _deposit(self, event: Deposit) -> None:
        account = self.state.account(event.account)
        held = account.free if event.wallet == SPOT else account.futures.wallet
        if held.get(event.asset, ZERO) + event.amount < 0:
            raise refuse(NO_FUNDS if event.wallet == SPOT else FUTURES_NO_MARGIN)
        self.state.deposit(account, event.asset, event.amount, event.wallet)

    def _transfer(self, event: Transfer) -> None:
        account = self.state.account(event.account)
        if event.amount > account.free.get(event.asset, ZERO):
            raise refuse(NO_FUNDS)
        if -event.amount > account.futures.wallet.get(event.asset, ZERO):
            raise refuse(FUTURES_NO_MARGIN)
        self.state.transfer(account, event.asset, event.amount)

    def _rules(self, event: Rules) -> None:
        floor = self.floor(perpetual=event.perpetual)
        market = floor.market(event.symbol)
        market.rules = market.rules.changed(**event.changes)
        if event.delist:
            for account in self.accounts.values():
                for order in list(account.open_orders(perpetual=event.perpetual).values()):
                    if order.symbol == event.symbol and order.is_open:
                        floor.expire(order)
            del floor.markets[event.symbol]
        self.state.reports.append(SymbolReport(event.symbol, event.perpetual, self.time_ms))
