"""One order in a recorded book, slowly and in plain Python: what it should get, and when; no code of ours."""

from __future__ import annotations

from typing import Any

from .made_books import Script

FAR = 1e-9


def filled(script: Script, *, arrives_ms: int, price: float, amount: float, side: int, model: str, power: float | None):
    """Fills of one limit order that comes at a time: a list of (ms after the start, price, amount, maker)."""
    order = Order(price, amount, side, model, power)
    book: dict[str, dict[float, float]] = {"b": {}, "a": {}}
    waiting = True
    for ms, kind, what in _events(script):
        if waiting and ms >= arrives_ms:
            order.arrive(arrives_ms, book)
            waiting = False
        if kind == "trade":
            if not waiting:
                order.see_trade(ms, what)
        else:
            for level in what:
                _set(book[level["side"]], level["price"], level["qty"])
            if not waiting:
                order.see_book(ms, book)
    return order.fills


def _events(script: Script) -> list[tuple[int, str, Any]]:
    start = script.depth[0]["event_ms"]
    messages: dict[int, list[Any]] = {}
    for level in script.depth:
        messages.setdefault(level["final_update_id"], []).append(level)
    events = [(t["event_ms"] - start, 0, k, "trade", t) for k, t in enumerate(script.trades)]
    events += [(m[0]["event_ms"] - start, 1, number, "book", m) for number, m in messages.items()]
    return [(ms, kind, what) for ms, _, _, kind, what in sorted(events, key=lambda one: one[:3])]


def _set(side: dict[float, float], price: float, qty: float) -> None:
    if qty:
        side[price] = qty
    else:
        side.pop(price, None)


class Order:
    """A limit order, and who stands before and behind it at its price."""

    def __init__(self, price: float, amount: float, side: int, model: str, power: float | None) -> None:
        self.price, self.left, self.side, self.model, self.power = price, amount, side, model, power
        self.own, self.other = ("b", "a") if side > 0 else ("a", "b")
        self.before = self.behind = 0.0
        self.fills: list[tuple[int, float, float, bool]] = []

    def fill(self, ms: int, price: float, amount: float, maker: bool) -> None:
        part = min(amount, self.left)
        if part > FAR:
            self.left -= part
            self.fills.append((ms, price, part, maker))

    def arrive(self, ms: int, book: dict[str, dict[float, float]]) -> None:
        for price in sorted(book[self.other], key=lambda p: self.side * p):
            if self.side * (price - self.price) <= FAR:
                self.fill(ms, price, book[self.other][price], False)
        self.before = book[self.own].get(self.price, 0.0)

    def see_trade(self, ms: int, trade: dict[str, Any]) -> None:
        took = -1 if trade["buyer_is_maker"] else 1
        if took == self.side:
            return
        beyond = self.side * (self.price - trade["price"])
        if beyond > FAR or (abs(beyond) <= FAR and self.model == "touch"):
            self.fill(ms, self.price, trade["qty"], True)
        elif abs(beyond) <= FAR and self.model == "queue":
            through = trade["qty"] - self.before
            self.before -= min(self.before, trade["qty"])
            if through > FAR:
                self.fill(ms, self.price, through, True)
                self.behind = max(self.behind - max(through - self.fills[-1][2], 0.0), 0.0)

    def see_book(self, ms: int, book: dict[str, dict[float, float]]) -> None:
        best = min((self.side * p for p in book[self.other]), default=float("inf"))
        gap = best - self.side * self.price
        if gap < -FAR or (abs(gap) <= FAR and self.model != "through"):
            self.fill(ms, self.price, float("inf"), True)
            return
        now = book[self.own].get(self.price, 0.0)
        gone = self.before + self.behind - now
        if gone > 0.0 and self.before > 0.0:
            share = 0.0
            if self.power is not None:
                share = self.before**self.power / (self.before**self.power + self.behind**self.power)
            self.before = max(self.before - share * gone - max((1.0 - share) * gone - self.behind, 0.0), 0.0)
        self.before = min(self.before, now)
        self.behind = now - self.before
