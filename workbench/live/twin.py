"""A run's twin: the backtest over its own bars, a row behind it, which decides and fills beside it.

It is told the entries of the run's journal, one after the other: a journal that has ended, or one that is being
written. At each close it walks the bar by the backtest's loop, asks the same strategy, and keeps both answers; fills of
the run and of the twin are kept by what they are of, to be laid side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.backtest import RowByRow, Settings, Walker
from workbench.controllers import Controller, Way
from workbench.live.plan import Plan
from workbench.live.session import Session
from workbench.market import show_time
from workbench.trading import Fees, Fill, Purpose

Key = tuple[Any, ...]  # market, purpose, side, level, and the row in which it, or its executor, was asked for
PRICES = ("open", "high", "low", "close", "volume")
MAKER, FEE_IN_BASE = 1, 2
NOBODY = -1
ONCE = (Purpose.QUOTE, Purpose.HOLD)  # orders that belong to a row, and not to an executor


@dataclass(slots=True)
class Traded:
    """What came of one order: how much, at what average price, for what fee in quote, and when."""

    amount: float = 0.0
    value: float = 0.0
    fee: float = 0.0
    row: int = NOBODY
    time_ms: int = 0

    @property
    def price(self) -> float:
        """The average."""
        return self.value / self.amount if self.amount else float("nan")

    def add(self, price: float, amount: float, fee: float, row: int, time_ms: int) -> None:
        """One more fill."""
        self.amount, self.value, self.fee = self.amount + amount, self.value + price * amount, self.fee + fee
        if self.row == NOBODY:
            self.row, self.time_ms = row, time_ms


@dataclass(slots=True)
class Both:
    """Orders of one side of the comparison, by what they are."""

    orders: dict[Key, list[Traded]] = field(default_factory=dict)
    born: dict[int, int] = field(default_factory=dict)  # row of an executor's first order, by executor

    def order(self, m: int, purpose: Purpose, side: int, level: int, executor: int, row: int) -> Traded:
        """A new one of this kind.

        Executors are told apart by their rows: their numbers differ from the first one on that only one side has.
        """
        own = row if executor < 0 or purpose in ONCE else self.born.setdefault(executor, row)
        key, made = (m, int(purpose), side, level, own), Traded()
        self.orders.setdefault(key, []).append(made)
        return made


class Twin:
    """The backtest that follows a run.

    Parameters
    ----------
    candles : mapping of instrument to Candles, optional
        Bars from elsewhere (the store, say), which each bar of the run is held against.

    Attributes
    ----------
    first : dict or None
        The first decision that differs: `row`, `time_ms`, `instrument`, `quantity`, `cause`, `live`, `backtest`.
    odd_bars : list of str
        Bars of the run that are others in `candles`.
    """

    def __init__(self, plan: Plan, bot: Controller, candles: Mapping[str, Any] | None = None) -> None:
        self.plan, self.candles = plan, candles or {}
        self.session = Session(plan, bot)
        self.rows: RowByRow = RowByRow(bot)
        self.walker: Walker | None = None
        self.number = self.decided = 0
        self.row = NOBODY  # the run's last row
        self.next_row = NOBODY  # the twin's next one
        self.first: dict[str, Any] | None = None
        self.odd_bars: list[str] = []
        self.late: set[int] = set()
        self.unsent: list[str] = []
        self.equity: list[tuple[int, float, float]] = []
        self.live, self.model = Both(), Both()
        self._ours: dict[str, Traded] = {}
        self._names: dict[str, str] = {}  # client id by the venue's
        self._theirs: dict[int, Traded] = {}
        self._orders: list[tuple[int, Key]] = []

    def hear(self, entry: Any) -> None:
        """One entry of the journal."""
        self.number = entry.number
        take = getattr(self, f"_{entry.kind}", None)
        if take is not None:
            take(entry, entry.body)

    # --- what the run did --------------------------------------------------------------------------------------------

    def _rules(self, entry: Any, body: dict[str, Any]) -> None:
        self.session.apply(entry)

    def _bar(self, entry: Any, body: dict[str, Any]) -> None:
        self.session.apply(entry)
        if body.get("late"):
            self.late.add(int(body["bar"].time_ms))
        if body.get("bar") is not None:
            self._hold_against(body["bar"])

    def _updated(self, entry: Any, body: dict[str, Any]) -> None:
        """From the next decision on: the twin is asked with the new ones too."""
        memory, self.rows = self.rows.memory, RowByRow(self.rows.bot.vary(**body["parameters"]))
        self.rows.memory = memory
        if self.walker is not None:
            self.rows.equip(self.walker.world, self.session._names())

    def _funded(self, entry: Any, body: dict[str, Any]) -> None:
        """A canary got the rest of its money; so does the twin."""
        if self.walker is not None:
            self.walker.world["quote"] += float(body["amount"])

    def _intent(self, entry: Any, body: dict[str, Any]) -> None:
        intent, purpose = body["intent"], Purpose[body["purpose"]]
        self._ours[intent.client_id] = self.live.order(
            int(body["m"]), purpose, intent.side, int(body["level"]), int(body["executor"]), self.row
        )

    def _refused(self, entry: Any, body: dict[str, Any]) -> None:
        if body.get("limit") != "engine":
            self.unsent.append(f"{body.get('instrument')}: {body.get('reason')}")

    def _answered(self, entry: Any, body: dict[str, Any]) -> None:
        if body.get("report") is not None:
            self._names[body["report"].venue_id] = body["client_id"]

    def _report(self, entry: Any, body: dict[str, Any]) -> None:
        if body["report"].client_id:
            self._names[body["report"].venue_id] = body["report"].client_id

    def _fill(self, entry: Any, body: dict[str, Any]) -> None:
        fill: Fill = body["fill"]
        order = self._ours.get(fill.client_id or self._names.get(fill.venue_id, ""))
        if order is not None:
            m = next(m for m, place in enumerate(self.plan.markets)
                     if (place.door, place.instrument) == (body["door"], fill.instrument))  # fmt: skip
            fee = self.session.desk._money(m, fill)[2]
            row = max(self.row + 1, 0)
            order.add(float(fill.price), float(fill.amount), fee, row, fill.time_ms)

    def _equity(self, entry: Any, body: dict[str, Any]) -> None:
        """A close: the twin walks up to it, and decides if the run did."""
        self.row = int(body["row"])
        if body.get("decided"):
            self._decide(body)

    # --- what the twin does ------------------------------------------------------------------------------------------

    def _decide(self, said: dict[str, Any]) -> None:
        row, length_ms = int(said["row"]), self.session.history.length_ms
        market = self.session.market(int(said["time_ms"]) - length_ms)
        if self.walker is None:
            self.walker, self.next_row = Walker(market, _world(self.session, self.plan)), row
            self.rows.equip(self.walker.world, market.names)
        self.walker.show(market)
        total = 0.0
        for one in range(self.next_row, row + 1):
            total = self.walker.step(one)
            self._note(market, one)
        self.next_row = row + 1
        wanted = self.rows.decide(self.walker.world, market, row, total).facts()
        self._note_orders(row)
        self.decided += 1
        self.equity.append((int(said["time_ms"]), float(said["equity"]), total))
        if self.first is None and not _same(wanted, said["wanted"], looks=self.rows.way != Way.TARGETS):
            self.first = self._told(row, said, wanted)

    def _note(self, market: Any, row: int) -> None:
        """The twin's fills of a row, and the orders that were made while it was walked."""
        assert self.walker is not None
        self._note_orders(row - 1)
        for fill in self.walker.fills:
            order = self._theirs.get(int(fill["order"]))
            if order is None:  # asked for and filled within the walk
                purpose = Purpose.QUOTE if fill["executor"] < 0 else Purpose.EXIT
                order = self.model.order(int(fill["market"]), purpose, int(fill["side"]), int(fill["level"]),
                                         int(fill["executor"]), row - 1)  # fmt: skip
                self._theirs[int(fill["order"])] = order
            price, amount = float(fill["price"]), float(fill["amount"])
            fee = float(fill["fee"]) * (price if int(fill["flags"]) & FEE_IN_BASE else 1.0)
            order.add(price, amount, fee, row, int(market.time[row]))

    def _note_orders(self, row: int) -> None:
        """Orders made since the close of this row: those that live, and those that ended before we saw them."""
        assert self.walker is not None
        world = self.walker.world
        live = world["orders"][0, : int(world["orders_top"][0])]
        for order in (*self.walker.orders, *live[live["status"] == 1]):
            if int(order["id"]) not in self._theirs and order["side"]:
                self._theirs[int(order["id"])] = self.model.order(
                    int(order["market"]), Purpose(int(order["purpose"])), int(order["side"]), int(order["level"]),
                    int(order["executor_id"]), row,
                )  # fmt: skip

    # --- why ---------------------------------------------------------------------------------------------------------

    def _hold_against(self, bar: Any) -> None:
        candles = self.candles.get(bar.instrument)
        if candles is None:
            return
        at = int(np.searchsorted(candles.time, bar.time_ms))
        when = show_time(bar.time_ms)
        if at >= len(candles.time) or candles.time[at] != bar.time_ms:
            self.odd_bars.append(f"{bar.instrument} {when}: the run has a bar that the candles lack")
            return
        for name in PRICES:
            there, here = float(getattr(candles, name)[at]), float(getattr(bar, name))
            if there != here and not (there != there and here != here):
                self.odd_bars.append(
                    f"{bar.instrument} {when}: {name} {here:.12g} in the run, {there:.12g} in the candles"
                )
                return

    def _told(self, row: int, said: dict[str, Any], wanted: list[Any]) -> dict[str, Any]:
        """The first decision that differs: when, where, how much, and why."""
        live = said["wanted"]
        level = next((a for a, b in zip(live, wanted, strict=False) if a != b), (live + wanted or [None])[-1])
        facts = level[1] if level and isinstance(level[1], dict) else {}
        m = int(facts.get("market", 0)) if facts else (level[0] if level else 0)
        quantity = next((facts[name] for name in ("size", "amount", "price", "side") if name in facts), None)
        return {
            "row": row, "time_ms": int(said["time_ms"]), "instrument": self.plan.markets[m].instrument,
            "quantity": quantity, "cause": self._cause(live, wanted), "live": live, "backtest": wanted,
        }  # fmt: skip

    def _cause(self, live: list[Any], wanted: list[Any]) -> str:
        if self.odd_bars:
            return f"a bar that differs ({self.odd_bars[0]})"
        _, mine, theirs = self.equity[-1]
        if self.rows.way != Way.TARGETS and abs(mine - theirs) > 1e-9 * abs(theirs):
            return f"an account that differs (equity {mine:,.2f} live, {theirs:,.2f} in the backtest)"
        if bool(live) != bool(wanted):
            return "bars that are not those that the run decided on: one was changed or came in another way"
        return "other bars than the run decided on, or a strategy that looks at more than bars"


def _world(session: Session, plan: Plan) -> Any:
    terms = dict(plan.terms)
    account = "margin" if any(rules.is_perpetual for rules in session.rules) else terms.get("account", "spot")
    settings = Settings(
        cash=plan.first_cash, account=account, leverage=float(terms.get("leverage", 1.0)), fees=Fees(), log_quotes=True
    )
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
