"""Did the run decide as a backtest over the same bars does? The first row that differs, or that none does.

The backtest walks the run's own bars from its first decision on, with the run's terms. What is wanted at a close is
compared row by row. Where a decision looks at what the account holds, fills that came out differently make later rows
differ in earnest; both sides of the first such row are shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.backtest import RowByRow, Settings, Walker
from workbench.controllers import Controller, Way
from workbench.live.plan import Plan
from workbench.live.session import Session
from workbench.trading import Fees


@dataclass(frozen=True, slots=True)
class Parity:
    """How a run's decisions compare with a backtest's.

    Attributes
    ----------
    rows : int
        Closes at which the run decided.
    first : dict or None
        The first row that differs: its time, what the run wanted and what the backtest did; None: none differs.
    equity : list of (time_ms, live, backtest)
        At each of those closes.
    """

    rows: int
    first: dict[str, Any] | None
    equity: list[tuple[int, float, float]] = field(default_factory=list, repr=False)

    def __str__(self) -> str:
        if self.first is None:
            return f"{self.rows:,} decisions, and a backtest over the same bars takes every one of them."
        return (
            f"Of {self.rows:,} decisions the first that differs is at row {self.first['row']}: the run wanted "
            f"{self.first['live']}, the backtest {self.first['backtest']}."
        )


def compare(entries: Iterable[Any], plan: Plan, bot: Controller) -> Parity:
    """Compare what a journal says was decided with a backtest over its bars.

    Parameters
    ----------
    entries : iterable
        Of the run's journal.
    """
    session, told = Session(plan, bot), []
    for entry in entries:
        if entry.kind in ("rules", "bar"):
            session.apply(entry)
        elif entry.kind == "equity" and entry.body.get("decided"):
            told.append(entry.body)
    if not told:
        return Parity(0, None)
    return _walk(session, told, plan, bot)


def _walk(session: Session, told: list[dict[str, Any]], plan: Plan, bot: Controller) -> Parity:
    """Row by row, by the backtest's own loop and the run's own decider."""
    last = told[-1]["time_ms"] - session.history.length_ms
    market = session.history.market(session.instruments, last)
    walker = Walker(market, _world(session, plan))
    rows = RowByRow(bot)
    rows.equip(walker.world, market.names)
    decided = {int(one["row"]): one for one in told}
    equity, first = [], None
    for row in range(min(decided), len(market.time)):
        total = walker.step(row)
        if row not in decided:
            continue
        until = session.history.market(session.instruments, int(market.time[row]))
        wanted = rows.decide(walker.world, until, row, total).facts()
        said = decided[row]
        equity.append((int(said["time_ms"]), float(said["equity"]), total))
        if first is None and not _same(wanted, said["wanted"], looks=rows.way != Way.TARGETS):
            first = {"row": row, "time_ms": said["time_ms"], "live": said["wanted"], "backtest": wanted}
    return Parity(len(decided), first, equity)


def _world(session: Session, plan: Plan) -> Any:
    terms = dict(plan.terms)
    account = "margin" if any(rules.is_perpetual for rules in session.rules) else terms.get("account", "spot")
    settings = Settings(cash=plan.cash, account=account, leverage=float(terms.get("leverage", 1.0)), fees=Fees())
    world = settings.world(session.instruments, None)
    live = session.world
    assert live is not None, "the journal has rules"
    for name in ("maker", "taker", "fee_received"):
        world["markets"][name] = live["markets"][name]
    return world


def _same(one: list[Any], other: list[Any], *, looks: bool) -> bool:
    """The same wishes: to the bit, but for numbers that come from an account, which agree to a millionth."""
    if not looks:
        return one == other
    return _plain(one) == _plain(other)


def _plain(wanted: list[Any]) -> list[Any]:
    return [
        [level, {name: float(np.format_float_scientific(value, 6)) for name, value in said.items()}]
        if isinstance(said, dict) else [level, said] for level, said in wanted
    ]  # fmt: skip
