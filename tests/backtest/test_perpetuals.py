"""Perpetuals through `wb.backtest`: liquidation by hand, funding at its stamps, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.backtest import Context, Result
from workbench.errors import ConfigError, DataError

HOUR = 3_600_000
PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"
NO_FUNDING: dict[str, Any] = {"funding_gaps": "name", "audit": False, "fees": 0.0}


def candles(rows: list[tuple[float, ...]], instrument: str = PERP, **more: Any) -> wb.Candles:
    """Hourly bars from midnight on: open, high, low, close."""
    o, h, low, c = np.array(rows, float).T
    time = np.arange(len(rows), dtype=np.int64) * HOUR
    return wb.Candles.from_arrays(
        time=time, open=o, high=h, low=low, close=c, volume=np.full(len(rows), 100.0), timeframe="1h",
        instrument=instrument, venue="binance", **more,
    )  # fmt: skip


def flat(price: float) -> tuple[float, ...]:
    return (price, price, price, price)


class Script(wb.Controller):
    """Does at each row what it is told to, by row."""

    side: int = 1
    amount: float = 50.0
    at: int = 0
    close_at: int = -1
    both: bool = False
    stop: float | None = None

    def on_tick(self, context: Context) -> None:
        if context.row == self.at:
            terms = {} if self.stop is None else {"stop_loss": self.stop}
            context.enter(self.side, amount=self.amount, **terms)
            if self.both:
                context.enter(-self.side, amount=self.amount)
        if context.row == self.close_at:
            context.close()


def money(result: Result) -> float:
    return float(result.equity["equity"][-1])


# Fees ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("terms", [{"account": "margin"}, {"perpetual": wb.Perpetual(leverage=2.0)}])
def test_a_perpetual_pays_out_of_quote_also_where_spot_pays_in_what_is_received(terms: dict[str, Any]) -> None:
    fees = wb.Fees(0.001, 0.001, paid_in="received")
    more = {"funding_gaps": "name"} if "perpetual" in terms else {}
    result = wb.backtest(
        Script(amount=2.0), candles([flat(100.0)] * 4), cash=1_000.0, fees=fees, audit=False, **terms, **more
    )
    assert result.fills["fee"].to_list() == [pytest.approx(0.2)]
    assert result.fills["fee_base"].to_list() == [0.0]
    assert money(result) == pytest.approx(999.8)


# Liquidation --------------------------------------------------------------------------------------------------


def test_liquidation_worked_by_hand() -> None:
    # 1,000 quote, leverage 10, maintenance 0.5 %, no fee. Long 50 at 100: quote −4,000. The purse is liquidated where
    # −4,000 + 50·p = 0.005·50·p: p = 4,000 / 49.75 = 80.402. Closed there, 20.10 are left of 1,000.
    bars = candles([flat(100), flat(100), (100, 100, 70, 75), flat(75)])
    result = wb.backtest(Script(), bars, cash=1_000.0, perpetual=wb.Perpetual(leverage=10.0), **NO_FUNDING)
    (fill,) = result.liquidations.iter_rows(named=True)
    assert (fill["price"], fill["amount"], fill["row"]) == (pytest.approx(4_000 / 49.75), 50.0, 2)
    assert money(result) == pytest.approx(50 * 4_000 / 49.75 - 4_000)
    assert round(money(result), 2) == 20.10
    assert result.executors["close_type"].to_list() == ["liquidated"]
    (trip,) = result.round_trips.iter_rows(named=True)
    assert trip["pnl"] == pytest.approx(50 * (4_000 / 49.75 - 100.0))
    assert "The venue closed 1 position" in str(result.summary())
    assert "No funding is known" in str(result.summary())


def test_a_gap_takes_no_more_than_the_purse_and_the_venue_bears_the_rest() -> None:
    bars = candles([flat(100), flat(100), flat(70), flat(70)])
    result = wb.backtest(Script(), bars, cash=1_000.0, perpetual=wb.Perpetual(leverage=10.0), **NO_FUNDING)
    assert money(result) == 0.0
    assert result.purses["insurance"].to_list() == [pytest.approx(500.0)]  # 50 · (100 − 70) − 1,000


def test_the_mark_liquidates_and_not_the_last_price() -> None:
    bars = candles([flat(100), flat(100), (100, 100, 70, 75), flat(75)])
    marks = candles([flat(100), flat(100), (100, 100, 90, 90), flat(90)])
    result = wb.backtest(Script(), bars, cash=1_000.0, perpetual=wb.Perpetual(leverage=10.0), marks=marks, **NO_FUNDING)
    assert len(result.liquidations) == 0


def test_a_leverage_above_the_tier_is_refused() -> None:
    tiers = (wb.Tier(0.0, 0.005, 20.0), wb.Tier(2_000.0, 0.01, 5.0))
    bars = candles([flat(100)] * 4)
    result = wb.backtest(Script(), bars, cash=1_000.0, perpetual=wb.Perpetual(leverage=10.0, tiers=tiers), **NO_FUNDING)
    assert len(result.fills) == 0
    assert "leverage is above" in result.refusals["reason"][0]
    with pytest.raises(ConfigError, match="the lowest tier allows 20"):
        wb.Perpetual(leverage=50.0, tiers=tiers)


# Hedge mode ---------------------------------------------------------------------------------------------------


def test_legs_never_net_in_hedge_mode_and_do_in_one_way_mode() -> None:
    bars, bot = candles([flat(100), flat(100), flat(110)]), Script(amount=2.0, both=True)
    hedged = wb.backtest(bot, bars, cash=1_000.0, perpetual=wb.Perpetual(leverage=5.0, hedge=True), **NO_FUNDING)
    netted = wb.backtest(bot, bars, cash=1_000.0, perpetual=wb.Perpetual(leverage=5.0), **NO_FUNDING)
    assert hedged.tape.world["markets"]["legs"][0, 0].tolist() == [2.0, 2.0]
    assert netted.tape.world["markets"]["position"][0, 0] == 0.0
    assert money(hedged) == money(netted) == 1_000.0


def test_a_net_exposure_is_refused_in_hedge_mode() -> None:
    class Holder(wb.Controller):
        def on_tick(self, context: Context) -> None:
            context.hold(0.5)

    terms = wb.Perpetual(leverage=5.0, hedge=True)
    result = wb.backtest(Holder(), candles([flat(100)] * 3), perpetual=terms, **NO_FUNDING)
    assert len(result.fills) == 0
    assert "hedge mode" in result.refusals["reason"][0]


def test_reduce_only_never_flips() -> None:
    class Reducer(wb.Controller):
        def on_tick(self, context: Context) -> None:
            if context.row == 0:
                context.hold(1.0)
            if context.row == 1:
                context.quote_at(5, -1, 99.0, 1_000.0, reduce_only=True)

    result = wb.backtest(Reducer(), candles([flat(100)] * 4), perpetual=wb.Perpetual(), **NO_FUNDING)
    assert result.fills["amount"].to_list() == [100.0, 100.0]
    assert result.tape.world["markets"]["position"][0, 0] == 0.0


# Funding ------------------------------------------------------------------------------------------------------


def funding(rates: list[float], *, every: int = 8, off_ms: int = 0) -> pl.DataFrame:
    return pl.DataFrame({"time": [i * every * HOUR + off_ms for i in range(len(rates))], "rate": rates})


def test_funding_is_paid_at_its_stamp_on_the_position_held_then() -> None:
    # Entered at the open of 1:00, left at the open of 9:00: only the stamp of 8:00 is paid, 7 ms late or not.
    bars, terms = candles([flat(100)] * 12), {"cash": 1_000.0, "perpetual": wb.Perpetual(), "fees": 0.0, "audit": False}
    for off_ms in (0, 7):
        given = funding([0.01, 0.001], off_ms=off_ms)
        result = wb.backtest(Script(amount=5.0, close_at=8), bars, funding=given, **terms)
        (paid,) = result.funding.iter_rows(named=True)
        assert (paid["rate"], paid["position"], paid["payment"]) == (0.001, 5.0, pytest.approx(0.5))
        assert paid["time"] == datetime(1970, 1, 1, 8, tzinfo=UTC)
        assert money(result) == pytest.approx(999.5)
        assert result.metrics["funding"] == pytest.approx(0.5)


def test_an_entry_at_the_full_hour_does_not_pay_that_hour() -> None:
    bars = candles([flat(100)] * 12)
    terms = {"cash": 1_000.0, "perpetual": wb.Perpetual(), "fees": 0.0, "audit": False}
    assert len(wb.backtest(Script(amount=5.0, at=7), bars, funding=funding([0.01, 0.001]), **terms).funding) == 0
    assert len(wb.backtest(Script(amount=5.0, at=6), bars, funding=funding([0.01, 0.001]), **terms).funding) == 1


def test_hourly_funding_inside_longer_bars_is_paid_by_who_was_in_at_the_open() -> None:
    rows = [flat(100)] * 8
    bars = candles(rows).resample("4h")
    result = wb.backtest(
        Script(amount=5.0, at=0), bars, funding=funding([0.001] * 8, every=1), perpetual=wb.Perpetual(), cash=1_000.0,
        fees=0.0, audit=False,
    )  # fmt: skip
    assert [one.hour for one in result.funding["time"]] == [5, 6, 7]


def test_funding_that_does_not_cover_the_run_is_refused_or_named() -> None:
    bars, terms = candles([flat(100)] * 40), {"perpetual": wb.Perpetual(), "audit": False}
    with pytest.raises(DataError, match="Funding does not cover the run: BTC/USDT:USDT from 1970-01-01 16:00"):
        wb.backtest(Script(), bars, funding=funding([0.001, 0.001]), **terms)
    named = wb.backtest(Script(), bars, funding=funding([0.001, 0.001]), funding_gaps="name", **terms)
    assert [gap.missing for gap in named.funding_gaps] == [3]
    with pytest.raises(DataError, match="5 payments"):
        wb.backtest(Script(), bars, **terms)
    hole = funding([0.001, float("nan"), 0.001, 0.001, 0.001])
    with pytest.raises(DataError, match="1 payment"):
        wb.backtest(Script(), bars, funding=hole, **terms)


def test_funding_for_what_is_no_perpetual_is_refused() -> None:
    with pytest.raises(ConfigError, match="`funding` is for perpetuals"):
        wb.backtest(Script(), candles([flat(100)] * 4, SPOT), funding=funding([0.1]), audit=False)
    with pytest.raises(ConfigError, match="none of BTC/USDT is one"):
        wb.backtest(Script(), candles([flat(100)] * 4, SPOT), perpetual=wb.Perpetual(), audit=False)
    both = [candles([flat(100)] * 4, SPOT), candles([flat(100)] * 4)]
    with pytest.raises(ConfigError, match="cannot share a purse"):
        wb.backtest(Script(), both, perpetual=wb.Perpetual(), **NO_FUNDING)


def test_a_card_makes_a_perpetual_run_again() -> None:
    bars = candles([flat(100)] * 12)
    result = wb.backtest(
        Script(amount=5.0), bars, perpetual=wb.Perpetual(), funding=funding([0.01, 0.001]), audit=False
    )
    assert wb.rerun(result.card).card["result"] == result.card["result"]
    assert result.card["funding"]["stamps"] == 2
    assert result.card["settings"]["perpetual"]["leverage"] == 1.0


# Carry --------------------------------------------------------------------------------------------------------


class Carry(wb.Controller):
    """Long spot, short the perpetual, the same amount of both."""

    amount: float = 0.5

    def on_tick(self, context: Context) -> None:
        if context.row == 0:
            context.enter(1, amount=self.amount, instrument=SPOT)
            context.enter(-1, amount=self.amount, instrument=PERP)


@pytest.mark.shared
def test_carry_makes_funding_less_fees_less_the_change_of_basis(shared: Path) -> None:
    data = shared / "marketdata"
    spot, perp = (
        real(data / "binance_BTCUSDT_1m.parquet", SPOT, "1m"),
        real(data / "binance_BTCUSDT-PERP_5m.parquet", PERP, "5m"),
    )
    rates = pl.read_parquet(data / "binance_BTCUSDT-PERP_funding.parquet")
    spot = spot["2023-01-01":"2023-07-01"].resample("1h")
    perp = perp.resample("1h")
    result = wb.backtest(
        Carry(), [spot, perp], cash={"spot": 20_000.0, "perpetual": 20_000.0}, perpetual=wb.Perpetual(leverage=3.0),
        funding=rates, fees=wb.Fees(maker=0.0002, taker=0.0005), audit=False,
    )  # fmt: skip
    bought, sold = result.fills.sort("instrument").iter_rows(named=True)
    amount = bought["amount"]
    basis_then, basis_now = sold["price"] - bought["price"], perp.close[-1] - spot.close[-1]
    received, fees = -result.funding["payment"].sum(), result.fills["fee"].sum()
    assert amount == sold["amount"] == 0.5
    assert len(result.funding) == len(rates) - 1  # all but the one at the first bar's open
    expected = received - fees - amount * (basis_now - basis_then)
    assert abs(money(result) - 40_000.0 - expected) < 0.005
    assert result.metrics["funding"] == pytest.approx(-received)


@pytest.mark.shared
def test_carry_on_candles_of_different_timeframes_is_the_same_to_the_cent(shared: Path) -> None:
    data = shared / "marketdata"
    spot = real(data / "binance_BTCUSDT_1m.parquet", SPOT, "1m")["2023-03-01":"2023-03-15"]
    perp = real(data / "binance_BTCUSDT-PERP_5m.parquet", PERP, "5m")["2023-03-01":"2023-03-15"]
    rates = pl.read_parquet(data / "binance_BTCUSDT-PERP_funding.parquet")
    result = wb.backtest(
        CarryLater(), [spot, perp], cash={"spot": 20_000.0, "perpetual": 20_000.0}, leverage=3.0, account="perpetual",
        funding=rates, fees=wb.Fees(maker=0.0002, taker=0.0005), audit=False,
    )  # fmt: skip
    sold, bought = result.fills.sort("instrument", descending=True).iter_rows(named=True)
    assert (sold["instrument"], bought["instrument"]) == (PERP, SPOT)
    basis_then, basis_now = sold["price"] - bought["price"], perp.close[-1] - spot.close[-1]
    received, fees = -result.funding["payment"].sum(), result.fills["fee"].sum()
    assert len(result.funding) == 41  # three a day over 14 days, less the one at the first bar's open
    assert abs(money(result) - 40_000.0 - (received - fees - 0.5 * (basis_now - basis_then))) < 0.005


class CarryLater(wb.Controller):
    """The same once both have a price: a bar of 5 minutes is known after five of one."""

    def on_tick(self, context: Context) -> None:
        if context.row == 4:
            context.enter(1, amount=0.5, instrument=SPOT)
            context.enter(-1, amount=0.5, instrument=PERP)


def real(path: Path, instrument: str, timeframe: str) -> wb.Candles:
    frame = pl.read_parquet(path).rename({"timestamp": "time"})
    return wb.Candles.from_frame(frame, instrument=instrument, timeframe=timeframe, venue="binance")
