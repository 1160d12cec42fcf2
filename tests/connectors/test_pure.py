"""What connectors reckon with, without any venue: ids, steps, fees, budgets, waiting events."""

from __future__ import annotations

import asyncio
import multiprocessing
import struct
from decimal import Decimal
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.connectors import (
    Allowance,
    Balance,
    FeeBook,
    FeeRates,
    IdRule,
    Listing,
    Misfit,
    Quote,
    Rules,
    Throttled,
    Trade,
    afford,
    client_order_id,
    fit,
    held,
    is_of_run,
    make_room,
    needs,
)
from workbench.connectors.ccxt import VENUES, facts
from workbench.connectors.clock import SystemClock
from workbench.connectors.outlet import Outlet
from workbench.connectors.rounding import to_step
from workbench.connectors.throttle import Budget
from workbench.errors import ConfigError
from workbench.market import BUY, SELL, OrderKind
from workbench.trading import Fill, Intent, Life, Report, Tracker

D = Decimal
BTC = Rules("BTC/USDT", "BTC", "USDT", tick=D("0.01"), lot=D("0.001"), min_amount=D("0.001"), min_notional=D(5))
PERP = Rules("BTC/USDT:USDT", "BTC", "USDT", "USDT", tick=D("0.1"), lot=D("0.001"), min_notional=D(100))


def intent(side: int = BUY, amount: str = "1", price: str | None = "100", **other: object) -> Intent:
    kind = other.pop("kind", OrderKind.LIMIT if price else OrderKind.MARKET)
    money = D(price) if price else None
    return Intent("wb1", str(other.pop("instrument", "BTC/USDT")), side, kind, D(amount), money, **other)  # type: ignore[arg-type]


# --- client order ids ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", sorted(VENUES))
@given(run=st.text(min_size=1, max_size=40), executor=st.integers(-1, 60_000_000), count=st.integers(0, 2_000_000_000))
def test_id_fits_the_venue_and_shows_its_run(venue: str, run: str, executor: int, count: int) -> None:
    rule = facts(venue).ids
    made = client_order_id(rule, run, executor, count)
    body = made.removeprefix(rule.prefix)
    assert len(made) <= rule.length
    assert set(body) <= set("0123456789abcdef" if rule.alphabet == "hex" else "0123456789abcdefghijklmnopqrstuvwxyz")
    assert made == client_order_id(rule, run, executor, count)
    assert is_of_run(rule, run, made)
    assert not is_of_run(rule, run + "x", made)


@given(st.lists(st.tuples(st.integers(-1, 10**6), st.integers(0, 10**6)), unique=True, min_size=2, max_size=30))
def test_no_two_orders_of_a_run_share_an_id(orders: list[tuple[int, int]]) -> None:
    assert len({client_order_id(IdRule(), "run", *order) for order in orders}) == len(orders)


@pytest.mark.parametrize(("executor", "count"), [(-2, 0), (0, -1), (36**5, 0), (0, 36**6)])
def test_number_that_does_not_fit_is_refused_not_cut(executor: int, count: int) -> None:
    with pytest.raises(ConfigError, match="Start a new run"):
        client_order_id(IdRule(), "run", executor, count)


def test_kraken_and_hyperliquid_get_numbers_of_128_bits() -> None:
    assert len(client_order_id(facts("kraken").ids, "run", 1, 2)) == 32
    assert int(client_order_id(facts("hyperliquid").ids, "run", 1, 2), 16) < 2**128


# --- steps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "price", "rounded"), [(BUY, "100.019", "100.01"), (SELL, "100.011", "100.02"), (BUY, "100.01", "100.01")]
)
def test_limit_is_never_worse_than_asked(side: int, price: str, rounded: str) -> None:
    assert fit(intent(side, "1", price), BTC, last=D(100)).price == D(rounded)


@pytest.mark.parametrize(("side", "rounded"), [(SELL, "95.02"), (BUY, "95.01")])
def test_trigger_fires_rather_sooner(side: int, rounded: str) -> None:
    stop = intent(side, "1", None, kind=OrderKind.STOP, trigger=D("95.014"))
    assert fit(stop, BTC, last=D(100)).trigger == D(rounded)


def test_amount_is_never_more_than_asked() -> None:
    assert fit(intent(amount="0.0529"), BTC, last=D(100)).amount == D("0.052")


@pytest.mark.parametrize(
    ("amount", "price", "why"),
    [
        ("0.0005", "60000", "nothing is left"),
        ("0.05", "99.99", "less than the venue's least"),
        ("0.0501", "99.9", "less than the venue's least"),  # 5.00499 before rounding, 4.995 after it
        ("1", "0.001", "nothing is left"),
    ],
)
def test_what_does_not_fit_after_rounding_has_a_reason(amount: str, price: str, why: str) -> None:
    found = fit(intent(amount=amount, price=price), BTC, last=D(100))
    assert isinstance(found, Misfit)
    assert why in found.reason


def test_rest_of_a_perpetual_position_may_be_closed_however_small() -> None:
    close = intent(SELL, "0.001", None, instrument=PERP.symbol, reduce_only=True)
    assert fit(close, PERP, last=D(60_000)).amount == D("0.001")
    assert isinstance(fit(intent(SELL, "0.001", None, instrument=PERP.symbol), PERP, last=D(60_000)), Misfit)


@pytest.mark.parametrize("listing", [Listing.HALTED, Listing.CANCEL_ONLY])
def test_instrument_that_does_not_trade_takes_no_order(listing: Listing) -> None:
    rules = Rules("BTC/USDT", "BTC", "USDT", listing=listing)
    assert "no new orders" in fit(intent(), rules, last=D(100)).reason


@given(
    st.decimals("1e-6", "1e6", places=8, allow_nan=False),
    st.sampled_from([D("0.01"), D("0.5"), D("1e-5"), D(10), D("0.25")]),
)
def test_step_below_and_step_above_hold_the_value_between_them(value: Decimal, step: Decimal) -> None:
    low, high = to_step(value, step), to_step(value, step, up=True)
    assert low <= value <= high
    assert high - low in (0, step)
    assert low % step == high % step == 0


# --- fees and budgets ------------------------------------------------------------------------------------------------


def test_fee_comes_out_of_what_a_spot_buy_brings() -> None:
    rates = FeeRates(maker=D("0.001"), taker=D("0.002"), paid_in="received")
    assert rates.fee(BTC, BUY, D(100), D(2), is_maker=True) == {"BTC": D("0.002")}
    assert rates.fee(BTC, SELL, D(100), D(2), is_maker=False) == {"USDT": D("0.4")}
    assert rates.fee(PERP, BUY, D(100), D(2), is_maker=False) == {"USDT": D("0.4")}


def test_discount_and_fixed_fees_are_counted() -> None:
    rates = FeeRates(maker=D(0), taker=D("0.001"), paid_in="BNB", discount=D("0.25"), fixed={"USDT": D(1)})
    assert rates.fee(BTC, BUY, D(100), D(10), is_maker=False) == {"USDT": D("1.75")}


def test_closest_word_on_fees_wins() -> None:
    mine, all_mine, btc = (FeeRates(maker=D(0), taker=D(f"0.000{n}")) for n in (1, 2, 3))
    book = FeeBook(overrides={"binance:main": mine, "binance": all_mine, "binance::BTC/USDT": btc})
    assert book.rates("binance", "main", BTC) == btc
    assert book.rates("binance", "main", PERP) == mine
    assert book.rates("binance", "other", PERP) == all_mine
    assert FeeBook().rates("binance", "main", BTC).taker == D("0.001")


def test_what_the_venue_told_is_better_than_what_it_published() -> None:
    told = Rules("BTC/USDT", "BTC", "USDT", maker=D("0.0002"), taker=D("0.0004"))
    assert FeeBook().rates("binance", "main", told).maker == D("0.0002")


def test_unknown_field_of_a_fee_is_refused() -> None:
    with pytest.raises(ValueError, match="makr"):
        FeeRates(makr=D(0), maker=D(0), taker=D(0))  # type: ignore[call-arg]


RATES = FeeRates(maker=D("0.001"), taker=D("0.001"), paid_in="quote")


def test_orders_need_what_they_cost_at_worst() -> None:
    assert needs(intent(BUY, "2", "100"), BTC, RATES, last=D(90)) == ("USDT", D("200.2"))
    assert needs(intent(SELL, "2", "100"), BTC, RATES, last=D(90)) == ("BTC", D(2))
    perp = intent(BUY, "2", "100", instrument=PERP.symbol)
    assert needs(perp, PERP, RATES, last=D(90), leverage=D(10)) == ("USDT", D("20.2"))


def test_order_beyond_the_free_money_is_told_what_it_lacks() -> None:
    balances = {"USDT": Balance("USDT", D(1_000), D(200))}
    big, fits = intent(BUY, "2", "100"), intent(BUY, "1.9", "100")
    assert "needs 200.2" in afford(big, BTC, RATES, balances=balances, unseen={}, last=D(100)).reason
    assert afford(fits, BTC, RATES, balances=balances, unseen={}, last=D(100)) is None
    assert afford(fits, BTC, RATES, balances=balances, unseen={"USDT": D(50)}, last=D(100)) is not None


def test_market_order_of_all_the_money_leaves_room_for_the_price_to_move() -> None:
    balances = {"USDT": Balance("USDT", D(1_000), D(1_000))}
    whole, part, much = (intent(BUY, amount, None) for amount in ("9.99", "9", "9.9901"))
    means = {"balances": balances, "unseen": {}, "last": D(100)}
    smaller = make_room(whole, BTC, RATES, D("0.002"), **means)
    asset, higher = needs(smaller, BTC, RATES, last=D("100.2"))
    assert (asset, higher.quantize(D("1e-9"))) == ("USDT", D(1_000))
    assert afford(smaller, BTC, RATES, balances=balances, unseen={}, last=D("100.2")) is None
    assert make_room(part, BTC, RATES, D("0.002"), **means) is part  # fits anyway
    assert make_room(much, BTC, RATES, D("0.002"), **means) is much  # does not even fit now, and is refused
    held_back = {**means, "unseen": {"USDT": D(500)}}
    assert make_room(intent(BUY, "4.99", None), BTC, RATES, D("0.002"), **held_back).amount < D("4.99")


def test_orders_that_a_balance_has_seen_are_not_held_twice() -> None:
    tracker = Tracker()
    for client_id, told_ms in (("old", 5), ("new", 20)):
        tracker.intend(Intent(client_id, "BTC/USDT", BUY, OrderKind.LIMIT, D(1), D(100)))
        tracker.report(Report("BTC/USDT", client_id, client_id, Life.OPEN, D(0), told_ms))
    unseen = held(tracker.live(), {"BTC/USDT": BTC}, RATES, since_ms=10, last={})
    assert unseen == {"USDT": D("100.1")}


# --- budgets of requests ---------------------------------------------------------------------------------------------


class HandClock(SystemClock):
    """A clock that a test moves; waiting moves it too."""

    def __init__(self) -> None:
        self.s = 1_000.0

    def now_ms(self) -> int:
        return int(self.s * 1000)

    def steady_s(self) -> float:
        return self.s

    async def sleep(self, seconds: float) -> None:
        self.s += seconds


def budget(tmp_path: Path, clock: HandClock, **other: float) -> Budget:
    return Budget(tmp_path / "venue.address", Allowance(10.0, 20.0, 0.25), clock, **other)


def test_budget_lets_the_burst_go_and_then_the_rate(tmp_path: Path) -> None:
    async def run() -> list[float]:
        spent = budget(tmp_path, HandClock())
        return [await spent.take(1.0) for _ in range(20)]

    waits = asyncio.run(run())
    assert waits[:15] == [0.0] * 15  # the other five are reserved
    assert sum(waits) == pytest.approx(0.5)


def test_small_requests_without_end_do_not_keep_a_large_one_out(tmp_path: Path) -> None:
    async def run() -> None:
        spent, many = Budget(tmp_path / "address", Allowance(200.0, 10.0), SystemClock()), 3

        async def ask() -> None:
            while True:
                await spent.take(1.0)

        asking = [asyncio.ensure_future(ask()) for _ in range(many)]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(20.0):
            await spent.take(7.0)
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    asyncio.run(run())


def test_orders_go_before_what_came_just_before_them_and_after_what_has_waited_long(tmp_path: Path) -> None:
    async def run() -> list[str]:
        clock, went = HandClock(), list[str]()
        spent = budget(tmp_path, clock)

        async def ask(name: str, *, soon: bool) -> None:
            await spent.take(1.0, soon=soon)
            went.append(name)

        await spent.take(15.0)
        asking = []
        for name, at_s in (("old bars", 0.0), ("bars", 5.0), ("dropped", 5.5), ("order", 6.0), ("late order", 16.0)):
            spent._is_taken, clock.s = True, 1_000.0 + at_s  # somebody waits for a large request
            asking.append(asyncio.ensure_future(ask(name, soon="order" in name)))
            await asyncio.sleep(0)
        asking[2].cancel()
        spent._hand_over()
        await asyncio.gather(*asking, return_exceptions=True)
        assert await spent.take(1.0) < 1.0  # the last one handed on
        return went

    assert asyncio.run(run()) == ["order", "old bars", "bars", "late order"]


def test_two_processes_share_one_budget(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    spent, together = context.Queue(), context.Barrier(2)
    both = [context.Process(target=_spend, args=(tmp_path, together, spent)) for _ in range(2)]
    for one in both:
        one.start()
    counts = [spent.get(timeout=60) for _ in both]
    for one in both:
        one.join()
    assert sum(counts) == 15  # one burst, not two


class StandingClock(SystemClock):
    """By which nothing grows while somebody waits."""

    def steady_s(self) -> float:
        return 1_000.0


def _spend(folder: Path, together: Barrier, spent: Queue[int]) -> None:
    async def run() -> int:
        shared = Budget(folder / "address", Allowance(2.0, 20.0, 0.25), StandingClock(), patience_s=0.0)
        count = 0
        for _ in range(400):
            try:
                await shared.take(1.0)
                count += 1
            except Throttled:
                await asyncio.sleep(0.002)
        return count

    together.wait()
    spent.put(asyncio.run(run()))


def test_stop_holds_everybody_and_a_crowd_holds_all_but_the_urgent(tmp_path: Path) -> None:
    async def run() -> tuple[float, float, float]:
        clock = HandClock()
        mine, theirs = budget(tmp_path, clock), budget(tmp_path, clock)
        await mine.stop(3.0, urgent_too=False)
        urgent = await theirs.take(1.0, urgent=True)
        waited = await theirs.take(1.0)
        await mine.stop(2.0)
        return urgent, waited, await theirs.take(1.0, urgent=True)

    assert asyncio.run(run()) == (0.0, pytest.approx(3.0), pytest.approx(2.0))


@pytest.mark.parametrize("record", [
    (float("nan"), 0.0, 0.0, 0.0), (float("inf"), 0.0, 0.0, 0.0), (-5.0, 0.0, 0.0, 0.0), (1e12, 0.0, 0.0, 0.0),
    (0.0, float("nan"), 0.0, 0.0), (0.0, 0.0, 1e300, 0.0), (0.0, 0.0, 0.0, float("inf")),
])  # fmt: skip
def test_damaged_budget_neither_opens_the_gate_nor_shuts_it(tmp_path: Path, record: tuple[float, ...]) -> None:
    (tmp_path / "venue.address").write_bytes(struct.pack("<dddd", *record))

    async def run() -> list[float]:
        spent = budget(tmp_path, HandClock())
        return [await spent.take(1.0) for _ in range(16)]

    waits = asyncio.run(run())
    assert waits[:15] == [0.0] * 15
    assert waits[15] > 0.0


def test_wait_beyond_patience_is_refused_and_spends_nothing(tmp_path: Path) -> None:
    async def run() -> float:
        clock = HandClock()
        spent = budget(tmp_path, clock, patience_s=1.0)
        await spent.stop(86_400.0)
        with pytest.raises(Throttled, match="longer than"):
            await spent.take(1.0)
        clock.s += 86_400.0
        return await spent.take(15.0)

    assert asyncio.run(run()) == 0.0


def test_file_of_before_a_restart_of_the_machine_holds_nobody(tmp_path: Path) -> None:
    async def run() -> float:
        late, early = HandClock(), HandClock()
        late.s = 1e9
        await budget(tmp_path, late).take(15.0)
        return await budget(tmp_path, early).take(1.0)

    assert asyncio.run(run()) < 1.0


# --- waiting events --------------------------------------------------------------------------------------------------


def trade(n: int, time_ms: int = 0) -> Trade:
    return Trade("BTC/USDT", str(n), 1, 1.0, 1.0, time_ms)


def quote(bid: float) -> Quote:
    return Quote("BTC/USDT", bid, 1.0, bid + 1, 1.0, 0)


def test_only_the_latest_quote_waits_and_keeps_its_place() -> None:
    outlet = Outlet(SystemClock())
    for event in (quote(1.0), trade(1), quote(2.0)):
        outlet.put(event)
    assert [outlet.get_now(), outlet.get_now(), outlet.get_now()] == [quote(2.0), trade(1), None]


def test_reader_wakes_for_the_next_event() -> None:
    async def run() -> object:
        outlet = Outlet(SystemClock())
        waiting = asyncio.ensure_future(outlet.get())
        await asyncio.sleep(0)
        outlet.put(trade(1))
        return await asyncio.wait_for(waiting, 1.0)

    assert asyncio.run(run()) == trade(1)


def test_flood_sheds_trades_and_never_fills() -> None:
    outlet, now = Outlet(SystemClock(), most=100), SystemClock().now_ms()
    for n in range(1_000):
        outlet.put(trade(n, now))
        outlet.put(Fill("BTC/USDT", str(n), "1", 1, D(1), D(1), now))
    left = [outlet.get_now() for _ in range(len(outlet))]
    assert sum(isinstance(event, Fill) for event in left) == 1_000
    assert outlet.shed == 1_000 - sum(isinstance(event, Trade) for event in left)
