"""A core with quotes in it, and short words for what is done to it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal as D
from typing import Any

from workbench.connectors.simulated.core import Core
from workbench.connectors.simulated.events import (
    BalanceReport,
    Cancel,
    Depth,
    Draft,
    Event,
    Move,
    Open,
    OrderReport,
    Place,
    Report,
)
from workbench.connectors.simulated.ledger import CLEARING, FUTURES, INSURANCE, OUTSIDE, SPOT, VENUE
from workbench.connectors.simulated.orders import HOUSE, SIDES, Order
from workbench.connectors.simulated.symbols import Symbol

START = 1_700_000_000_000
OWNERS = (OUTSIDE, VENUE, CLEARING, INSURANCE, HOUSE, "counterparty")


class Drive:
    """Bitcoin against USDT, spot and perpetual, with the touch at 99 and 101 and ten coins a level."""

    def __init__(self, *, seed: int = 0, spot: Any = None, futures: Any = None, **rules: Any) -> None:
        plain = {"tick": "0.01", "lot": "0.001", "min_notional": "5", "max_amount": "1000", "market_max_amount": "1000"}
        both = [Symbol.of(name, 100).changed(**{**plain, **rules}) for name in ("BTC/USDT", "BTC/USDT:USDT")]
        both[1] = both[1].changed(price_up="2", price_down="0.5")
        self.core, self.now = Core(both, seed=seed, start_ms=START), START
        self.open("ann", spot, futures)
        for perpetual in (False, True):
            self.quote((99, 10), (98, 10), asks=[(101, 10), (102, 10)], perpetual=perpetual)

    def open(self, name: str, spot: Any = None, futures: Any = None) -> None:
        coins = {asset: D(str(amount)) for asset, amount in (spot or {"USDT": 10_000, "BTC": 10}).items()}
        margin = {asset: D(str(amount)) for asset, amount in (futures or {"USDT": 10_000}).items()}
        self.step(Open(name, f"{name}key", "secret", coins, margin))

    def step(self, event: Event, after: int = 1) -> list[Report]:
        self.now += after
        return self.core.step(event, self.now)

    def quote(self, *bids: tuple[Any, Any], asks: Iterable[tuple[Any, Any]], perpetual: bool = False) -> None:
        sides = [tuple((D(str(p)), D(str(a))) for p, a in side) for side in (bids, asks)]
        self.step(Depth("BTCUSDT", sides[0], sides[1], is_snapshot=True, perpetual=perpetual))

    def place(self, side: str, kind: str, amount: Any = 0, price: Any = 0, *, who: str = "ann", perpetual: bool = False,
              **more: Any) -> Order:  # fmt: skip
        return last(self.ask(side, kind, amount, price, who=who, perpetual=perpetual, **more))

    def ask(self, side: str, kind: str, amount: Any = 0, price: Any = 0, *, who: str = "ann", perpetual: bool = False,
            **more: Any) -> list[Report]:  # fmt: skip
        exact = ("price", "amount", "iceberg", "rate")
        numbers = {name: D(str(value)) if name.endswith(exact) else value for name, value in more.items()}
        draft = Draft("BTCUSDT", SIDES[side], kind, D(str(amount)), D(str(price)), **numbers)
        return self.step(Place(who, draft, perpetual))

    def cancel(self, order: Order, *, perpetual: bool = False) -> list[Report]:
        return self.step(Cancel(order.account, "BTCUSDT", order.id, perpetual=perpetual))

    def trade(self, price: Any, amount: Any = 1, side: str = "BUY", *, perpetual: bool = False) -> list[Report]:
        return self.step(Move("BTCUSDT", D(str(price)), D(str(amount)), SIDES[side], perpetual=perpetual))

    def order(self, order: Order, *, perpetual: bool = False) -> Order:
        return self.core.floor(perpetual=perpetual).all_orders[order.id]

    def free(self, asset: str, who: str = "ann") -> D:
        return self.core.accounts[who].free.get(asset, D(0))

    def locked(self, asset: str, who: str = "ann") -> D:
        return self.core.accounts[who].locked.get(asset, D(0))

    def position(self, side: str = "BOTH", who: str = "ann") -> D:
        return self.core.accounts[who].futures.position("BTCUSDT", side).amount

    def wallet(self, who: str = "ann") -> D:
        return self.core.accounts[who].futures.wallet["USDT"]


def last(reports: list[Report]) -> Order:
    """The newest state of the order that was reported first."""
    own = [report for report in reports if isinstance(report, OrderReport)]
    return [report.order for report in own if report.order.id == own[0].order.id][-1]


def executions(reports: list[Report]) -> list[tuple[int, str, str]]:
    """Order, execution and status of each report of an order."""
    return [(r.order.id, r.execution, r.order.status) for r in reports if isinstance(r, OrderReport)]


def balances(reports: list[Report]) -> dict[str, tuple[D, D]]:
    return {asset: pair for r in reports if isinstance(r, BalanceReport) for asset, pair in r.balances.items()}


def check_books(drive: Drive) -> None:
    """Money is conserved, the accounts are what was booked, and what is locked is what open orders hold back."""
    core = drive.core
    ledger = core.ledger
    sums: dict[str, D] = {}
    for entry in ledger.entries:
        for posting in entry.postings:
            sums[posting.asset] = sums.get(posting.asset, D(0)) + posting.amount
    assert not any(sums.values()), sums
    for account in core.accounts.values():
        for asset in account.free:
            held = account.free[asset] + account.locked[asset]
            assert held == ledger.balance(account.name, asset, SPOT), (account.name, asset)
            reserved = sum((o.reserved for o in account.orders.values() if core.spot.reserve_asset(o) == asset), D(0))
            assert account.locked[asset] == reserved, (account.name, asset)
            assert account.free[asset] >= 0, (account.name, asset, account.free[asset])
        for asset, amount in account.futures.wallet.items():
            assert amount == ledger.balance(account.name, asset, FUTURES)
        for (symbol, side), held in account.futures.positions.items():
            assert held.amount == ledger.position(account.name, symbol, side)
    check_book(drive)


def check_book(drive: Drive) -> None:
    """The book is not crossed, and shows what its orders show."""
    for floor in (drive.core.spot, drive.core.perpetual):
        for market in floor.markets.values():
            book = market.book
            assert book.bid is None or book.ask is None or book.bid < book.ask
            for ladder in book.sides.values():
                assert sorted(ladder.levels) == sorted(ladder.prices())
                for level in ladder.levels.values():
                    assert level.total == sum((order.display for order in level.orders.values()), D(0)) > 0
                    assert all(order.open_amount >= order.display > 0 for order in level.orders.values())
