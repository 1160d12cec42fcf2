"""A session as bytes, and back: a snapshot only saves the time of folding. And its digest, to compare sessions by."""

from __future__ import annotations

import hashlib
import io
import pickle
import zlib
from typing import Any

import numpy as np

from workbench.controllers import Controller
from workbench.errors import DataError
from workbench.live.history import Bars
from workbench.live.plan import Plan
from workbench.live.session import Session
from workbench.trading import World, equip

FORMAT = 3
OUTBOXES = ("fills", "done_orders", "done_executors", "refusals")  # empty between two entries
ADDRESSES = ("kernels", "rare")
PLAIN = ("state", "number", "rules", "balances", "balances_ms", "paid", "funding", "given", "coins", "others", "now_ms",
         "closed_ms", "begun_ms", "hold", "is_ready", "reason", "refusals", "prepared", "trackers",
         "standing")  # fmt: skip
ROOMS = ("workbench.trading.", "workbench.connectors.", "workbench.market.")
ASKING = ("ask_ms", "asked")  # when to ask again is the runner's, and no part of the fold


def freeze(session: Session) -> bytes | None:
    """The session in a few kilobytes; None where a strategy keeps what cannot be kept."""
    state = {
        "format": FORMAT, "plain": {name: getattr(session, name) for name in PLAIN},
        "world": None if session.world is None else world_fields(session.world),
        "bars": [bars.frozen() for bars in session.history.bars], "heard": session.history.heard,
        "desk": {name: getattr(session.desk, name) for name in ("rates", "pending", "count", "next_id")},
        "links": {name: (one.order_id, one.slot, one.m, one.purpose, one.was)
                  for name, one in session.desk.links.items()},
        "waiting": {level: target.tobytes() for level, target in session.waiting.items()},
        "parameters": session.rows.bot.parameters, "memory": session.rows.memory,
    }  # fmt: skip
    try:
        blob = zlib.compress(pickle.dumps(state, protocol=5), 1)
        _read(blob)
    except (pickle.PickleError, DataError, TypeError, AttributeError):
        return None
    return blob


def thaw(blob: bytes, plan: Plan, bot: Controller) -> Session:
    """The session that was frozen.

    Raises
    ------
    DataError
        If it is damaged, or of another version: fold the journal from its start instead.
    """
    from workbench.live.desk import Link

    state = _read(blob)
    session = Session(plan, bot.vary(**state["parameters"]))
    for name, value in state["plain"].items():
        setattr(session, name, value)
    for name, value in state["desk"].items():
        setattr(session.desk, name, value)
    session.desk.links = {name: Link(*parts) for name, parts in state["links"].items()}
    session.history.bars = [Bars.thawed(frozen) for frozen in state["bars"]]
    session.history.heard, session.rows.memory = state["heard"], state["memory"]
    if state["world"] is not None:
        _fill_world(session, state["world"])
    from workbench.market import TARGET

    session.waiting = {level: np.frombuffer(one, TARGET).copy()[0] for level, one in state["waiting"].items()}
    return session


def _fill_world(session: Session, fields: dict[str, bytes]) -> None:
    world = session._new_world()
    for name, value in fields.items():
        kind = world.dtype[name]
        world[name] = np.frombuffer(value, kind.base).reshape((1, *kind.shape))
    session.world = world
    session.rows.equip(world, session._names())
    executors = world["executors"][0, : int(world["executors_top"][0])]
    equip(world, {int(kind) for kind in executors["kind"]} | {0})


def world_fields(world: World) -> dict[str, bytes]:
    """What is in a world, without addresses of this process and without what has been handed on."""
    names = [name for name in world.dtype.names or () if name not in (*OUTBOXES, *ADDRESSES)]
    return {name: np.ascontiguousarray(world[name]).tobytes() for name in names}


def digest(session: Session) -> str:
    """A hash over all that a fold makes of its entries; two sessions with the same one are the same, to the bit."""
    told = hashlib.sha256()
    if session.world is not None:
        for name, value in world_fields(session.world).items():
            told.update(name.encode() + value)
    for bars in session.history.bars:
        told.update(b"".join(bars.frozen()))
    for door, tracker in session.trackers.items():
        rows = [[getattr(order, name) for name in order.__slots__ if name not in ASKING]
                for order in tracker.orders.values()]  # fmt: skip
        told.update(repr((door, rows, tracker.strangers, tracker.strays)).encode())
    told.update(repr([getattr(session, name) for name in PLAIN if name not in ("trackers", "paid")]).encode())
    told.update(repr((sorted(session.paid), session.desk.links, session.desk.pending, session.desk.count)).encode())
    told.update(repr({level: target.tobytes() for level, target in session.waiting.items()}).encode())
    return told.hexdigest()


class _Unpickler(pickle.Unpickler):
    """Makes nothing but our own messages: a snapshot cannot run code."""

    def find_class(self, module: str, name: str) -> Any:
        """A class of ours, a decimal, or nothing."""
        if f"{module}.".startswith(ROOMS) or (module, name) in {("decimal", "Decimal"), ("builtins", "set")}:
            found = super().find_class(module, name)
            if isinstance(found, type):
                return found
        raise DataError(
            f"a snapshot holds {module}.{name}, which has no place in one. Fold the journal from its start."
        )


def _read(blob: bytes) -> dict[str, Any]:
    try:
        state = _Unpickler(io.BytesIO(zlib.decompress(blob))).load()
    except (zlib.error, pickle.PickleError, EOFError, ValueError, TypeError, KeyError, ImportError) as error:
        raise DataError(f"a snapshot cannot be read ({error}). Fold the journal from its start.") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise DataError("a snapshot is of another version. Fold the journal from its start.")
    return state
