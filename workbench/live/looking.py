"""What somebody who looks on sees: the status, money at the price heard last, the book, and what may be changed."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from workbench.live.status import status_of
from workbench.live.words import plain
from workbench.live.work import Work

LEVELS = 12  # of the book, on each side


def look_at(work: Work) -> dict[str, Any]:
    """`status_of`, with what changes from price to price. Nothing is asked of a venue."""
    found = status_of(work)
    found["markets"] = [{**one, **_prices(work, m, one)} for m, one in enumerate(found["markets"])]
    return finite({**found, **_money(work, found), "bot": about(work)})


def about(work: Work) -> dict[str, Any]:
    """The strategy, its parameters, which of them may change while it trades, and the set that lies ready."""
    bot, prepared = work.session.rows.bot, work.session.prepared
    ready = None if prepared is None else {**plain(prepared), "is_armed": work.armed == prepared["ticket"]}
    return {"name": bot.name, "parameters": plain(bot.parameters), "hot": hot_fields(type(bot)), "prepared": ready,
            "timeframe": work.session.plan.timeframe, "bar_ends_ms": bar_end(work)}  # fmt: skip


@cache
def hot_fields(kind: Any) -> dict[str, Any]:
    """The JSON schema of each parameter that may change while it trades."""
    schema = kind.model_json_schema()["properties"]
    return {name: plain(field) for name, field in schema.items() if field.get("hot")}


def bar_end(work: Work) -> int:
    """When the bar ends that is open now, UTC milliseconds."""
    length = work.session.history.length_ms
    return (work.clock.now_ms() // length + 1) * length


def finite(value: Any) -> Any:
    """The same without what JSON has no word for: NaN and infinities become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(one) for name, one in value.items()}
    return [finite(one) for one in value] if isinstance(value, list | tuple) else value


def _money(work: Work, found: dict[str, Any]) -> dict[str, Any]:
    """Net is realised plus unrealised, less fees, with funding; positions are worth the price that was heard last."""
    moved = sum(one["moved"] for one in found["markets"])
    unrealised = sum(one["unrealised"] for one in found["markets"])
    equity = found["equity"] + moved
    net = equity - work.session.given
    realised = net - unrealised + found["fees"] - found["funding"]
    return {"equity": equity, "cash_start": work.session.given, "pnl": {
        "net": net, "realised": realised, "unrealised": unrealised, "fees": found["fees"], "funding": found["funding"],
    }}  # fmt: skip


def _prices(work: Work, m: int, told: dict[str, Any]) -> dict[str, Any]:
    world, last, position = work.session.world, told["last"], told["position"]
    known = float(world["markets"][0, m]["last"]) if world is not None else math.nan
    moved = position * (last - known) if position and last is not None and math.isfinite(known) else 0.0
    price, entry = last if last is not None else known, told["entry"]
    open_ = position * (price - entry) if entry is not None and math.isfinite(price) else 0.0
    return {"moved": moved, "unrealised": open_, "book": _book(work, m)}


def _book(work: Work, m: int) -> dict[str, Any]:
    place = work.session.plan.markets[m]
    book = work.connectors[place.door].book(place.instrument)
    if book.stale:
        return {"stale": book.stale, "bids": [], "asks": []}
    return {"stale": "", "bids": book.levels(1, LEVELS), "asks": book.levels(-1, LEVELS)}
