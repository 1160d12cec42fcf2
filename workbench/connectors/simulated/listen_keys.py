"""Listen keys: what a user stream is opened with. A key lives for an hour after it was last heard of."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from workbench.connectors.simulated.refusals import BAD_LISTEN_KEY, refuse

if TYPE_CHECKING:
    from workbench.connectors.simulated.desk import Desk
    from workbench.connectors.simulated.endpoints import Call

LIFE = 3_600_000


def open_key(call: Call) -> Any:
    """The account's key, a new one if it has none; either way it lives for another hour."""
    desk, owner = call.desk, call.owner.name
    found = next((key for key, (account, _) in desk.listen_keys.items() if account == owner), None)
    key = found or secrets.token_hex(32)
    desk.listen_keys[key] = (owner, desk.clock.pace_ms() + LIFE)
    return {"listenKey": key}


def keep_key(call: Call) -> Any:
    """Let a key live for another hour. Futures know whose it is without being told."""
    desk, owner = call.desk, call.owner.name
    key = call.params.given("listenKey") or _own_key(desk, owner)
    if desk.listen_keys.get(key, ("", 0))[0] != owner:
        raise refuse(BAD_LISTEN_KEY)
    desk.listen_keys[key] = (owner, desk.clock.pace_ms() + LIFE)
    return {"listenKey": key} if desk.perpetual else {}


def close_key(call: Call) -> Any:
    """End a key and the streams that use it."""
    desk, owner = call.desk, call.owner.name
    key = call.params.given("listenKey") or _own_key(desk, owner)
    if desk.listen_keys.get(key, ("", 0))[0] != owner:
        raise refuse(BAD_LISTEN_KEY)
    del desk.listen_keys[key]
    desk.expire_key(key)
    return {}


def expired(desk: Desk) -> list[str]:
    """The keys whose hour is over; they are gone."""
    now = desk.clock.pace_ms()
    over = [key for key, (_, until) in desk.listen_keys.items() if until <= now]
    for key in over:
        del desk.listen_keys[key]
    return over


def _own_key(desk: Desk, owner: str) -> str:
    return next((key for key, (account, _) in desk.listen_keys.items() if account == owner), "")
