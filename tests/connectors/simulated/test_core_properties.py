"""Whatever happens to the core: money is conserved, the book is sound, and the same events leave the same ledger."""

from __future__ import annotations

import contextlib
import random
from decimal import Decimal as D

import pytest

from workbench.connectors.simulated.events import (
    Amend,
    Cancel,
    CancelAlgo,
    CancelAll,
    CancelList,
    Configure,
    Deposit,
    Depth,
    Draft,
    Event,
    Expire,
    FillNow,
    Fund,
    Mark,
    Modify,
    Move,
    OrderReport,
    Place,
    PlaceAlgo,
    PlaceList,
    Print,
    Tick,
    TradeReport,
    Transfer,
)
from workbench.connectors.simulated.orders import FILLED, HOUSE, OPEN
from workbench.connectors.simulated.refusals import Refusal
from workbench.market import BUY, SELL

from .driving import Drive, check_book, check_books

NAMES = ("ann", "ben", "cat")
FUTURES_KINDS = ("LIMIT", "LIMIT", "MARKET")
SPOT_KINDS = ("LIMIT", "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT",
              "TAKE_PROFIT_LIMIT")  # fmt: skip
PREVENTIONS = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")


class Chance:
    """Events at random, from a seed: mostly sensible ones, some that are refused."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def event(self, drive: Drive) -> Event:
        kinds = (self.place, self.place, self.place, self.cancel, self.move, self.move, self.quote, self.other)
        return self.draw.choice(kinds)(drive)

    def price(self) -> D:
        return D(self.draw.randrange(9_000, 11_000)) / 100

    def amount(self) -> D:
        return D(self.draw.randrange(1, 4_000)) / 1_000

    def draft(self, *, perpetual: bool) -> Draft:
        draw = self.draw
        kind = draw.choice(FUTURES_KINDS if perpetual else SPOT_KINDS)
        limit, stops = kind.startswith("LIMIT") or kind.endswith("_LIMIT"), kind.startswith(("STOP", "TAKE"))
        in_quote = kind == "MARKET" and not perpetual and draw.random() < 0.3
        is_berg = kind == "LIMIT" and not perpetual and draw.random() < 0.2
        times = ("GTC", "GTC", "IOC", "FOK", "GTX") if perpetual else ("GTC", "GTC", "IOC", "FOK")
        amount = self.amount()
        return Draft(
            "BTCUSDT", draw.choice((BUY, SELL)), kind, D(0) if in_quote else amount, self.price() if limit else D(0),
            draw.choice(times) if kind == "LIMIT" else "GTC", quote_amount=D(draw.randrange(5, 300) * in_quote),
            stop_price=self.price() if stops else D(0), trailing_delta=draw.choice((0, 0, 300)) if stops else 0,
            iceberg=(amount / 2).quantize(D("0.001")) if is_berg else D(0),
            prevention=draw.choice(PREVENTIONS[: 4 + (not perpetual)]),
            reduce_only=perpetual and draw.random() < 0.3,
        )  # fmt: skip

    def place(self, drive: Drive) -> Event:
        perpetual = self.draw.random() < 0.5
        return Place(self.draw.choice(NAMES), self.draft(perpetual=perpetual), perpetual)

    def cancel(self, drive: Drive) -> Event:
        perpetual, name = self.draw.random() < 0.5, self.draw.choice(NAMES)
        orders = list(drive.core.accounts[name].open_orders(perpetual=perpetual).values())
        if not orders or self.draw.random() < 0.1:
            return CancelAll(name, "BTCUSDT", perpetual)
        order = self.draw.choice(orders)
        if self.draw.random() < 0.3:
            half = max((order.open_amount / 2).quantize(D("0.001")), D("0.001")) + order.filled
            return (Modify(name, "BTCUSDT", order.side, half, self.price(), order.id) if perpetual
                    else Amend(name, "BTCUSDT", half, order.id))  # fmt: skip
        return Cancel(name, "BTCUSDT", order.id, perpetual=perpetual)

    def move(self, drive: Drive) -> Event:
        perpetual, kind = self.draw.random() < 0.5, self.draw.choice((Move, Print))
        return kind("BTCUSDT", self.price(), self.amount() * 3, self.draw.choice((BUY, SELL)), perpetual=perpetual)

    def quote(self, drive: Drive) -> Event:
        mid, whole = self.price(), self.draw.random() < 0.7
        sides = [tuple((mid - side * D(k) / 10, self.draw.choice((D(0), self.amount())) if not whole else self.amount())
                       for k in range(1, 6)) for side in (BUY, SELL)]  # fmt: skip
        return Depth("BTCUSDT", sides[0], sides[1], is_snapshot=whole, perpetual=self.draw.random() < 0.5)

    def other(self, drive: Drive) -> Event:
        draw, name = self.draw, self.draw.choice(NAMES)
        orders = [*drive.core.spot.all_orders, 1]
        pair = tuple(sorted((self.price(), self.price())))
        side, amount = draw.choice((BUY, SELL)), self.amount()
        legs = [Draft("BTCUSDT", side, "LIMIT_MAKER", amount, pair[side == SELL]),
                Draft("BTCUSDT", side, "STOP_LOSS", amount, stop_price=pair[side == BUY])]  # fmt: skip
        legs = legs if side == SELL else legs[::-1]
        return draw.choice([
            Mark("BTCUSDT", self.price()), Fund("BTCUSDT", D(draw.randrange(-10, 10)) / 10_000), Tick(),
            Deposit(name, "USDT", D(draw.randrange(-500, 500)), draw.choice(("spot", "futures"))),
            Transfer(name, "USDT", D(draw.randrange(-500, 500))),
            PlaceList(name, "OCO", tuple(legs)),
            PlaceList(name, "OTO", (Draft("BTCUSDT", BUY, "LIMIT", amount, self.price()), legs[0])),
            PlaceList(name, "OTOCO", (Draft("BTCUSDT", -side, "LIMIT", amount, self.price()), *legs)),
            CancelList(name, "BTCUSDT", draw.randrange(max(len(drive.core.spot.lists.by_id), 1))),
            PlaceAlgo(name, Draft("BTCUSDT", side, draw.choice(("STOP_MARKET", "TAKE_PROFIT_MARKET")), amount,
                                  stop_price=self.price(), reduce_only=draw.random() < 0.5)),
            PlaceAlgo(name, Draft("BTCUSDT", side, "TRAILING_STOP_MARKET", amount, callback_rate=D(1))),
            CancelAlgo(name, "BTCUSDT"), Expire("BTCUSDT", draw.choice(orders)),
            FillNow("BTCUSDT", draw.choice(orders)),
            Configure(name, "BTCUSDT", leverage=draw.choice((5, 20, 50))),
            Configure(name, "BTCUSDT", margin_type=draw.choice(("ISOLATED", "CROSSED"))),
        ])  # fmt: skip


def run(seed: int, steps: int, *, check_every: int = 1) -> tuple[Drive, list[Event]]:
    drive, chance, events = Drive(seed=seed, spot={"USDT": 3_000, "BTC": 20}, futures={"USDT": 800}), Chance(seed), []
    for name in NAMES[1:]:
        drive.open(name, {"USDT": 3_000, "BTC": 20}, {"USDT": 800})
    for number in range(steps):
        event = chance.event(drive)
        events.append(event)
        try:
            reports = drive.step(event, 50)
        except Refusal:
            reports = []
        check_reports(reports)
        check_book(drive)
        if number % check_every == 0:
            check_books(drive)
    check_books(drive)
    return drive, events


def check_reports(reports: list) -> None:
    """No order is filled beyond its amount, none goes on after its end, and trades have two sides."""
    for report in reports:
        if isinstance(report, OrderReport):
            order = report.order
            assert 0 <= order.filled <= order.amount
            assert (order.status == FILLED) == (order.filled == order.amount > 0) or order.prevented
            assert order.status in OPEN or not order.reserved or report.execution == "TRADE"
            assert report.trade_id < 0 or order.status in ("PARTIALLY_FILLED", "FILLED")
    traded = sum(r.amount for r in reports if isinstance(r, OrderReport) and r.trade_id >= 0)
    printed = sum(r.amount for r in reports if isinstance(r, TradeReport))
    assert traded <= 2 * printed


@pytest.mark.parametrize("seed", range(40))
def test_money_is_conserved_whatever_happens(seed):
    drive, _ = run(seed, 250, check_every=10)
    floors = [account.futures for account in drive.core.accounts.values()] + [drive.core.perpetual.house]
    assert sum(held.amount for futures in floors for held in futures.positions.values()) == 0


@pytest.mark.parametrize("seed", range(3))
def test_same_events_leave_the_same_ledger(seed):
    first, events = run(seed, 200, check_every=200)
    again = Drive(seed=seed, spot={"USDT": 3_000, "BTC": 20}, futures={"USDT": 800})
    for name in NAMES[1:]:
        again.open(name, {"USDT": 3_000, "BTC": 20}, {"USDT": 800})
    for event in events:
        with contextlib.suppress(Refusal):
            again.step(event, 50)
    assert again.core.ledger.entries == first.core.ledger.entries
    assert again.core.ledger.trades == first.core.ledger.trades
    assert again.core.spot.all_orders == first.core.spot.all_orders


@pytest.mark.parametrize("seed", range(10))
def test_book_matches_like_a_list_that_is_sorted(seed):
    """Price-time priority against the simplest thing that has it: sort, and take from the front."""
    draw, drive = random.Random(seed), Drive(spot={"USDT": 10**9, "BTC": 10**6}, max_orders=10_000)
    drive.quote(asks=[])
    naive: list[list] = []  # side, price, number, left
    for number in range(150):
        side, price = draw.choice((BUY, SELL)), D(draw.randrange(95, 106))
        amount = D(draw.randrange(1, 5))
        order = drive.place("BUY" if side == BUY else "SELL", "LIMIT", amount, price)
        left, fills = amount, []
        for row in sorted(
            (r for r in naive if r[0] == -side and side * (price - r[1]) >= 0), key=lambda r: (side * r[1], r[2])
        ):
            part = min(left, row[3])
            if part:
                fills.append((row[1], part))
            left, row[3] = left - part, row[3] - part
        naive = [row for row in naive if row[3]] + ([[side, price, number, left]] if left else [])
        made = [
            (f.price, f.amount) for f in drive.core.ledger.fills("ann") if f.order_id == order.id and not f.is_maker
        ]
        assert made == fills
    book = drive.core.market("BTCUSDT").book
    for side in (BUY, SELL):
        levels = {price: sum(r[3] for r in naive if (r[0], r[1]) == (side, price)) for _, price, _, _ in naive}
        assert dict(book.depth(side, 99)) == {price: amount for price, amount in levels.items() if amount}


def test_house_has_no_account():
    assert HOUSE not in Drive().core.accounts
