"""Between the engine's orders and a venue's: intents with ids, fitted and approved; fills and ends brought back."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.connectors import FeeRates, Misfit, afford, client_order_id, facts, fit, held, make_room, needs
from workbench.live.words import Command, Note, Send, Withdraw
from workbench.market import BUY, ExecutorKind, OrderKind
from workbench.trading import (
    Booked,
    CloseType,
    Intent,
    Life,
    News,
    Odd,
    Phase,
    Purpose,
    Reason,
    Status,
    book_in,
    book_outside,
    end_order_in,
    explain,
    flatten,
    revive,
    size_up_in,
)

if TYPE_CHECKING:
    from workbench.live.session import Session
    from workbench.trading import Fill, Order

OPENINGS = (Purpose.QUOTE, Purpose.ENTRY, Purpose.HOLD, Purpose.HEDGE)
CLOSING = (Purpose.EXIT, Purpose.TARGET, Purpose.FLATTEN)
OPEN, LEAVING = int(Status.OPEN), int(Reason.LEAVING)  # looking a member up takes longer than comparing it
TRIGGERED = (OrderKind.STOP, OrderKind.STOP_LIMIT)
RESTING = (OrderKind.LIMIT, OrderKind.POST_ONLY, OrderKind.STOP_LIMIT)
ENDS = {Life.FILLED: Status.FILLED, Life.REJECTED: Status.REJECTED, Life.LOST: Status.REJECTED}
NONE = -1
NEAR = Decimal("1e-6")  # of a step


@dataclass(slots=True)
class Link:
    """Which order of the world an order of ours is; `slot` is −1 once that has ended, and `was` is what it was."""

    order_id: int
    slot: int
    m: int
    purpose: int
    was: bytes = b""


class Desk:
    """The orders of a session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.rates: list[dict[str, Any]] = []
        self._fees: tuple[list[dict[str, Any]], list[FeeRates]] = ([], [])  # of those rates
        self._leverage = Decimal(str(session.plan.terms.get("leverage", 1)))
        self.links: dict[str, Link] = {}
        self.pending: dict[str, Intent] = {}  # made, not written down yet
        self.count = self.next_id = 0

    # --- out ---------------------------------------------------------------------------------------------------------

    def go_out(self, commands: list[Command]) -> None:
        """New orders become intents, orders that leave are withdrawn, and what the engine tells is noted."""
        world = self.session.world
        assert world is not None
        while int(world["next_order"][0]) > self.next_id:
            self._intend_all(commands)
        self.withdraw(commands)
        self._note(commands)

    def _intend_all(self, commands: list[Command]) -> None:
        world = self.session.world
        assert world is not None
        first, self.next_id = self.next_id, int(world["next_order"][0])
        orders = world["orders"][0, : int(world["orders_top"][0])]
        fresh = np.flatnonzero((orders["status"] == OPEN) & (orders["id"] >= first))
        for slot in sorted(fresh.tolist(), key=lambda place: int(orders["id"][place])):
            if orders["reason"][slot] == LEAVING:
                end_order_in(world, slot, Status.CANCELLED.value, Reason.NONE.value)
            elif size_up_in(world, slot):
                self._intend(slot, commands)

    def _intend(self, slot: int, commands: list[Command]) -> None:
        """One order: an intent that fits, is approved and can be paid, or a refusal."""
        session = self.session
        assert session.world is not None
        order = session.world["orders"][0, slot]
        m, place = int(order["market"]), session.plan.markets[int(order["market"])]
        executor = int(order["executor_id"])
        intent = self._with_room(self._made(order, m, place.instrument, executor), m, place.door)
        fitted = fit(intent, session.rules[m], last=self.last(m))
        said = self._objection(fitted, m, place.door)
        if said is not None:
            self._refuse(slot, intent, place.door, said, commands)
            return
        assert isinstance(fitted, Intent)
        self._agree(order, fitted)
        session.standing.sent(fitted, session.now_ms)
        self.links[fitted.client_id] = Link(int(order["id"]), slot, m, int(order["purpose"]))
        self.pending[fitted.client_id] = fitted
        commands.append(Send(place.door, fitted, {
            "venue": place.venue, "account": place.account, "m": m, "order": int(order["id"]), "executor": executor,
            "purpose": Purpose(int(order["purpose"])).name, "level": int(order["level"]), "controller": "0",
        }))  # fmt: skip

    def _made(self, order: Any, m: int, instrument: str, executor: int) -> Intent:
        rule = facts(self.session.plan.markets[m].venue).ids
        self.count += 1
        kind, side = OrderKind(int(order["kind"])), int(order["side"])
        rules = self.session.rules[m]
        price = _decimal(order["price"], rules.tick) if kind in RESTING else None
        trigger = _decimal(order["trigger"], rules.tick) if kind in TRIGGERED else None
        return Intent(
            client_order_id(rule, self.session.plan.run, executor, self.count), instrument, side, kind,
            _decimal(order["amount"], rules.lot), price, trigger, reduce_only=self._only_reduces(order, m),
            created_ms=self.session.now_ms,
        )  # fmt: skip

    def _only_reduces(self, order: Any, m: int) -> bool:
        """Reduce-only where the account nets to a position that is large enough; a venue refuses it elsewhere."""
        assert self.session.world is not None
        closing = int(order["purpose"]) in CLOSING and self.session.rules[m].is_perpetual
        position = float(self.session.world["markets"][0, m]["position"])
        return closing and -int(order["side"]) * position >= float(order["amount"]) * (1.0 - 1e-9)

    def _objection(self, intent: Intent | Misfit, m: int, door: str) -> dict[str, str] | None:
        """Why an intent is not sent: the venue's rules, the limits of the run, or the account; None: it is."""
        session = self.session
        if isinstance(intent, Misfit):
            return {"limit": "rules", "reason": intent.reason}
        no = session.gate.approve(intent, session.standing, now_ms=session.now_ms, controller="0")
        if no is not None:
            return {"limit": no.limit, "value": no.value, "bound": no.bound, "reason": no.sentence}
        lack = self._lack(intent, m, door)
        return None if lack is None else {"limit": "balance", "reason": lack.reason}

    def _with_room(self, intent: Intent, m: int, door: str) -> Intent:
        """The same, or less of it: see `price_room` of the limits."""
        room = self.session.gate.limits.price_room
        if room is None or intent.kind != OrderKind.MARKET or not self.session.balances[door]:
            return intent
        return make_room(intent, self.session.rules[m], self.fee_rates(m), Decimal(repr(room)), **self._means(m, door))

    def _lack(self, intent: Intent, m: int, door: str) -> Misfit | None:
        if not self.session.balances[door]:
            return None
        return afford(intent, self.session.rules[m], self.fee_rates(m), **self._means(m, door))

    def _means(self, m: int, door: str) -> dict[str, Any]:
        """What an order may take from: balances, what they do not show, the price to reckon with, the leverage."""
        return {"balances": self.session.balances[door], "unseen": self._unseen(m, door), "last": self.last(m),
                "leverage": self._leverage}  # fmt: skip

    def _unseen(self, m: int, door: str) -> dict[str, Decimal]:
        """What our own orders hold, by asset, that the balances of an account do not show yet."""
        session, rates = self.session, self.fee_rates(m)
        rules = {one.symbol: one for one in session.rules}
        last = {one.symbol: self.last(place) for place, one in enumerate(session.rules)}
        unseen = held(session.trackers[door].live(), rules, rates, since_ms=session.balances_ms.get(door, 0), last=last)
        for other in self.pending.values():
            if not other.reduce_only and other.instrument in rules and session.plan.markets[m].door == door:
                price, rule = last[other.instrument], rules[other.instrument]
                asset, amount = needs(other, rule, rates, last=price, leverage=self._leverage)
                unseen[asset] = unseen.get(asset, Decimal(0)) + amount
        return unseen

    def fee_rates(self, m: int) -> FeeRates:
        """What a market costs."""
        if self._fees[0] is not self.rates:
            self._fees = (self.rates, [FeeRates(**rates) for rates in self.rates])
        return self._fees[1][m]

    def last(self, m: int) -> Decimal:
        """The last price of a market; 0: none was heard."""
        assert self.session.world is not None
        price = float(self.session.world["markets"][0, m]["last"])
        return Decimal(repr(price)) if price == price else Decimal(0)

    def _refuse(self, slot: int, intent: Intent, door: str, said: dict[str, str], commands: list[Command]) -> None:
        assert self.session.world is not None
        reason = Reason.TOO_SMALL if said["limit"] == "rules" else Reason.AT_GATE
        end_order_in(self.session.world, slot, Status.REJECTED.value, reason.value)
        self.session.refusals += 1
        side = "buy" if intent.side == BUY else "sell"
        facts = {"instrument": intent.instrument, "side": side, "amount": str(intent.amount)}
        commands.append(Note("refused", {"door": door, **facts, **said}))

    def _agree(self, order: Any, intent: Intent) -> None:
        """The world's order is what is sent, to the digit."""
        order["amount"] = float(intent.amount)
        if intent.price is not None:
            order["price"] = float(intent.price)

    def withdraw(self, commands: list[Command]) -> None:
        """Orders that leave, and whose venue has shown that it has them, are to be cancelled; once each."""
        world = self.session.world
        assert world is not None
        orders = world["orders"][0, : int(world["orders_top"][0])]
        leaving = (orders["status"] == OPEN) & (orders["reason"] == LEAVING)
        if not leaving.any():
            return
        ids = {int(orders["id"][slot]) for slot in np.flatnonzero(leaving)}
        for door, tracker in self.session.trackers.items():
            for order in tracker.live():
                link = self.links.get(order.intent.client_id)
                if link is None or link.order_id not in ids or order.life != Life.OPEN or order.cancel_ms:
                    continue
                conditional = order.intent.kind in TRIGGERED
                names = order.intent.instrument, order.intent.client_id, order.venue_id
                commands.append(Withdraw(door, *names, conditional))

    def _note(self, commands: list[Command]) -> None:
        """What the engine tells: executors that ended, and what it refused itself."""
        world = self.session.world
        assert world is not None
        for refusal in world["refusals"][0, : int(world["n_refusals"][0])]:
            reason = Reason(int(refusal["reason"]))
            name = self.session.plan.markets[int(refusal["market"])].instrument
            where = {"instrument": name, "level": int(refusal["level"]), "executor": int(refusal["executor"])}
            commands.append(Note("refused", {"limit": "engine", **where, "reason": explain(reason)}))
        for executor in world["done_executors"][0, : int(world["n_executors"][0])]:
            commands.append(Note("executor", self.executor_facts(executor)))
        for name in ("n_fills", "n_orders", "n_executors", "n_refusals"):
            world[name] = 0

    def executor_facts(self, executor: Any) -> dict[str, Any]:
        """An executor in plain values."""
        side, held_now = int(executor["side"]), float(executor["held"])
        gross = side * (float(executor["exit_value"]) - float(executor["entry_value"]))
        closed = int(executor["closed_ms"])
        price = float(executor["last_exit"]) if closed >= 0 else float(self.last(int(executor["market"])))
        pnl = gross - float(executor["fees_quote"]) + side * held_now * price
        return {
            "executor": int(executor["id"]), "controller": "0",
            "kind": ExecutorKind(int(executor["kind"])).name.lower(),
            "market": self.session.plan.markets[int(executor["market"])].instrument, "level": int(executor["level"]),
            "side": side, "status": Phase(int(executor["phase"])).name, "held": held_now,
            "close_type": CloseType(int(executor["close_type"])).name if closed >= 0 else "",
            "created_ms": int(executor["created_ms"]), "closed_ms": closed if closed >= 0 else None,
            "net_pnl_quote": pnl if pnl == pnl else None, "fees_quote": float(executor["fees"]),
            "filled_quote": float(executor["entry_value"]) + float(executor["exit_value"]),
        }  # fmt: skip

    # --- back --------------------------------------------------------------------------------------------------------

    def written(self, client_id: str, m: int) -> None:
        """An intent is in the journal; one that no order of the world stands behind moves money alone."""
        self.pending.pop(client_id, None)
        self.links.setdefault(client_id, Link(NONE, NONE, m, NONE))

    def drop_pending(self, why: str) -> None:
        """Intents that were never written down are not sent any more; their executors ask anew, if they still want."""
        for client_id in list(self.pending):
            del self.pending[client_id]
            link = self.links.pop(client_id)
            self.session.standing.ended(client_id)
            assert self.session.world is not None
            end_order_in(self.session.world, link.slot, Status.REJECTED.value, Reason.STOPPED.value)

    def hear(self, door: str, news: News, client_id: str, commands: list[Command]) -> set[int]:
        """Bring news into the world; the markets in which something changed."""
        touched: set[int] = set()
        booked = [one for one in news if isinstance(one, Booked)]
        for one in news:
            if isinstance(one, Booked):
                touched |= self._book(door, one.client_id, one.fill, one is booked[-1], commands)
            elif isinstance(one, Odd):
                self._odd(one, commands)
        names = {client_id, *(one.client_id for one in news)} - {""}
        for name in names:
            touched |= self._end(door, name)
        return touched

    def _odd(self, odd: Odd, commands: list[Command]) -> None:
        session = self.session
        session.standing.oddity(session.now_ms, session.gate.limits.max_oddities)
        said = f"{odd.instrument}: {odd.oddity.name.lower().replace('_', ' ')} {odd.detail}".rstrip()
        commands.append(Note("warning", {"oddity": odd.oddity.name, "client_id": odd.client_id, "text": said}))

    def _book(self, door: str, client_id: str, fill: Fill, is_last: bool, commands: list[Command]) -> set[int]:
        session, link = self.session, self.links[client_id]
        assert session.world is not None
        order = session.trackers[door].orders[client_id]
        session.standing.filled(client_id, fill)
        money = self._money(link.m, fill)
        numbers = (float(fill.price), float(fill.amount), *money)
        if link.slot >= 0:
            complete = is_last and order.filled >= order.amount
            self._keep(link)
            book_in(session.world, link.slot, *numbers, fill.is_maker, complete)
            if complete:
                link.slot = NONE
            else:
                self._keep(link)
            return {link.m}
        return self._book_late(link, fill, numbers, commands)

    def _book_late(self, link: Link, fill: Fill, numbers: Any, commands: list[Command]) -> set[int]:
        """A fill of an order that had ended: its executor hears of it, or it is undone if it had opened something."""
        world = self.session.world
        assert world is not None
        slot = NONE
        if link.was:
            was = np.frombuffer(link.was, world.dtype["orders"].base).copy()
            slot = int(revive(world[0], was[0], numbers[1]))
        if slot >= 0:
            book_in(world, slot, *numbers, fill.is_maker, True)
            return {link.m}
        book_outside(world[0], link.m, fill.side, *numbers)
        said = (
            f"{fill.instrument}: {fill.amount} were filled at {fill.price} after the order and its executor had ended"
        )
        if link.purpose in OPENINGS:
            flatten(world[0], link.m, -fill.side, numbers[1], int(world["row"][0]))
            said += "; they are given back"
        commands.append(Note("warning", {"text": f"{said}."}))
        return {link.m}

    def _money(self, m: int, fill: Fill) -> tuple[float, float, float]:
        """Fee in quote, in base, and what it is worth in quote; one in a third coin is reckoned by the rates."""
        rules, fee = self.session.rules[m], float(fill.fee)
        if fill.fee_asset in (rules.quote, rules.settle) or not fill.fee:
            return fee, 0.0, fee
        if fill.fee_asset == rules.base:
            return 0.0, fee, fee * float(fill.price)
        coins = self.session.coins
        coins[fill.fee_asset] = coins.get(fill.fee_asset, Decimal(0)) + fill.fee
        rates = self.rates[m]
        rate = float(rates["maker"] if fill.is_maker else rates["taker"])
        return 0.0, 0.0, rate * float(fill.price * fill.amount)

    def _keep(self, link: Link) -> None:
        assert self.session.world is not None
        link.was = self.session.world["orders"][0, link.slot].tobytes()

    def _end(self, door: str, client_id: str) -> set[int]:
        """End the world's order once the venue's has ended and all its fills are booked."""
        order, link = self.session.trackers[door].orders.get(client_id), self.links.get(client_id)
        if order is None or link is None or not order.is_settled:
            return set()
        self.session.standing.ended(client_id)
        if link.slot < 0:
            return set()
        self._keep(link)
        assert self.session.world is not None
        status = ENDS.get(order.life, Status.CANCELLED)
        status = Status.CANCELLED if status == Status.FILLED else status  # whole, it has been closed by its fill
        reason = Reason.AT_VENUE if status == Status.REJECTED else Reason.NONE
        end_order_in(self.session.world, link.slot, status.value, reason.value)
        link.slot = NONE
        return {link.m}

    def flatten_all(self, first_row: int) -> None:
        """Ask for what brings every position back to nothing."""
        world = self.session.world
        assert world is not None
        for m, position in self.session.positions().items():
            if position:
                flatten(world[0], m, -1 if position > 0.0 else 1, abs(position), first_row)

    def forget_before(self, time_ms: int) -> None:
        """Drop orders that ended long ago; the journal knows them."""
        for tracker in self.session.trackers.values():
            old = [one for one in tracker.orders.values() if _is_old(one, time_ms)]
            for order in old:
                tracker.forget(order.intent.client_id)
                self.links.pop(order.intent.client_id, None)


def _is_old(order: Order, time_ms: int) -> bool:
    return order.is_settled and max(order.told_ms, order.sent_ms) < time_ms


def _decimal(value: Any, step: Decimal) -> Decimal:
    """A float in the shortest digits that mean it; one that a sum of floats left beside a step means the step."""
    exact = Decimal(repr(float(value)))
    if not step:
        return exact
    whole = (exact / step).to_integral_value() * step
    return whole if abs(whole - exact) <= step * NEAR else exact
