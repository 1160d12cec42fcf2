"""One run, watched for any number of panels: its live values as they come, and what its journal adds.

A thread does all that waits: it listens at the run's socket, asks how things stand when nobody answers there, and reads
the journal. So the event loop of the Jupyter server, which passes the keys of every kernel on, waits for none of it.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.live import Client, NotReached, Run, RunFolder
from workbench.panels.listing import worth

if TYPE_CHECKING:
    from workbench.panels.telling import Item

READ_S, STAND_IN_S, HEAD_S = 0.2, 0.5, 1.0
MOST = {"fill": 500, "log": 500, "equity": 1_500}
MOST_NAMES = 10_000
COLUMNS = ("number", "instrument", "side", "price", "amount", "fee", "fee_asset", "is_maker")
GONE = ("stopped", "killed", "refused", "dead", "down", "left")
Publish = Callable[[str, list[str]], None]


class Watch:
    """A thread over one run, for as long as somebody looks on.

    Parameters
    ----------
    folder : RunFolder
        Of the run; it may be at work or over.
    publish : callable
        Takes the state as JSON, and the new items of the journal, each as JSON; called from the thread.
    """

    def __init__(self, folder: RunFolder, publish: Publish) -> None:
        self.folder, self._publish = folder, publish
        self._kept: dict[str, deque[str]] = {name: deque(maxlen=most) for name, most in MOST.items()}
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._past: Any = None
        self._number, self._read_s = 0, 0.0
        self._sliders: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._whose = ""
        self.state = ""
        threading.Thread(target=self._run, name=f"watch {folder.path.name}", daemon=True).start()

    def close(self) -> None:
        """End the thread soon."""
        self._ended.set()

    def kept(self) -> tuple[str, list[str]]:
        """The state that was told last, and all items that are kept: what a new panel begins with."""
        with self._lock:
            return self.state, [item for items in self._kept.values() for item in items]

    # --- the thread ---

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                try:
                    self._listen()
                except WorkbenchError as error:
                    self._stand_in(error)
        finally:
            if self._past is not None:
                self._past.close()

    def _listen(self) -> None:
        """Ten looks a second from the run itself; it raises when there are none."""
        for look in Client(self.folder, who="panel").watch():
            look["heard_ms"] = round(time.time() * 1e3)
            self._add_sliders(look.get("bot") or {})
            self._tell(look)
            if self._ended.is_set():
                return
        raise NotReached(f"{self.folder.path.name} closed its channel.")

    def _add_sliders(self, bot: dict[str, Any]) -> None:
        """Bounds and step of each number that may be changed, as `wb.tune` has them; they stay while we look."""
        for name, field in bot.get("hot", {}).items():
            if name not in self._sliders:
                self._sliders[name] = slider_of(field, bot["parameters"][name])
            field["slider"] = self._sliders[name]

    def _stand_in(self, error: WorkbenchError) -> None:
        """The runner does not speak: say how the run stands, seen from outside."""
        run = Run(self.folder, who="panel")
        try:
            status = dict(run.status())
        except WorkbenchError as failed:
            status = {"name": self.folder.path.name, "state": "unreadable", "reason": str(failed)}
        if status.get("runner") and not isinstance(error, NotReached):
            status = {**status["runner"], "reason": str(error)}
        status.pop("runner", None)
        status["what"] = _what(self.folder)
        status.pop("bot", None)
        if status["state"] in GONE and (last := worth(self.folder, {})):
            pnl = {name: last[name] for name in ("net", "fees", "funding")}
            status = {"equity": last["equity"], "pnl": pnl, "held": last["held"], **status}
        self._tell({**status, "is_silent": True, "heard_ms": round(time.time() * 1e3)})
        self._ended.wait(STAND_IN_S if status["state"] not in GONE else HEAD_S)

    def _forget(self, run: str) -> None:
        """A run of this name was begun anew: nothing of the one before belongs to it."""
        if self._past is not None:
            self._past.close()
        self._past, self._number, self._whose = None, 0, run
        self._names.clear()
        with self._lock:
            for items in self._kept.values():
                items.clear()

    def _tell(self, state: dict[str, Any]) -> None:
        if state.get("run", self._whose) != self._whose:
            self._forget(state["run"])
        fresh = self._read(state.get("number"))
        text = json.dumps(state, allow_nan=False, default=str)
        with self._lock:
            self.state = text
            for item in fresh:
                self._kept[item["as"]].append(json.dumps(item))
        self._publish(text, [json.dumps(item) for item in fresh])

    def _read(self, number: int | None) -> list[Item]:
        """What the journal has that was not told yet."""
        now_s = time.monotonic()
        pause_s = READ_S if number is not None else HEAD_S
        if now_s - self._read_s < pause_s or (number is not None and number <= self._number):
            return []
        self._read_s = now_s
        try:
            return list(self._new_items())
        except WorkbenchError:
            return []  # it has written nothing yet, or cannot be read now: the state says the rest

    def _new_items(self) -> Iterator[Item]:
        from workbench.panels.telling import items_of

        if self._past is None:
            yield from self._first_items()
            return
        for entry in self._past.entries(after=self._number):
            self._number = entry.number
            yield from items_of(entry, self._names)

    def _first_items(self) -> Iterator[Item]:
        """The tables say what was, without folding a journal of months."""
        from workbench.journal import Past
        from workbench.live import Plan

        plan = Plan.read(self.folder.path)
        past = Past.open(plan.journal or self.folder.journal_url, run=plan.run)
        last = past.last()
        yield from kept_items(past, self._names)
        self._past, self._number = past, last


def _what(folder: RunFolder) -> str:
    """Strategy, markets and bar of a run, from its plan."""
    from workbench.live import Plan

    try:
        plan = Plan.read(folder.path)
    except WorkbenchError:
        return ""
    names = ", ".join(place.instrument for place in plan.markets)
    return f"{plan.bot.path.rpartition(':')[2]} · {names} · {plan.timeframe}"


def slider_of(field: dict[str, Any], value: Any) -> dict[str, float] | None:
    """Lowest, highest and step of the slider of a number; None for what is none."""
    from workbench.panels.controls import bounds

    kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
    merged = {**field, **kinds[0]} if kinds else field
    if merged.get("type") not in ("integer", "number"):
        return None
    least, most, step = bounds(merged, value, merged["type"] == "integer")
    return {"min": least, "max": most, "step": step}


def kept_items(past: Any, names: dict[str, str]) -> Iterator[Item]:
    """The latest fills, the curve of equity thinned, and the last lines of the log."""
    from workbench.panels.telling import SHOWN, items_of

    orders = past.orders().select("venue_id", "client_id").tail(MOST_NAMES)
    names.update({venue_id: client_id for venue_id, client_id in orders.iter_rows() if venue_id})
    fills = past.fills(exact=True).tail(MOST["fill"])
    for row in fills.iter_rows(named=True):
        told = {name: row[name] for name in COLUMNS}
        told["client_id"] = row["client_id"] or names.get(row["venue_id"], row["venue_id"])
        yield {"as": "fill", "time_ms": round(row["time"].timestamp() * 1e3), **told}
    curve = past.equity()
    for row in curve.gather_every(max(1, -(-len(curve) // MOST["equity"]))).iter_rows(named=True):
        yield {"as": "equity", "number": row["number"], "time_ms": round(row["time"].timestamp() * 1e3),
               "equity": row["equity"]}  # fmt: skip
    texts = past.events([kind for kind in SHOWN if kind != "equity"]).tail(MOST["log"])
    for row in texts.iter_rows(named=True):
        yield from (item for item in items_of(as_entry(row), names) if item["as"] == "log")


def as_entry(row: dict[str, Any]) -> Any:
    """An entry from a row of `Past.events`."""
    from types import SimpleNamespace

    from workbench.journal import from_text

    time_ms = round(row["time"].timestamp() * 1e3)
    return SimpleNamespace(number=row["number"], time_ms=time_ms, kind=row["kind"], body=from_text(row["body"]))
