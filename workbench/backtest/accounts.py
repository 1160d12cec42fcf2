"""Purses of a run: which market trades from which, and what each begins with; docs/perpetuals.md part 16."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import ConfigError
from workbench.market import Instrument
from workbench.trading import (
    TIER,
    FillModel,
    Intensity,
    Perpetual,
    PurseKind,
    Queue,
    QueuePosition,
    World,
    new_purse_world,
)

if TYPE_CHECKING:
    from workbench.backtest.settings import Settings


@dataclass(frozen=True, slots=True)
class Purses:
    """The purses of a run.

    Attributes
    ----------
    names, kinds, currencies, cash : list
        Of each purse; the one of a coin that pays fees has no markets, and comes last.
    owner : list of int
        The purse of each market.
    """

    names: list[str]
    kinds: list[PurseKind]
    currencies: list[str]
    cash: list[float]
    owner: list[int]


def as_purses(settings: Settings, instruments: list[Instrument], venues: list[str]) -> Purses:
    """Which market trades from which purse, under the terms of a run.

    Raises
    ------
    ConfigError
        If one purse would be of two kinds or currencies, a market has none, or a purse no market.
    """
    kinds = [kind_of(settings, one) for one in instruments]
    mine = purse_names(settings, instruments, venues, kinds)
    names = list(dict.fromkeys(mine))
    first = [mine.index(name) for name in names]
    purses = Purses(
        names,
        [kinds[m] for m in first],
        [instruments[m].quote for m in first],
        [settings.cash if settings.purses is None else settings.purses[name] for name in names],
        [names.index(name) for name in mine],
    )
    if settings.fees.coin is None:
        return purses
    coin = settings.fees.coin
    if settings.purses is None or coin not in settings.purses or coin in names:
        raise ConfigError(
            f"Fees are to be paid in {coin}, of which there is none. Give it a purse of its own beside the others, as "
            f'in cash={{"spot": 10_000, "{coin}": 5}}, and `rates`.'
        )
    return Purses(
        [*names, coin],
        [*purses.kinds, PurseKind.SPOT],
        [*purses.currencies, coin],
        [*purses.cash, settings.purses[coin]],
        purses.owner,
    )


def purse_world(settings: Settings, instruments: list[Instrument], venues: list[str]) -> World:
    """An empty world with the purses, margins and models of a run's terms."""
    purses = as_purses(settings, instruments, venues)
    world = new_purse_world(n_markets=len(instruments), cash=purses.cash)
    place_purses(world, purses, settings)
    for m, owner in enumerate(purses.owner):
        world["markets"]["purse"][0, m] = owner
        if purses.kinds[owner] == PurseKind.PERPETUAL and settings.perpetual is not None:
            world["purses"]["hedge"][0, owner] = settings.perpetual.hedge
            set_margin(world, m, settings.perpetual)
    set_models(world, settings)
    if settings.fees.coin is not None:
        world["markets"]["fee_purse"][0] = len(purses.names) - 1
        world["markets"]["discount"][0] = settings.fees.discount
    return world


def place_purses(world: World, purses: Purses, settings: Settings) -> None:
    """The terms of each purse; one in another currency has no rate yet."""
    tiers = np.array(settings.fees.tiers).reshape(-1, 3)
    for place, kind in enumerate(purses.kinds):
        one = world["purses"][0, place]
        one["kind"], one["leverage"] = kind, settings.leverage
        one["rate"] = 1.0 if purses.currencies[place] == purses.currencies[0] else np.nan
        one["max_age_ms"], one["n_tiers"] = settings.max_rate_age_ms, len(tiers)
        one["fee_tiers"][: len(tiers)] = tiers
        one["volumes"][-1] = settings.fees.traded


def kind_of(settings: Settings, instrument: Instrument) -> PurseKind:
    """Perpetuals trade from a perpetual purse where one is given, all else from the run's account."""
    if settings.perpetual is not None and instrument.is_perpetual:
        if instrument.settle not in (None, instrument.quote):
            raise ConfigError(
                f"{instrument} settles in {instrument.settle}: an inverse contract. Backtests take linear ones, such "
                f"as {instrument.base}/USDT:USDT."
            )
        return PurseKind.PERPETUAL
    return PurseKind.MARGIN if settings.account == "margin" else PurseKind.SPOT


def purse_names(
    settings: Settings, instruments: list[Instrument], venues: list[str], kinds: list[PurseKind]
) -> list[str]:
    """The name of each market's purse: a key of the cash that was given, or "" for the only one."""
    cash = settings.purses
    if cash is None:
        names = [""] * len(instruments)
    else:
        names = [_own(cash, *one) for one in zip(instruments, venues, kinds, strict=True)]
        unused = sorted(set(cash) - set(names) - {settings.fees.coin})
        if unused:
            raise ConfigError(f"`cash` has a purse {unused[0]!r}, and no instrument trades from it. Leave it out.")
    for name in dict.fromkeys(names):
        mine = [m for m, own in enumerate(names) if own == name]
        if len({kinds[m] for m in mine}) > 1:
            raise ConfigError(
                "Spot and perpetual markets cannot share a purse. Give each its own: "
                'cash={"spot": 5_000, "perpetual": 5_000}.'
            )
        quotes = sorted({instruments[m].quote for m in mine})
        if len(quotes) > 1:
            raise ConfigError(
                f"Markets quoted in {' and '.join(quotes)} cannot share a purse. Give each currency its own: "
                f"cash={{{', '.join(f'{quote!r}: …' for quote in quotes)}}}."
            )
        isolated = settings.perpetual is not None and settings.perpetual.margin == "isolated"
        if isolated and len(mine) > 1 and kinds[mine[0]] == PurseKind.PERPETUAL:
            shown = ", ".join(f"{str(instruments[m])!r}: …" for m in mine)
            raise ConfigError(f"Isolated margin, and {len(mine)} perpetuals of one purse. Give each: cash={{{shown}}}.")
    return names


def _own(cash: Mapping[str, float], instrument: Instrument, venue: str, kind: PurseKind) -> str:
    word = kind.name.lower()
    for name in (str(instrument), f"{venue} {word}", venue, word, instrument.quote):
        if name in cash:
            return name
    raise ConfigError(
        f"`cash` has no purse for {instrument} of {venue}: it has {', '.join(map(repr, cash))}. Name one {word!r}, "
        f'{venue!r}, "{venue} {word}" or {instrument.quote!r}.'
    )


def set_margin(world: World, m: int, terms: Perpetual) -> None:
    """Leverage and tiers of a market; deductions are such that maintenance has no steps."""
    markets, brackets = world["markets"], terms.brackets
    markets["leverage"][0, m], markets["liquidation_fee"][0, m] = terms.leverage, terms.liquidation_fee
    markets["n_tiers"][0, m] = len(brackets)
    tiers = np.zeros(len(brackets), TIER)
    deduction, before = 0.0, brackets[0].maintenance
    for i, one in enumerate(brackets):
        deduction += one.floor * (one.maintenance - before)
        before = one.maintenance
        tiers[i] = (one.floor, one.maintenance, deduction, one.max_leverage)
    markets["tiers"][0, m, : len(tiers)] = tiers


def set_models(world: World, settings: Settings) -> None:
    """What the venue's answers are modelled with."""
    markets, fill = world["markets"][0], settings.fill
    markets["half_spread"], markets["impact"] = settings.slippage.half_spread, settings.slippage.impact
    markets["participation"], markets["submit_ms"] = settings.participation, settings.latency.submit_ms
    markets["cancel_ms"], markets["report_ms"] = settings.latency.cancel_ms, settings.latency.report_ms
    world["seed"] = settings.seed
    if isinstance(fill, Queue):
        world["fill"], markets["queue"] = FillModel.QUEUE, fill.chance
    elif isinstance(fill, Intensity):
        world["fill"] = FillModel.INTENSITY
        markets["intensity"], markets["decay"], markets["dt"] = fill.rate, fill.decay, fill.dt
    elif isinstance(fill, QueuePosition):
        world["fill"] = FillModel.POSITION
    else:
        world["fill"] = FillModel[fill.upper()]
