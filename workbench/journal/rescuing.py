"""A journal made again from what the venue still knows, when the one that was written cannot be trusted.

It says what was traded, and not why: intents, executors and the state of the strategy are gone. So it is labelled, it
goes into a new file, and nothing trades on it; the old file stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from workbench.connectors import Balance, FundingPayment, Position
from workbench.errors import ConfigError, WorkbenchError
from workbench.journal import stores
from workbench.journal.journal import Journal
from workbench.journal.past import Past
from workbench.trading import Fill, Report

LABEL = "rebuilt from the venue"


@dataclass(frozen=True)
class Account:
    """What a venue was asked about one account, as its connector gave it."""

    venue: str
    account: str
    orders: Iterable[Report] = ()
    fills: Iterable[Fill] = ()
    funding: Iterable[FundingPayment] = ()
    balances: Iterable[Balance] = ()
    positions: Iterable[Position] = field(default_factory=tuple)


def rescue(url: str | Path, accounts: Iterable[Account], *, run: str, time_ms: int, old: str | Path = "") -> int:
    """Write what venues know into a new journal, labelled so, and return how many entries that made.

    Parameters
    ----------
    url : str or Path
        Of a database that has nothing of this run yet.
    old : str or Path, optional
        The journal that is damaged; named in the new one, and not touched.

    Raises
    ------
    ConfigError
        If there is a journal of this run already.
    """
    if _has(url, run):
        raise ConfigError(f"{stores.shown(stores.address(url))} has a journal of {run!r}. Name a new file.")
    found = list(accounts)
    with Journal.open(url, run=run) as journal:
        places = [{"venue": one.venue, "account": one.account} for one in found]
        journal.append("planned", {"label": LABEL, "venues": places, "instead_of": str(old)}, time_ms=time_ms)
        for one in found:
            _tell(journal, one, time_ms)
        journal.append("stopped", {"why": LABEL}, time_ms=time_ms)
        return len(journal.commit())


def _tell(journal: Journal, one: Account, time_ms: int) -> None:
    place = {"venue": one.venue, "account": one.account}
    for report in sorted(one.orders, key=lambda report: report.time_ms):
        journal.append("report", {**place, "report": report}, time_ms=report.time_ms)
    for fill in sorted(one.fills, key=lambda fill: (fill.time_ms, fill.trade_id)):
        journal.append("fill", {**place, "fill": fill}, time_ms=fill.time_ms)
    for paid in sorted(one.funding, key=lambda paid: paid.time_ms):
        journal.append("funding", {**place, "funding": paid}, time_ms=paid.time_ms)
    journal.append("balances", {**place, "balances": list(one.balances)}, time_ms=time_ms)
    journal.append("positions", {**place, "positions": list(one.positions)}, time_ms=time_ms)


def _has(url: str | Path, run: str) -> bool:
    try:
        Past.open(url, run=run).close()
    except (WorkbenchError, DBAPIError):
        return False
    return True
