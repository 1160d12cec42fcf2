"""Purses of a run: which market trades from which, and what each begins with; docs/perpetuals.md part 16."""

from __future__ import annotations

from collections.abc import Mapping
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
    World,
    new_purse_world,
)

if TYPE_CHECKING:
    from workbench.backtest.settings import Settings


def purse_world(settings: Settings, instruments: list[Instrument], venues: list[str]) -> World:
    """An empty world with the purses, margins and models of a run's terms."""
    kinds = [kind_of(settings, one) for one in instruments]
    names = purse_names(settings.purses, instruments, venues, kinds)
    purses = list(dict.fromkeys(names))
    cash = settings.purses or dict.fromkeys(purses, settings.cash)
    world = new_purse_world(n_markets=len(instruments), cash=[cash[name] for name in purses])
    for m, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        place = purses.index(name)
        world["markets"]["purse"][0, m] = place
        world["purses"]["kind"][0, place] = kind
        world["purses"]["leverage"][0, place] = settings.leverage
        if kind == PurseKind.PERPETUAL and settings.perpetual is not None:
            world["purses"]["hedge"][0, place] = settings.perpetual.hedge
            set_margin(world, m, settings.perpetual)
    set_models(world, settings)
    return world


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
    cash: Mapping[str, float] | None, instruments: list[Instrument], venues: list[str], kinds: list[PurseKind]
) -> list[str]:
    """The name of each market's purse: a key of the cash that was given, or "" for the only one.

    Raises
    ------
    ConfigError
        If one purse would be of two kinds, a market has none, or a purse no market.
    """
    if cash is None:
        names = [""] * len(instruments)
    else:
        names = [_own(cash, *one) for one in zip(instruments, venues, kinds, strict=True)]
        unused = sorted(set(cash) - set(names))
        if unused:
            raise ConfigError(f"`cash` has a purse {unused[0]!r}, and no instrument trades from it. Leave it out.")
    for name in dict.fromkeys(names):
        mine = {kind for own, kind in zip(names, kinds, strict=True) if own == name}
        if len(mine) > 1:
            raise ConfigError(
                "Spot and perpetual markets cannot share a purse. Give each its own: "
                'cash={"spot": 5_000, "perpetual": 5_000}.'
            )
    return names


def _own(cash: Mapping[str, float], instrument: Instrument, venue: str, kind: PurseKind) -> str:
    word = kind.name.lower()
    for name in (str(instrument), f"{venue} {word}", venue, word):
        if name in cash:
            return name
    raise ConfigError(
        f"`cash` has no purse for {instrument} of {venue}: it has {', '.join(map(repr, cash))}. Name one {word!r}, "
        f'{venue!r} or "{venue} {word}".'
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
    markets["participation"] = settings.participation
    world["seed"] = settings.seed
    if isinstance(fill, Queue):
        world["fill"], markets["queue"] = FillModel.QUEUE, fill.chance
    elif isinstance(fill, Intensity):
        world["fill"] = FillModel.INTENSITY
        markets["intensity"], markets["decay"], markets["dt"] = fill.rate, fill.decay, fill.dt
    else:
        world["fill"] = FillModel[fill.upper()]
