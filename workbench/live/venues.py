"""The connectors of a run: one for each venue, account and kind of instrument, made from the plan."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from workbench.connectors import CcxtConnector, Clock, FeeBook, Keys, Rules
from workbench.errors import ConfigError
from workbench.live.plan import Mode, Place, Plan

KEY_NAMES = {"key", "secret", "password", "wallet"}


def connectors(plan: Plan, keys: Mapping[str, Any], *, folder: Path, shared: Path, clock: Clock) -> dict[str, Any]:
    """A connector for each door of a plan, not started yet.

    Parameters
    ----------
    keys : mapping of "venue:account" to mapping
        What accounts sign with: key, secret, password, wallet.
    folder : Path
        The run's own: a paper account lies in it.
    shared : Path
        Where all our processes share their budgets of requests.

    Raises
    ------
    ConfigError
        If the keys of an account are missing, or are not keys.
    """
    made: dict[str, Any] = {}
    for number, place in enumerate(plan.markets):
        if place.door not in made:
            made[place.door] = _connector(plan, place, keys, folder, shared, clock, number)
    return made


def _connector(
    plan: Plan, place: Place, keys: Mapping[str, Any], folder: Path, shared: Path, clock: Clock, number: int
) -> Any:
    kind = "perpetual" if place.is_perpetual else "spot"
    urls = plan.urls.get(f"{place.venue}:{kind}") or plan.urls.get(place.venue)
    config = plan.options.get(f"{place.venue}:{kind}") or plan.options.get(place.venue)
    is_paper = plan.mode == Mode.PAPER
    venue = CcxtConnector(
        place.venue, clock=clock, chance=Random(f"{plan.seed} {number}"), perpetual=place.is_perpetual,
        keys=None if is_paper else _keys(keys, place), account=place.account, folder=shared,
        config=dict(config) if config else None, urls=dict(urls) if urls else None,
    )  # fmt: skip
    if not is_paper:
        return venue
    from workbench.connectors import Memory, PaperConnector  # with it comes a venue of its own: slow to import

    name = place.door.replace(":", "-")
    return PaperConnector(
        venue, money=_money(plan, place), clock=clock, perpetual=place.is_perpetual, account=place.account,
        memory=Memory(folder / f"paper-{name}.jsonl"),
    )  # fmt: skip


def _money(plan: Plan, place: Place) -> dict[str, Decimal]:
    if plan.money:
        return {asset: Decimal(amount) for asset, amount in plan.money.items()}
    pair, _, settle = place.instrument.partition(":")
    return {settle or pair.partition("/")[2]: Decimal(repr(plan.cash))}


def _keys(keys: Mapping[str, Any], place: Place) -> Keys:
    name = f"{place.venue}:{place.account}"
    given = keys.get(name)
    if not isinstance(given, Mapping) or not given or not set(given) <= KEY_NAMES:
        raise ConfigError(
            f"no keys for the account {place.account!r} of {place.venue} were handed over. Put them into the vault: "
            f"workbench secrets add {name}."
        )
    return Keys(**{field: str(value) for field, value in given.items()})


def rates_of(rules: Rules, place: Place, plan: Plan) -> dict[str, Any]:
    """What a market costs, as plain values: what the plan says, then the venue, then what it published."""
    rates = FeeBook().rates(place.venue, place.account, rules)
    said = plan.terms.get("fees")
    given = dict(said) if isinstance(said, Mapping) else {}
    return {
        "maker": str(given.get("maker", rates.maker)), "taker": str(given.get("taker", rates.taker)),
        "paid_in": str(given.get("paid_in", rates.paid_in)),
    }  # fmt: skip
