"""A run and its venue in lockstep: replayed bars are walked by the backtest's own kernel, and the clock waits for both.

A price is shown to the venue only when the run has done with the one before it. The walk stops where the kernel says
that somebody waits, as in a backtest; orders go out when they become active there, and are answered before the next
price. So a cancellation takes no time, and what is left to differ is everything that is live: intents, steps and rules
of the venue, the risk gate, client ids, the wire and what it is parsed to, the tracker, fees, the booking of fills.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

import numpy as np

from workbench.backtest import Market, RowByRow, as_market, backtest
from workbench.backtest.engine import all_orders
from workbench.connectors import Bar, Rules
from workbench.live.plan import Plan
from workbench.live.session import Session
from workbench.live.words import Command, Happened, Withdraw
from workbench.live.work import Work
from workbench.market import Candles, OrderKind
from workbench.trading import ALL_ORDERS, Fees, Fill, Status, advance, next_tick, rest, size_up, start_walk
from workbench.trading.world import TICK

FIELDS_OF_FILLS = ("row", "market", "side", "order", "executor", "level", "price", "amount", "fee")
FIELDS_OF_ORDERS = ("id", "market", "executor_id", "level", "side", "kind", "status", "created_row",
                    "closed_row", "amount", "filled", "price", "trigger")  # fmt: skip
OUTBOXES = {"fills": "n_fills", "done_orders": "n_orders"}
MAKER = 1


class Port(Protocol):
    """A venue that stands still until it is shown the next price."""

    connectors: dict[str, Any]

    async def show(self, m: int, price: float, time_ms: int) -> None:
        """Let a market trade at a price; what rests there or beyond is filled."""

    async def news(self) -> list[tuple[str, Any]]:
        """What its clients were told since the last time, by door: all of it, waiting for what is still on the way."""

    def owner(self, event: Any) -> str:
        """The client id of the order that an event is about."""

    async def close_bar(self, time_ms: int) -> None:
        """Let a row end."""

    async def bar(self, m: int, row: int) -> Bar | None:
        """The bar that a market's clients were told of at the end of a row."""


class Still:
    """A clock that stands still until it is set."""

    def __init__(self, time_ms: int) -> None:
        self.time_ms = time_ms

    def now_ms(self) -> int:
        return self.time_ms


class Pages:
    """A journal in memory that forgets what was committed."""

    def __init__(self) -> None:
        self.number, self.batch = 0, list[Happened]()

    def append(self, kind: str, body: Any, *, time_ms: int) -> int:
        self.number += 1
        self.batch.append(Happened(self.number, time_ms, kind, body))
        return self.number

    def commit(self) -> list[Happened]:
        batch, self.batch = self.batch, []
        return batch

    commit_entries = commit

    def keep_snapshot(self, number: int, blob: bytes) -> None:
        """Nothing is kept."""


class Ahead(RowByRow):
    """A bot whose columns are worked out once for all bars: what it may not see changes none of them."""

    def __init__(self, bot: Any, whole: Market) -> None:
        super().__init__(bot)
        self.whole = whole
        self.kept: Any = None

    def read_targets(self, market: Market) -> Any:
        self.kept = self.kept or super().read_targets(self.whole)
        return self.kept

    def read_columns(self, market: Market) -> Any:
        self.kept = self.kept or super().read_columns(self.whole)
        return self.kept


class Stepwise(Session):
    """A session that acts when it is told to: a price, a step and an order are three things."""

    def __init__(self, plan: Plan, bot: Any) -> None:
        super().__init__(plan, bot)
        self.totals: list[float] = []

    def _settle_down(self, commands: list[Command]) -> None:
        """The driver lets orders out."""

    def _rules(self, body: dict[str, Any], commands: list[Command]) -> None:
        super()._rules(body, commands)
        assert self.world is not None
        self.world["remote"] = 0

    def _tick(self, body: dict[str, Any], commands: list[Command]) -> None:
        assert self.world is not None
        self.world["time_ms"] = self.now_ms
        if body["step"]:
            advance(self.world[0], int(body["m"]), float(body["price"]))

    def _walk(self, m: int, prices: Any, *, late: bool) -> None:
        assert self.world is not None
        self.world["markets"]["last"][0, m] = prices[3]
        self.standing.heard(self.plan.markets[m].instrument, Decimal(repr(float(prices[3]))), self.now_ms)

    def _hear(self, door: str, news: Any, client_id: str, commands: list[Command]) -> None:
        self.desk.hear(door, news, client_id, commands)

    def _tell_equity(self, row: int, total: float, wanted: Any, commands: list[Command]) -> None:
        super()._tell_equity(row, total, wanted, commands)
        self.totals.append(total)


class Straight(Work):
    """Work whose requests are done one after the other, when the driver says so."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.chores: list[Coroutine[Any, Any, None]] = []

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.chores.append(work)

    send_off = spawn

    async def do(self) -> None:
        while self.chores:
            await self.chores.pop(0)

    def _measure(self) -> None:
        """Nobody looks at bounds here."""


@dataclass
class Outcome:
    """What a run did, in the words of a backtest's tape."""

    fills: list[np.ndarray[Any, Any]] = field(default_factory=list)
    orders: list[np.ndarray[Any, Any]] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


class Lockstep:
    """One run over bars of one or several markets."""

    def __init__(self, plan: Plan, bot: Any, candles: list[Candles], rules: list[Rules], rates: list[dict[str, str]],
                 port: Port, *, journal: Any = None, ahead: bool = False) -> None:  # fmt: skip
        self.market, self.port = as_market(candles), port
        self.session = Stepwise(plan, bot)
        if ahead:
            self.session.rows = Ahead(bot, self.market)
        self.clock = Still(int(self.market.time[0]))
        self.work = Straight(self.session, journal or Pages(), port.connectors, self.clock, self.tell)
        self.bars, self.length = self.market.bars(), self.market.timeframe_ms
        self.tick, self.outcome = np.zeros(1, TICK), Outcome()
        self.at_venue: dict[int, str] = {}
        self.rules, self.rates, self.late = rules, rates, set[int]()  # rows whose bars come too late to decide on

    def tell(self, event: str, **facts: Any) -> None:
        """A line of the log: refusals are differences in the making."""
        if event in ("warning", "refused", "not sent"):
            self.outcome.refusals.append(f"{event}: {facts}")

    async def run(self) -> Outcome:
        """All rows."""
        work = self.work
        work.happen("planned", self.session.plan.model_dump(mode="json"))
        work.happen("started", {"pid": 0})
        work.happen("rules", {"rules": self.rules, "rates": self.rates})
        await self.listen()
        work.happen("ready", {})
        assert self.session.world is not None
        self.world = self.session.world
        self.markets, self.orders = self.world["markets"][0], self.world["orders"][0]
        for row in range(len(self.market.time)):
            await self.step(row)
        self.outcome.equity = self.session.totals
        live = self.orders[self.orders["status"] == Status.OPEN]
        self.outcome.orders.append(live.copy())
        return self.outcome

    async def step(self, row: int) -> None:
        """Walk a row, then let it close and the bot decide."""
        opened = int(self.market.time[row])
        self.world["row"] = row
        for m in range(len(self.rules)):
            if self.bars.close[m, row] == self.bars.close[m, row]:
                await self.walk(m, row, opened)
        self.clock.time_ms = opened + self.length
        await self.port.close_bar(opened + self.length)
        await self.listen()
        for m, place in enumerate(self.session.plan.markets):
            bar = await self.port.bar(m, row)
            if bar is not None:
                self.work.hear_bar(place.door, bar, late=row in self.late)
            else:
                self.work.happen("bar", {"m": m, "bar": None, "time_ms": opened})
        await self.withdraw()
        self.keep()

    async def walk(self, m: int, row: int, opened: int) -> None:
        """The backtest's `walk_bar` and `walk`, with a venue in place of `match`."""
        o, h, l, c = (float(plane[m, row]) for plane in (self.bars.open, self.bars.high, self.bars.low, self.bars.close))  # fmt: skip  # noqa: E741, E501
        market, close_ms = self.markets[m], opened + self.length
        if l <= market["below"] or h >= market["above"] or row >= market["wake_row"] or close_ms >= market["deadline_ms"]:  # fmt: skip  # noqa: E501
            record, tick = self.world[0], self.tick[0]
            start_walk(tick, m, row, opened, close_ms, o, h, l, c)
            while next_tick(record, tick):
                await self.meet(m, float(tick["price"]), int(tick["time_ms"]))
                if tick["leg"] == 0:
                    rest(record, m)
                    touched = l <= market["below"] or h >= market["above"] or close_ms >= market["deadline_ms"]
                    if not touched and market["wake_row"] > row + 1:
                        break
            rest(record, m)
        market["last"] = c

    async def meet(self, m: int, price: float, time_ms: int) -> None:
        """One price: orders are answered, executors step, and what they ask for is answered too."""
        self.clock.time_ms = time_ms
        await self.port.show(m, price, time_ms)
        self.hear(m, price, time_ms, step=False)
        await self.match(m, ALL_ORDERS)
        new = int(self.world["next_order"][0])
        if self.world["executors_top"][0] > 0:
            self.hear(m, price, time_ms, step=True)
        await self.withdraw()  # also what the last executor left behind when a fill ended it
        if int(self.world["next_order"][0]) > new:
            await self.match(m, new)

    def hear(self, m: int, price: float, time_ms: int, *, step: bool) -> None:
        """A price, written down."""
        told = {"m": m, "price": price, "time_ms": time_ms, "step": step, "prices": {str(m): [price, time_ms]}}
        self.work.happen("tick", told)

    async def match(self, m: int, first_id: int) -> None:
        """The backtest's `match`: by slot, what the venue filled is booked, and what is not there yet is sent."""
        told = await self.sorted_news()
        slot = 0
        while slot < int(self.world["orders_top"][0]):
            order = self.orders[slot]
            live = order["status"] == Status.OPEN and order["market"] == m
            if live and order["active_row"] <= self.world["row"][0] and order["id"] >= first_id:
                name = self.at_venue.get(int(order["id"]))
                if name is None:
                    await self.send(slot, told)
                else:
                    self.take(told.pop(name, []))
            slot += 1
        for late in told.values():
            self.take(late)

    async def send(self, slot: int, told: dict[str, list[tuple[str, Any]]]) -> None:
        """An order that has become active goes out, and is answered."""
        order = self.orders[slot]
        number = int(order["id"])
        order["fresh"] = 0
        if not size_up(self.world[0], slot):
            return
        commands: list[Command] = []
        self.session.desk._intend(slot, commands)
        name = next((one.intent.client_id for one in commands if hasattr(one, "intent")), "")
        if name:
            self.at_venue[number] = name
        self.work._carry_out(commands)
        await self.work.do()
        for other, events in (await self.sorted_news()).items():
            if other == name:
                self.take(events)
            else:
                told.setdefault(other, []).extend(events)

    async def withdraw(self) -> None:
        """What the engine has cancelled is cancelled at the venue."""
        if not self.at_venue:
            return
        top = int(self.world["orders_top"][0])
        live = set(self.orders["id"][:top][self.orders["status"][:top] == Status.OPEN].tolist())
        for number in [number for number in self.at_venue if number not in live]:
            name = self.at_venue.pop(number)
            link = self.session.desk.links[name]
            link.slot = -1
            door = self.session.plan.markets[link.m].door
            order = self.session.trackers[door].orders[name]
            if not order.is_settled:
                apart = order.intent.kind in (OrderKind.STOP, OrderKind.STOP_LIMIT)
                gone = Withdraw(door, order.intent.instrument, name, order.venue_id, apart)
                self.work._carry_out([gone])
                await self.work.do()
                await self.listen()

    async def sorted_news(self) -> dict[str, list[tuple[str, Any]]]:
        """What the venue said, by order."""
        told: dict[str, list[tuple[str, Any]]] = {}
        for door, event in await self.port.news():
            told.setdefault(self.port.owner(event), []).append((door, event))
        return told

    async def listen(self) -> None:
        for events in (await self.sorted_news()).values():
            self.take(events)

    def take(self, events: list[tuple[str, Any]]) -> None:
        """Words of the venue, as the runner hears them."""
        for door, event in events:
            if isinstance(event, Fill):
                self.work.hear_fill(door, event)
            else:
                self.work.hear_report(door, event)

    def keep(self) -> None:
        """What the engine wrote down in this row."""
        for name, count in OUTBOXES.items():
            used = int(self.world[count][0])
            if used:
                getattr(self.outcome, name.removeprefix("done_")).append(self.world[name][0, :used].copy())
                self.world[count] = 0
        self.world["n_executors"] = self.world["n_refusals"] = 0


# --- against the backtest ---------------------------------------------------------------------------------------------


def reference(bot: Any, candles: list[Candles], plan: Plan, rates: dict[str, str]) -> Any:
    """The backtest that the run must be equal to."""
    fees = Fees(float(rates["maker"]), float(rates["taker"]), paid_in=rates["paid_in"])  # type: ignore[arg-type]
    perpetual = any(one.instrument.is_perpetual for one in candles)
    return backtest(bot, candles, cash=plan.cash, account="margin" if perpetual else "spot",
                    leverage=float(plan.terms.get("leverage", 1.0)), fees=fees, audit=False)  # fmt: skip


def differences(outcome: Outcome, result: Any) -> dict[str, Any]:
    """How many orders, fills and equities differ in any bit, and the first of each."""
    tape = result.tape
    fills = np.concatenate(outcome.fills) if outcome.fills else tape.fills[:0]
    orders = np.concatenate(outcome.orders)
    orders = orders[np.argsort(orders["id"], kind="stable")]
    theirs = all_orders(tape)
    found = {"orders": _differ(orders, theirs, FIELDS_OF_ORDERS), "fills": _differ(fills, tape.fills, FIELDS_OF_FILLS)}
    ours = np.array(outcome.equity)
    unequal = np.flatnonzero(ours.view(np.int64) != tape.equity.view(np.int64))
    found["equity"] = [f"row {r}: {ours[r]!r} live, {tape.equity[r]!r} backtest" for r in unequal[:3]]
    counts = {"orders": len(theirs), "fills": len(tape.fills), "rows": len(tape.equity)}
    pnl = (float(ours[-1]) - result.settings.cash).hex(), (float(tape.equity[-1]) - result.settings.cash).hex()
    return {"first": found, "counts": counts, "pnl": pnl, "unequal": len(unequal)}


def _differ(ours: Any, theirs: Any, names: tuple[str, ...]) -> list[str]:
    said = [f"{len(ours)} live, {len(theirs)} in the backtest"] if len(ours) != len(theirs) else []
    for row in range(min(len(ours), len(theirs))):
        for name in names:
            one, other = ours[name][row], theirs[name][row]
            if one != other and not (one != one and other != other):
                said.append(f"{row}: {name} is {one!r} live, {other!r} in the backtest")
        if len(said) > 3:
            break
    return said
