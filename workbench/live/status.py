"""What a run is and does, in plain values: what `status` answers, a panel shows and a terminal prints."""

from __future__ import annotations

from typing import Any

from workbench.live.work import Work
from workbench.log import warnings
from workbench.trading import Phase

OWN, SHOWN = "workbench.live", 10  # what the run warns of, it has in its own list


def status_of(work: Work) -> dict[str, Any]:
    """The state of a run, from its session; nothing is asked of a venue."""
    session, now = work.session, work.clock.now_ms()
    standing, world = session.standing, session.world
    found = {
        "state": session.state, "is_ready": session.is_ready, "number": session.number, "time_ms": now,
        "equity": session.equity(), "net": session.equity() - session.given,
        "start_equity": standing.start_equity, "peak": standing.equity.peak if standing.equity else session.equity(),
        "cash": float(world["quote"][0]) if world is not None else session.given,
        "fees": float(world["fees"][0]) if world is not None else 0.0, "funding": session.funding,
        "fees_in_coins": {asset: str(amount) for asset, amount in session.coins.items()},
        "row": int(world["row"][0]) if world is not None else 0, "closed_ms": session.closed_ms,
        "refusals": session.refusals, "is_tripped": standing.is_tripped, "warnings": told(work.warnings),
    }  # fmt: skip
    return {**found, "markets": _markets(work, now), "orders": _orders(work), "executors": _executors(work)}


def told(own: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last ten warnings: of the run, and what any other part of its process logged as one, by time."""
    logged = [
        {"time_ms": one.last_ms, "text": one.text, "source": one.source, "count": one.count}
        for one in warnings() if one.source != OWN
    ]  # fmt: skip
    return sorted([*own[-SHOWN:], *logged[-SHOWN:]], key=lambda one: int(one["time_ms"]))[-SHOWN:]


def _markets(work: Work, now: int) -> list[dict[str, Any]]:
    session, rows = work.session, []
    for m, place in enumerate(session.plan.markets):
        price, time_ms = work.heard.get(m, [None, 0])
        market = session.world["markets"][0, m] if session.world is not None else None
        rows.append({
            "venue": place.venue, "account": place.account, "instrument": place.instrument, "last": price,
            "age_ms": now - int(time_ms) if time_ms else None,
            "position": float(market["position"]) if market is not None else 0.0,
            "entry": float(market["entry"]) if market is not None and market["position"] else None,
        })  # fmt: skip
    return rows


def _orders(work: Work) -> list[dict[str, Any]]:
    return [
        {
            "client_id": order.intent.client_id, "door": door, "instrument": order.intent.instrument,
            "side": order.intent.side, "kind": order.intent.kind.name, "amount": str(order.amount),
            "price": None if order.price is None else str(order.price), "filled": str(order.filled),
            "life": order.life.name, "is_leaving": bool(order.cancel_ms), "sent_ms": order.sent_ms,
        }
        for door, tracker in work.session.trackers.items() for order in tracker.unsettled()
    ]  # fmt: skip


def _executors(work: Work) -> list[dict[str, Any]]:
    world = work.session.world
    if world is None:
        return []
    working = world["executors"][0, : int(world["executors_top"][0])]
    return [work.session.desk.executor_facts(one) for one in working if one["phase"] != Phase.FREE]
