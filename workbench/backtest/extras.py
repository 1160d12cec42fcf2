"""What a run with purses is given beside its candles: volume, marks and funding, as the loop reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.backtest.accounts import Purses, as_purses
from workbench.backtest.engine import locked
from workbench.backtest.funding import Gap, as_stamps, gaps_of, refuse_gaps
from workbench.backtest.loop import Bars
from workbench.backtest.market import PRICES, Market, as_market
from workbench.backtest.rates import Rates, as_rates, rate_planes
from workbench.backtest.settings import Settings
from workbench.errors import ConfigError, DataError
from workbench.trading import FUNDING, PAYMENT, PURSE, Extra, PurseKind, World

NOTHING = locked(np.zeros((0, 0)))
NO_RATES, NO_RATE_MS = locked(np.zeros((0, 0))), locked(np.zeros((0, 0), np.int64))


@dataclass(frozen=True, slots=True)
class Given:
    """Purses, funding, marks and rates of a run, as they were given; and where funding is missing."""

    purses: Purses
    stamps: npt.NDArray[np.void]
    marks: Market | None
    gaps: tuple[Gap, ...]
    rates: Rates

    def cash(self, time_ms: int) -> float:
        """What all purses hold at the start, in the currency that the run counts in."""
        held = zip(self.purses.currencies, self.purses.cash, strict=True)
        return float(sum(self.rates.at(currency, time_ms) * cash for currency, cash in held))


def as_given(
    market: Market, settings: Settings, funding: Any, marks: Any, rates: Any = None, *, shared: bool = False
) -> Given | None:
    """Funding, marks and rates, checked against the instruments; None where it has no purses and is not `shared`.

    Raises
    ------
    ConfigError
        If something is given for an instrument that is not in the run, or is no perpetual of it.
    DataError
        If funding does not cover the run and gaps are to be refused.
    """
    if not (settings.has_purses or market.is_mixed or rates):
        if shared and funding is None and marks is None:
            purses = as_purses(settings, market.instruments, [one.venue for one in market.candles.values()])
            return Given(purses, np.zeros(0, FUNDING), None, (), as_rates(None, purses))
        if funding is not None or marks is not None:
            word = "funding" if funding is not None else "marks"
            raise ConfigError(f"`{word}` is for perpetuals. Pass perpetual=wb.Perpetual(leverage=…) too.")
        return None
    perpetuals = {
        name: m
        for m, (name, one) in enumerate(market.candles.items())
        if settings.perpetual is not None and one.instrument.is_perpetual
    }
    if settings.perpetual is not None and not perpetuals:
        raise ConfigError(
            f"`perpetual` is given, and none of {', '.join(market.names)} is one. A perpetual is written BTC/USDT:USDT."
        )
    tables = by_instrument(funding, perpetuals, "funding")
    parts, gaps = [np.zeros(0, FUNDING)], []
    for name, m in perpetuals.items():
        stamps = as_stamps(tables[name], m, name) if name in tables else np.zeros(0, FUNDING)
        candles = market.candles[name]
        gaps += gaps_of(stamps, candles, name)
        opened, closed = market.time[0] + market.timeframe_ms - candles.timeframe_ms, market.time[-1]
        inside = (stamps["time_ms"] >= opened) & (stamps["time_ms"] <= closed + market.timeframe_ms)
        parts.append(stamps[inside])
    if settings.funding_gaps == "refuse":
        refuse_gaps(gaps)
    purses = as_purses(settings, market.instruments, [one.venue for one in market.candles.values()])
    return Given(
        purses, np.concatenate(parts), as_marks(market, perpetuals, marks), tuple(gaps), as_rates(rates, purses)
    )


def by_instrument(given: Any, perpetuals: Mapping[str, int], word: str) -> dict[str, Any]:
    """What is given for each perpetual: a mapping by instrument, or one thing for the only one."""
    if given is None:
        return {}
    if isinstance(given, Mapping) and not ({"rate", "funding_rate", "fundingRate"} & set(given)):
        for name in given:
            if name not in perpetuals:
                raise ConfigError(
                    f"`{word}` is given for {name!r}, which is no perpetual of this run: it has "
                    f"{', '.join(perpetuals)}. Leave it out."
                )
        return dict(given)
    if len(perpetuals) != 1:
        raise ConfigError(
            f"Several perpetuals: give `{word}` as a dict, one entry for each of {', '.join(perpetuals)}."
        )
    return {next(iter(perpetuals)): given}


def as_marks(market: Market, perpetuals: Mapping[str, int], marks: Any) -> Market | None:
    """Candles of mark prices, on the timeframe of the run; bars may be missing."""
    if marks is None:
        return None
    given = as_market(marks, "marks")
    for name, one in given.candles.items():
        if name not in perpetuals:
            raise ConfigError(f"`marks` has {name}, which is no perpetual of this run. Leave it out.")
        own = market.candles[name]
        if one.timeframe_ms != own.timeframe_ms:
            raise DataError(
                f"The marks of {name} are {one.timeframe} candles, the run's are {own.timeframe}. Give marks of the "
                f"same timeframe, or none: then the mark follows the last price."
            )
    return given


def with_extra(bars: Bars, market: Market, walked: Market, given: Given | None, world: World) -> Bars:
    """Bars with what a world with purses needs beside them; its markets are told where their funding begins."""
    if given is None:
        return bars
    stamps, markets = given.stamps, world["markets"][0]
    for m, candles in enumerate(walked.candles.values()):
        markets["timeframe_ms"][m] = candles.timeframe_ms
        markets["next_stamp"][m] = np.searchsorted(stamps["market"], m, side="left")
        markets["end_stamp"][m] = np.searchsorted(stamps["market"], m, side="right")
    volume = NOTHING
    if (markets["participation"] > 0.0).any() or (markets["impact"] > 0.0).any():
        check_volume(walked)
        volume = at_rows(walked.plane("volume"), walked, bars)
    marks = mark_planes(given.marks, market, walked, bars)
    paid = np.zeros(len(stamps), PAYMENT)
    opened, high, low, closed = marks
    plane, known_ms = NO_RATES, NO_RATE_MS
    if given.rates.candles:
        plane, known_ms = rate_planes(given.rates, given.purses, bars, walked.timeframe_ms)
    extra = Extra(volume, opened, high, low, closed, locked(stamps), paid, locked(plane), locked(known_ms))
    return bars._replace(extra=extra)


def check_volume(walked: Market) -> None:
    """Refuse models of volume on candles that have none: nothing would ever fill."""
    for name, one in walked.candles.items():
        if not (one.volume > 0.0).any():
            raise DataError(
                f"The candles of {name} have no volume, and `participation` or an `impact` go by it. Leave them out."
            )


def at_rows(plane: npt.NDArray[np.float64], walked: Market, bars: Bars) -> npt.NDArray[np.float64]:
    """A plane of all rows of a market, cut to those that are walked."""
    if plane.shape[1] == len(bars.time):
        return plane
    return locked(np.ascontiguousarray(plane[:, np.isin(walked.time, bars.time)]))


def mark_planes(marks: Market | None, market: Market, walked: Market, bars: Bars) -> list[npt.NDArray[np.float64]]:
    """Mark prices on the rows of a run, NaN where there is none."""
    if marks is None:
        return [NOTHING] * 4
    if walked is not market:
        raise ConfigError("`marks` and a finer `path` cannot be given together. Leave one of them out.")
    planes = [np.full((len(market.candles), len(bars.time)), np.nan) for _ in PRICES]
    for name, one in marks.candles.items():
        m = market.names.index(name)
        stamps = one.time + (one.timeframe_ms - market.timeframe_ms)
        known = np.isin(stamps, bars.time)
        rows = np.searchsorted(bars.time, stamps[known])
        for plane, price in zip(planes, PRICES, strict=True):
            plane[m, rows] = getattr(one, price)[known]
    return [locked(plane) for plane in planes]


def purses_frame(world: World, names: list[str], given: Given | None) -> pl.DataFrame:
    """Each purse as it ended, with the instruments that trade from it."""
    plan = given.purses if given else Purses([], [], [], [], [])
    purses = world["purses"][0][: len(plan.names)] if given else np.zeros(0, PURSE)
    mine = [
        [name for name, own in zip(names, plan.owner, strict=True) if own == place] for place in range(len(purses))
    ] if given else []  # fmt: skip
    columns = {
        "purse": plan.names, "instruments": [", ".join(one) for one in mine],
        "kind": [PurseKind(kind).name.lower() for kind in plan.kinds], "currency": plan.currencies,
        **{name: purses[name].tolist() for name in ("quote", "rate", "insurance")},
    }  # fmt: skip
    words = dict.fromkeys(("purse", "instruments", "kind", "currency"), pl.String)
    return pl.DataFrame(columns, schema={**words, **dict.fromkeys(("quote", "rate", "insurance"), pl.Float64)})


def funding_frame(payments: npt.NDArray[np.void] | None, names: list[str]) -> pl.DataFrame:
    """Every payment of funding: what was paid (positive) or received, on which position at which rate and mark."""
    paid = np.zeros(0, PAYMENT) if payments is None else payments
    known = dict(enumerate(names))
    return pl.DataFrame(
        {
            "time": pl.Series(paid["time_ms"].copy()).cast(pl.Datetime("ms", "UTC")),
            "row": paid["row"].copy(),
            "instrument": pl.Series(paid["market"].copy()).replace_strict(known, return_dtype=pl.String),
            "rate": paid["rate"].copy(),
            "mark": paid["mark"].copy(),
            "position": paid["position"].copy(),
            "payment": paid["amount"].copy(),
        }
    )
