"""Entries of a run's journal as what a panel shows of them: fills, equity, and lines of a log with levels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Item = dict[str, Any]
DEBUG, INFO, WARN, ERROR = "debug", "info", "warn", "error"
SIDES = {1: "buy", -1: "sell"}


def items_of(entry: Any, names: dict[str, str]) -> Iterator[Item]:
    """What one entry adds to a panel; `names` keeps our id of each order by the venue's: fills may have no other."""
    body = entry.body if isinstance(entry.body, Mapping) else {}
    report = body.get("report")
    if report is not None and report.venue_id:
        names[report.venue_id] = report.client_id
    if entry.kind == "fill":
        yield fill_item(entry.number, body["fill"], names)
    elif entry.kind == "equity":
        yield {"as": "equity", "number": entry.number, "time_ms": body["time_ms"], "equity": body["equity"]}
    say = WORDS.get(entry.kind)
    told = say(body) if say is not None else None
    if told is not None:
        yield {"as": "log", "number": entry.number, "time_ms": entry.time_ms, "level": told[0], "text": told[1]}


def fill_item(number: int, fill: Any, names: dict[str, str]) -> Item:
    """A fill with the venue's own digits."""
    return {
        "as": "fill", "number": number, "time_ms": fill.time_ms, "instrument": fill.instrument, "side": fill.side,
        "price": f"{fill.price:f}", "amount": f"{fill.amount:f}", "fee": f"{fill.fee:f}", "fee_asset": fill.fee_asset,
        "is_maker": fill.is_maker, "client_id": fill.client_id or names.get(fill.venue_id, fill.venue_id),
    }  # fmt: skip


Told = tuple[str, str] | None


def _fill(body: Mapping[str, Any]) -> Told:
    fill = body["fill"]
    did = "bought" if fill.side > 0 else "sold"
    return INFO, f"{did} {fill.amount:f} {fill.instrument} at {fill.price:f}, fee {fill.fee:f} {fill.fee_asset}"


def _intent(body: Mapping[str, Any]) -> Told:
    intent = body["intent"]
    price = f" at {intent.price:f}" if intent.price is not None else ""
    kind = intent.kind.name.lower().replace("_", " ")
    return (
        DEBUG,
        f"{kind} order: {SIDES[intent.side]} {intent.amount:f} {intent.instrument}{price} ({intent.client_id})",
    )


def _answered(body: Mapping[str, Any]) -> Told:
    if body.get("unanswered"):
        return WARN, f"no answer to {body['client_id']}: the venue is asked what became of it"
    if body.get("refused"):
        return WARN, f"the venue refused {body['client_id']}: {body.get('reason', '')}"
    return None


def _stopped(body: Mapping[str, Any]) -> Told:
    left = ", ".join(body.get("left") or [])
    return (WARN if left else INFO), f"ended: {body.get('why', '')}" + (f"; left: {left}" if left else "")


def _killed(body: Mapping[str, Any]) -> Told:
    said = body.get("says") or body.get("reason") or f"asked for by {body.get('who') or 'its limits'}"
    return ERROR, f"kill switch: {said}"


def _values(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())


def _prepared(body: Mapping[str, Any]) -> Told:
    before = _values(body.get("before", {}))
    return INFO, f"{_values(body['parameters'])} lies ready, in place of {before} ({body.get('who', '')})"


def _cancelled(body: Mapping[str, Any]) -> Told:
    return None if body.get("acknowledged") else (WARN, f"the venue did not confirm that {body['client_id']} is gone")


def _by(what: str, level: str = INFO) -> Callable[[Mapping[str, Any]], Told]:
    return lambda body: (level, f"{what} by {body['who']}" if body.get("who") else what)


WORDS: dict[str, Callable[[Mapping[str, Any]], Told]] = {
    "fill": _fill, "intent": _intent, "answered": _answered, "stopped": _stopped, "killed": _killed,
    "prepared": _prepared, "cancelled": _cancelled,
    "cancel": lambda body: (DEBUG, f"cancels {body['client_id']}"),
    "planned": lambda body: (INFO, f"planned: {body['bot']['path'].rpartition(':')[2]}"),
    "started": lambda body: (INFO, f"runner started, process {body.get('pid')}"),
    "ready": lambda body: (INFO, "ready: the bot speaks"),
    "paused": _by("paused", WARN), "resumed": _by("resumed"), "stopping": _by("stopping", WARN),
    "updated": lambda body: (INFO, f"{_values(body['parameters'])} took over ({body.get('who', '')})"),
    "dropped": lambda body: (WARN, str(body.get("why", ""))),
    "warning": lambda body: (WARN, str(body.get("text") or body.get("reason", ""))),
    "refused": lambda body: (WARN, f"not sent: {body.get('reason') or body.get('sentence') or body.get('limit', '')}"),
    "external": lambda body: (WARN, "an order or fill of this account that is not this run's"),
    "missing": lambda body: (WARN, f"the venue does not know {body['client_id']}"),
}  # fmt: skip
SHOWN = sorted({*WORDS, "equity"})
