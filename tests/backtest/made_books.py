"""Recordings of books, written down message by message, or wandering at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

import workbench as wb
from workbench.market import Instrument, Recording

START_MS = 1_704_067_200_000
BUY, SELL = 1, -1


@dataclass
class Script:
    """What a venue told, in its order; times are ms after the start, and the first message is the whole book."""

    bids: Mapping[float, float]
    asks: Mapping[float, float]
    symbol: str = "BTC/USDT"
    tick: float = 0.1
    lot: float = 0.0
    late_ms: int = 0  # how long everything took to reach us
    depth: list[dict[str, Any]] = field(default_factory=list)
    trades: list[dict[str, Any]] = field(default_factory=list)
    quotes: list[dict[str, Any]] = field(default_factory=list)
    number: int = 100

    def __post_init__(self) -> None:
        self._levels(0, self.bids, self.asks, first=None, is_snapshot=True)

    def _levels(self, ms: int, bids: Any, asks: Any, *, first: int | None, is_snapshot: bool) -> None:
        head = self._head(ms) | {
            "first_update_id": first, "final_update_id": self.number, "prev_final_update_id": None,
            "is_snapshot": is_snapshot,
        }  # fmt: skip
        for side, levels in (("b", bids), ("a", asks)):
            self.depth += [head | {"side": side, "price": price, "qty": qty} for price, qty in levels.items()]

    def _head(self, ms: int) -> dict[str, int]:
        return {"local_ns": (START_MS + ms + self.late_ms) * 1_000_000, "event_ms": START_MS + ms}

    def change(self, ms: int, bids: Any = {}, asks: Any = {}) -> Script:  # noqa: B006 - only read
        """Levels that show another amount; 0 removes one."""
        self.number += 1
        self._levels(ms, bids, asks, first=self.depth[-1]["final_update_id"] + 1, is_snapshot=False)
        return self

    def trade(self, ms: int, price: float, amount: float, side: int) -> Script:
        """A trade, and who took."""
        print_ = {"trade_id": len(self.trades) + 1, "price": price, "qty": amount, "buyer_is_maker": side < 0}
        self.trades.append(self._head(ms) | print_)
        return self

    def quote(self, ms: int, bid: float, bid_qty: float, ask: float, ask_qty: float) -> Script:
        """A best bid and ask, newer than the last change."""
        self.number += 1
        self.quotes.append(
            self._head(ms) | {"update_id": self.number, "bid": bid, "bid_qty": bid_qty, "ask": ask, "ask_qty": ask_qty}
        )
        return self

    def tables(self) -> dict[str, pl.DataFrame]:
        """Frames with the columns of `wb.data.record`."""
        whole = {"depth": self.depth, "trades": self.trades, "quotes": self.quotes}
        return {name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in whole.items() if rows}

    def recording(self, **terms: Any) -> Recording:
        """What `wb.data.book` makes of it."""
        kind = Instrument.parse(self.symbol, tick=self.tick, lot=self.lot)
        return wb.data.book("made", kind, **self.tables(), **terms)


def wandering(seed: int, n: int = 400, **terms: Any) -> Script:
    """A book of a few levels a side around a price that wanders, with trades that take what they say they take."""
    rng = np.random.default_rng(seed)
    tick, middle = 0.1, 1000
    amount = lambda: float(rng.integers(1, 20))  # noqa: E731
    bids = {middle - k: amount() for k in range(1, 6)}
    asks = {middle + k: amount() for k in range(1, 6)}
    price = lambda place: round(place * tick, 1)  # noqa: E731
    script = Script(*({price(p): a for p, a in side.items()} for side in (bids, asks)), tick=tick, **terms)
    now = 0
    for _ in range(n):
        now += int(rng.integers(1, 60))
        side = BUY if rng.random() < 0.5 else SELL
        book, sign = (asks, 1) if side == BUY else (bids, -1)
        best = sign * min(sign * p for p in book)
        kind = rng.random()
        if kind < 0.4:  # a trade that takes some of the best level, or all of it
            size = min(float(rng.integers(1, 12)), book[best])
            script.trade(now, price(best), size, side)
            book[best] -= size
        else:  # somebody adds or cancels, sometimes inside the spread
            place = best + sign * int(rng.integers(-1, 4))
            other = bids if side == BUY else asks
            if any(sign * p >= sign * place for p in other):
                continue
            best = place
            book[best] = max(book.get(best, 0.0) + float(rng.integers(-8, 9)), 0.0)
        if not book.get(best) and len(book) == 1:
            book[best] = 1.0
        new = {price(best): book[best]}
        if not book[best]:
            del book[best]
        edge = sign * max(sign * p for p in book)
        if len(book) < 5:
            book[edge + sign] = amount()
            new[price(edge + sign)] = book[edge + sign]
        script.change(now, **{"asks" if side == BUY else "bids": new})
    return script
