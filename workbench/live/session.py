"""A run as one pure fold: entries of its journal in, what is to be done out. No clock, no socket, no chance.

The same entries always make the same session, so a restart folds them again and is where it was, to the bit. What it
asks for while it folds back is not done: what had been sent is looked up at the venue instead.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from workbench.backtest import Market, RowByRow, Settings, Wanted, close_row
from workbench.connectors import Balance, Bar, FundingPayment, Rules
from workbench.controllers import Controller, Way
from workbench.errors import BrokenInvariant
from workbench.live.desk import Desk
from workbench.live.history import History
from workbench.live.plan import Plan
from workbench.live.words import Command, Fall, Note
from workbench.market import Action, Instrument
from workbench.trading import (
    MAX_LEVELS,
    NEVER,
    Fees,
    Gate,
    Limits,
    News,
    Phase,
    Purpose,
    Reason,
    Standing,
    Status,
    Tracker,
    World,
    advance_in,
    book_outside,
    equity_in,
    rest_in,
    take_in,
    trade_pairs,
    wind_down,
)

KINDS = {
    "started", "stopped", "ready", "paused", "resumed", "updated", "stopping", "killed", "rules", "tick", "bar",
    "intent", "sent", "answered", "report", "fill", "missing", "cancel", "cancelled", "balances", "funding", "adopted",
    "prepared", "dropped", "others", "funded",
}  # fmt: skip
QUIET = {"intent", "sent", "cancel", "balances", "prepared", "dropped"}  # nothing in the world waits for these
WORDS = {"answered", "report", "fill", "missing", "cancelled"}
OPENING = (Purpose.QUOTE, Purpose.ENTRY, Purpose.HOLD)
LONGEST_WAIT = 6  # doublings of the second between two tries to leave a position
PROOF_MS = 15_250  # the venue's window and its own wait, 15 s, and some for clocks: the answer is here before 16 s
FORGET_MS, LOOK_ROWS = 86_400_000, 256


class Session:
    """The whole state of a run.

    Parameters
    ----------
    plan : Plan
        What was planned; the first entry of the journal says the same.
    bot : Controller
        Its strategy.

    Attributes
    ----------
    state : str
        "starting", "running", "paused", "stopping", "killed" or "stopped".
    world : World or None
        None until the rules of the instruments are known.
    """

    def __init__(self, plan: Plan, bot: Controller) -> None:
        self.plan, self.state, self.number = plan, "starting", 0
        self.rows = RowByRow(bot)
        self.doors = list(dict.fromkeys(place.door for place in plan.markets))
        self.trackers = {door: Tracker(proof_ms=PROOF_MS) for door in self.doors}
        self.gate, self.standing = Gate(Limits(**dict(plan.limits))), Standing()
        venues, names = [p.venue for p in plan.markets], [p.instrument for p in plan.markets]
        self.history = History(venues, names, plan.timeframe)
        self.rules: list[Rules] = []
        self._kinds: tuple[list[Rules], list[Instrument]] = ([], [])  # of those rules
        self.world: World | None = None
        self.desk = Desk(self)
        self.waiting: dict[int, Any] = {}  # quotes that wait for the last one of their level to leave
        self.balances: dict[str, dict[str, Balance]] = {door: {} for door in self.doors}
        self.balances_ms: dict[str, int] = {}
        self.paid: set[tuple[str, str, str]] = set()
        self.funding, self.given = 0.0, plan.first_cash  # what it was paid, and the money that it counts as its own
        self.coins: dict[str, Decimal] = {}  # fees in third coins
        self.others: dict[str, tuple[float, float]] = {}  # what other runs had earned when first seen, and have now
        self.now_ms = self.closed_ms = self.begun_ms = 0
        self.hold, self.is_ready, self._touched = True, False, False
        self.reason = ""
        self.prepared: dict[str, Any] | None = None  # parameters that wait for a bar's end
        self.refusals = self.kept = 0

    # --- the fold ----------------------------------------------------------------------------------------------------

    def apply(self, entry: Any) -> list[Command]:
        """Take one entry in; what is to be done now.

        Raises
        ------
        BrokenInvariant
            If the entry cannot follow what was there.
        """
        if self.number and entry.number <= self.number:
            raise BrokenInvariant(f"entry {entry.number} follows {self.number}. Fold a journal once, in its order.")
        self.number, self.now_ms = entry.number, entry.time_ms
        commands: list[Command] = []
        self._touched = False
        body = entry.body if isinstance(entry.body, dict) else {}
        for m, (price, time_ms) in _prices(body):
            self._hear_price(m, price, time_ms)
        named = f"_{entry.kind}" if entry.kind in KINDS else ""
        heard: Callable[[dict[str, Any], list[Command]], None] | None = getattr(self, named, None)
        if heard is not None:
            heard(body, commands)
        if self.world is None or heard is None or entry.kind in QUIET:
            return commands
        if entry.kind in WORDS and not self._touched:
            self.desk.withdraw(commands)  # an order that leaves may have been shown just now
        else:
            self._settle_down(commands)
        return commands

    def _settle_down(self, commands: list[Command]) -> None:
        """What the engine asks for goes out; what waits for a price is noted."""
        assert self.world is not None
        self._renew()
        self.desk.go_out(commands)
        for m in range(len(self.rules)):
            rest_in(self.world, m)

    # --- what is known of the run ------------------------------------------------------------------------------------

    @property
    def earned(self) -> float:
        """Profit or loss since the run began, in quote currency, as of the last bar."""
        equity = self.standing.equity
        return 0.0 if equity is None else equity.now - self.standing.start_equity

    @property
    def deciding(self) -> bool:
        """Does the bot speak?"""
        return self.state == "running"

    @property
    def instruments(self) -> list[Instrument]:
        """The markets, in floats."""
        if self._kinds[0] is not self.rules:
            self._kinds = (self.rules, [rules.instrument() for rules in self.rules])
        return self._kinds[1]

    def reaches(self, m: int, price: float, time_ms: int) -> bool:
        """Would a price change anything? If not it need not be written down."""
        if self.world is None:
            return False
        market = self.world["markets"][0, m]
        return bool(price <= market["below"] or price >= market["above"] or time_ms >= self.due_ms(m))

    def market(self, until_ms: int) -> Market:
        """The bars up to a stamp as the bot looks at them: one of columns has a value for each row in each of them."""
        return self.history.market(self.instruments, until_ms, even=self.rows.way != Way.ON_TICK)

    def due_ms(self, m: int) -> int:
        """When time alone has something to do in a market."""
        if self.world is None:
            return NEVER
        due, executors = int(self.world["markets"][0, m]["deadline_ms"]), self.world["executors"][0]
        top = int(self.world["executors_top"][0])
        for executor in executors[:top] if top else ():
            stuck = executor["phase"] == Phase.EXITING and executor["live"] == 0 and executor["market"] == m
            if stuck:
                due = min(due, self.now_ms + (1_000 << min(int(executor["repeats"]), LONGEST_WAIT)))
        return due

    @property
    def is_idle(self) -> bool:
        """Does nothing of ours live or wait, at any venue?"""
        return not any(tracker.unsettled() for tracker in self.trackers.values()) and not self.desk.pending

    def positions(self) -> dict[int, float]:
        """Signed base units by market."""
        if self.world is None:
            return {}
        return {m: float(self.world["markets"][0, m]["position"]) for m in range(len(self.rules))}

    def equity(self) -> float:
        """Cash and positions, in quote currency."""
        return float(equity_in(self.world)) if self.world is not None else self.given

    # --- the run ----------------------------------------------------------------------------------------------------

    def _started(self, body: dict[str, Any], commands: list[Command]) -> None:
        """A process began: intents that were not written down are not sent any more."""
        self.begun_ms, self.is_ready = self.begun_ms or self.now_ms, False
        for tracker in self.trackers.values():
            tracker.keep_pace(float(body.get("pace", 1.0)))
        if self.state in ("running", "stopped"):
            self.state = "starting"
        self.desk.drop_pending("the run was started again before it was written down")

    def _stopped(self, body: dict[str, Any], commands: list[Command]) -> None:
        """It ended in order: the next start is a new beginning, and not the rest of a stop that was cut off."""
        self.state = "stopped"

    def _ready(self, body: dict[str, Any], commands: list[Command]) -> None:
        self.is_ready = True
        if self.state == "starting":
            self.state = "paused" if self.standing.is_paused else "running"

    def _paused(self, body: dict[str, Any], commands: list[Command]) -> None:
        self.state = "paused"
        self.standing.pause()
        self._withdraw_openings()

    def _resumed(self, body: dict[str, Any], commands: list[Command]) -> None:
        self.state = "running"
        self.standing.resume()

    def _prepared(self, body: dict[str, Any], commands: list[Command]) -> None:
        """New parameters lie ready. Until they are `updated`, the bot is what it was."""
        self.prepared = {"ticket": self.number, **body}

    def _dropped(self, body: dict[str, Any], commands: list[Command]) -> None:
        self.prepared = None

    def _updated(self, body: dict[str, Any], commands: list[Command]) -> None:
        self.prepared = None
        memory, self.rows = self.rows.memory, RowByRow(self.rows.bot.vary(**body["parameters"]))
        self.rows.memory = memory
        if self.world is not None:
            self.rows.equip(self.world, self._names())

    def _stopping(self, body: dict[str, Any], commands: list[Command]) -> None:
        """Nothing new; cancel; sell what executors hold, unless it is kept; `flatten` sells what nobody holds."""
        self.state = "killed" if self.state == "killed" else "stopping"  # a kill that sells is a kill
        self.hold = bool(body.get("hold", True))
        self._withdraw_openings()
        if self.world is None:
            return
        for m in range(len(self.rules)):
            wind_down(self.world[0], m, np.int64(self.hold), self._next_row)
        if body.get("flatten"):
            self.desk.flatten_all(self._next_row)

    def _killed(self, body: dict[str, Any], commands: list[Command]) -> None:
        self.state, self.reason = "killed", str(body.get("reason", ""))
        self.standing.pause()
        self._withdraw_openings(everything=True)

    def _withdraw_openings(self, *, everything: bool = False) -> None:
        self.waiting.clear()
        if self.world is None:
            return
        orders = self.world["orders"][0, : int(self.world["orders_top"][0])]
        opening = everything | np.isin(orders["purpose"], OPENING)
        orders["reason"][(orders["status"] == Status.OPEN) & opening] = Reason.LEAVING

    # --- markets -----------------------------------------------------------------------------------------------------

    def _rules(self, body: dict[str, Any], commands: list[Command]) -> None:
        """Rules and fees, first told or changed."""
        self.rules = list(body["rules"])
        self.desk.rates = list(body["rates"])
        if self.world is None:
            self.world = self._new_world()
        markets = self.world["markets"][0]
        for m, instrument in enumerate(self.instruments):
            for name in ("tick", "lot", "min_amount", "min_notional"):
                markets[name][m] = getattr(instrument, name)
            rates = self.desk.rates[m]
            markets["maker"][m], markets["taker"][m] = float(rates["maker"]), float(rates["taker"])
            markets["fee_received"][m] = rates["paid_in"] == "received" and not instrument.is_perpetual

    def _new_world(self) -> World:
        terms = dict(self.plan.terms)
        account = "margin" if any(rules.is_perpetual for rules in self.rules) else terms.get("account", "spot")
        settings = Settings(
            cash=self.plan.first_cash, account=account, leverage=float(terms.get("leverage", 1.0)), fees=Fees()
        )
        world = settings.world(self.instruments, None)
        world["remote"] = 1
        self.rows.equip(world, self._names())
        return world

    def _names(self) -> list[str]:
        names = [place.instrument for place in self.plan.markets]
        return [n if names.count(n) == 1 else f"{p.venue} {n}" for n, p in zip(names, self.plan.markets, strict=True)]

    def _hear_price(self, m: int, price: float, time_ms: int) -> None:
        self.standing.heard(self.plan.markets[m].instrument, Decimal(repr(price)), time_ms)
        if self.world is not None:
            self.world["markets"]["last"][0, m] = price

    @property
    def _next_row(self) -> int:
        assert self.world is not None
        return int(self.world["row"][0]) + int(self.world["latency"][0])

    def _tick(self, body: dict[str, Any], commands: list[Command]) -> None:
        """A price that reached something, or a time that came."""
        self._step(int(body["m"]))

    def _step(self, m: int) -> None:
        """Let the executors of a market see the last price."""
        if self.world is None:
            return
        market = self.world["markets"][0, m]
        self.world["time_ms"] = max(int(self.world["time_ms"][0]), self.now_ms)
        if market["last"] == market["last"]:
            advance_in(self.world, m, float(market["last"]))

    def _bar(self, body: dict[str, Any], commands: list[Command]) -> None:
        """A closed bar; history that was read at the start is only looked at. None: there is none at this stamp."""
        m, bar = int(body["m"]), body.get("bar")
        if not isinstance(bar, Bar):
            self.history.lacks(m, int(body["time_ms"]))
        elif self.history.add(m, bar) and body.get("warm"):
            self.history.heard.pop(bar.time_ms, None)
        if body.get("warm"):
            return
        for stamp in self.history.complete():
            self._close_row(stamp, commands, late=bool(body.get("late")))

    def _close_row(self, stamp: int, commands: list[Command], *, late: bool) -> None:
        """The close of a row: prices, executors, then the bot. In the past it does not decide, but executors see it."""
        if self.world is None:
            raise BrokenInvariant("a bar came before the rules of its instrument. Write the rules down first.")
        world, market = self.world, self.market(stamp)
        row = int(np.searchsorted(market.time, stamp))
        world["row"], world["time_ms"] = row, stamp + self.history.length_ms
        closes = np.full(len(self.rules), np.nan)
        for m in range(len(self.rules)):
            prices = self.history.row_of(m, stamp)
            if prices is not None:
                closes[m] = prices[3]
                self._walk(m, prices, late=late)
        total, decides = float(close_row(world, closes)), self.deciding and not late
        wanted = self._decide(market, row, total, commands) if decides else Wanted()
        world["row"] = row + 1
        self.closed_ms = stamp + self.history.length_ms
        self._tell_equity(row, total, wanted if decides else None, commands)
        if row % LOOK_ROWS == 0:
            self.desk.forget_before(self.now_ms - FORGET_MS)

    def _decide(self, market: Market, row: int, total: float, commands: list[Command]) -> Wanted:
        """What the bot wants. One that fails opens nothing more until somebody looks at it; exits go on."""
        assert self.world is not None
        try:
            wanted = self.rows.decide(self.world, market, row, total)
        except Exception as error:
            self._paused({}, commands)
            said = f"{self.rows.bot.name} failed at row {row}: {type(error).__name__}: {error}"
            commands.append(Note("warning", {"text": f"{said} The run is paused: exits go on. Mend it, then resume."}))
            return Wanted()
        self._remember_quotes(wanted)
        return wanted

    def _walk(self, m: int, prices: Any, *, late: bool) -> None:
        """A bar's close; of one that was missed, its extremes too, the worse for what is held first."""
        assert self.world is not None
        opened, high, low, close = (float(price) for price in prices[:4])
        held = self.world["markets"][0, m]["position"]
        path = [opened, low, high, close] if held >= 0.0 else [opened, high, low, close]
        for price in path if late else [close]:
            self.world["markets"]["last"][0, m] = price
            advance_in(self.world, m, price)
        stamp = int(self.world["time_ms"][0])
        self.standing.heard(self.plan.markets[m].instrument, Decimal(repr(close)), stamp)

    def _tell_equity(self, row: int, total: float, wanted: Wanted | None, commands: list[Command]) -> None:
        assert self.world is not None
        self.standing.worth(total, self.closed_ms)
        self.standing.earned("0", total - self.standing.start_equity)
        self._earn_together()
        markets = {}
        for name, market in zip(self._names(), self.world["markets"][0], strict=False):
            if market["last"] == market["last"]:
                position, price = float(market["position"]), float(market["last"])
                markets[name] = {"position": position, "price": price, "equity": position * price}
        told = {name: float(self.world[name][0]) for name in ("quote", "fees", "volume")}
        commands.append(Note("equity", {
            "time_ms": self.closed_ms, "row": row, "cash": told["quote"], "equity": total, "fees": told["fees"],
            "funding": self.funding, "volume": told["volume"], "markets": markets,
            "wanted": [] if wanted is None else wanted.facts(), "decided": wanted is not None,
        }))  # fmt: skip
        alarm = self.gate.alarm(self.standing)
        if alarm is not None and self.state in ("running", "paused"):
            commands.append(Fall(alarm.sentence))

    # --- quotes that wait --------------------------------------------------------------------------------------------

    def _remember_quotes(self, wanted: Wanted) -> None:
        """A quote whose level still has an order that leaves is asked for again when that is gone."""
        for level, target in zip(wanted.levels, wanted.targets, strict=True):
            if target["action"] not in (Action.QUOTE, Action.HOLD):
                continue
            if self._is_leaving(level) and target["size"] == target["size"]:
                self.waiting[level] = target.copy()
            else:
                self.waiting.pop(level, None)

    def _is_leaving(self, level: int) -> bool:
        assert self.world is not None
        slot = int(self.world["quotes"][0, level])
        return slot >= 0 and self.world["orders"][0, slot]["reason"] == Reason.LEAVING

    def _renew(self) -> None:
        if not self.waiting or self.world is None:
            return
        for level in [level for level in self.waiting if int(self.world["quotes"][0, level]) < 0]:
            target = self.waiting.pop(level)
            if 0 <= level < MAX_LEVELS and self.deciding:
                self.world["row"] -= 1  # it was wanted at the close before
                take_in(self.world, np.array([target]), 0, level, self.equity())
                self.world["row"] += 1

    # --- orders -----------------------------------------------------------------------------------------------------

    def _intent(self, body: dict[str, Any], commands: list[Command]) -> None:
        intent = body["intent"]
        self.trackers[body["door"]].intend(intent)
        self.desk.written(intent.client_id, int(body["m"]))

    def _sent(self, body: dict[str, Any], commands: list[Command]) -> None:
        self.trackers[body["door"]].sent(body["client_id"], self.now_ms)

    def _answered(self, body: dict[str, Any], commands: list[Command]) -> None:
        """The venue's answer to a request: a report, a no, or none."""
        tracker, client_id = self.trackers[body["door"]], body["client_id"]
        if body.get("report") is not None:
            self._hear(body["door"], tracker.report(body["report"]), client_id, commands)
        elif body.get("unanswered"):
            self._hear(body["door"], tracker.unanswered(client_id), client_id, commands)
        else:
            self.refusals += 1
            if not body.get("busy"):
                self.standing.oddity(self.now_ms, self.gate.limits.max_oddities)
            self._hear(body["door"], tracker.refused(client_id, body.get("reason", "")), client_id, commands)

    def _report(self, body: dict[str, Any], commands: list[Command]) -> None:
        report = body["report"]
        news = self.trackers[body["door"]].report(report, asked_ms=int(body.get("asked_ms", 0)))
        self._hear(body["door"], news, report.client_id, commands)

    def _fill(self, body: dict[str, Any], commands: list[Command]) -> None:
        fill = body["fill"]
        self._hear(body["door"], self.trackers[body["door"]].fill(fill), fill.client_id, commands)

    def _missing(self, body: dict[str, Any], commands: list[Command]) -> None:
        news = self.trackers[body["door"]].not_found(body["client_id"], int(body["asked_ms"]))
        self._hear(body["door"], news, body["client_id"], commands)

    def _cancel(self, body: dict[str, Any], commands: list[Command]) -> None:
        self.trackers[body["door"]].cancel_sent(body["client_id"], self.now_ms)

    def _cancelled(self, body: dict[str, Any], commands: list[Command]) -> None:
        acknowledged = bool(body["acknowledged"])
        self.trackers[body["door"]].cancel_answered(body["client_id"], acknowledged=acknowledged)

    def _hear(self, door: str, news: News, client_id: str, commands: list[Command]) -> None:
        """What a tracker made of it: fills are booked, ends end, and executors go on at the last price."""
        touched = self.desk.hear(door, news, client_id, commands)
        self._touched = bool(touched)
        for m in sorted(touched):
            self._step(m)
        if touched and self.world is not None and self.world["n_pairs"][0]:
            trade_pairs(self.world[0], np.full(len(self.rules), np.nan))

    # --- the account ------------------------------------------------------------------------------------------------

    def _balances(self, body: dict[str, Any], commands: list[Command]) -> None:
        door, told = body["door"], {one.asset: one for one in body["balances"]}
        self.balances[door] = told if body.get("is_all") else {**self.balances[door], **told}
        self.balances_ms[door] = int(body.get("time_ms", self.now_ms))
        self.standing.has({asset: one.free for asset, one in told.items()})

    def _funding(self, body: dict[str, Any], commands: list[Command]) -> None:
        """Funding, once each; what was before the run is not its own."""
        payment: FundingPayment = body["payment"]
        key = (body["door"], payment.instrument, payment.payment_id)
        if key in self.paid or self.world is None:
            return
        self.paid.add(key)
        self.funding += float(payment.amount)
        self.world["quote"] += float(payment.amount)

    def _funded(self, body: dict[str, Any], commands: list[Command]) -> None:
        """A canary gets the rest of its money: equity and what it is measured by grow, and nothing was earned."""
        amount = float(body["amount"])
        if self.world is not None:
            self.world["quote"] += amount
        self.given += amount
        self.standing.fund(amount)

    def _others(self, body: dict[str, Any], commands: list[Command]) -> None:
        """What other runs earned; what they had before this one looked is none of its fall."""
        for run, earned in body["earned"].items():
            self.others[run] = (self.others.get(run, (float(earned), 0.0))[0], float(earned))
        self._earn_together()

    def _earn_together(self) -> None:
        if self.gate.limits.max_total_drawdown is not None:
            self.standing.earned_together(self.earned + sum(now - first for first, now in self.others.values()))

    def _adopted(self, body: dict[str, Any], commands: list[Command]) -> None:
        """A trade that was not ours is taken into the position, because somebody said so."""
        if self.world is not None:
            fill, m = body["fill"], int(body["m"])
            book_outside(self.world[0], m, fill.side, float(fill.price), float(fill.amount), 0.0, 0.0, 0.0)


def _prices(body: dict[str, Any]) -> list[tuple[int, tuple[float, int]]]:
    """Prices that an entry brings along: {"0": [price, time_ms]} by place of the market."""
    return [(int(m), (float(price), int(time_ms))) for m, (price, time_ms) in body.get("prices", {}).items()]
