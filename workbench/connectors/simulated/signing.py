"""Who asks, and when: keys, signatures over the very bytes that were sent, and the time window."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import unquote_plus

from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.clock import Clock, wall_ms
from workbench.connectors.simulated.params import Params
from workbench.connectors.simulated.refusals import (
    BAD_KEY,
    BAD_KEY_FORMAT,
    BAD_SIGNATURE,
    BAD_WINDOW,
    TOO_EARLY,
    TOO_LATE,
    missing,
    refuse,
)
from workbench.connectors.simulated.state import State

DEFAULT_WINDOW, MOST_WINDOW, AHEAD = 5_000, 60_000, 1_000


def hmac_of(secret: str, payload: str) -> str:
    """HMAC-SHA256 as the venue wants it, in hex."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def rest_payload(query: str, body: str) -> str:
    """What a REST request signs: query and body, one after the other, without the signature itself."""
    return _unsigned(query) + _unsigned(body)


def socket_payload(values: dict[str, str]) -> str:
    """What a request over the WebSocket API signs: its parameters sorted by name."""
    return "&".join(f"{name}={values[name]}" for name in sorted(values) if name != "signature")


def account_of(state: State, key: str | None) -> Account:
    """The account that a key belongs to."""
    if not key or not key.isalnum():
        raise refuse(BAD_KEY_FORMAT)
    name = state.names.get(key)
    if name is None:
        raise refuse(BAD_KEY)
    return state.accounts[name]


def check_signature(state: State, key: str | None, params: Params, payload: str) -> None:
    """Refuse a request whose signature is not that of its own bytes (or of the same before URL encoding)."""
    given = params.given("signature")
    if given is None:
        raise missing("signature")
    if not any(_fits(state, key or "", given, form) for form in (payload, unquote_plus(payload))):
        raise refuse(BAD_SIGNATURE)


def kind_of(state: State, key: str | None) -> str:
    """What an API key signs with, in the venue's words."""
    public = state.public_keys.get(key or "")
    return "HMAC_SHA256" if public is None else public.kind


def _fits(state: State, key: str, given: str, payload: str) -> bool:
    public = state.public_keys.get(key)
    if public is not None:
        return public.fits(given, payload)
    secret = state.accounts[state.names[key]].secret
    return hmac.compare_digest(given.lower().encode(), hmac_of(secret, payload).encode())


def check_time(clock: Clock, params: Params) -> None:
    """Refuse a request that comes outside of its window, or from the future.

    In a replay the market's time is not the client's. There a timestamp is also good if it fits the wall clock, and
    the window is as much longer as the replay is faster.
    """
    stamp, window = params.whole("timestamp"), params.whole("recvWindow", DEFAULT_WINDOW)
    if window > MOST_WINDOW:
        raise refuse(BAD_WINDOW)
    if stamp > 10**14:
        stamp //= 1_000  # microseconds
    stretch = 1.0 if clock.is_wall else max(1.0, clock.speed)
    late = _lateness(clock.server_ms(), stamp, window * stretch, AHEAD * stretch)
    if late and not clock.is_wall and not _lateness(wall_ms() + clock.skew_ms, stamp, window, AHEAD):
        late = 0
    if late:
        raise refuse(TOO_LATE if late > 0 else TOO_EARLY)


def _lateness(now: int, stamp: int, window: float, ahead: float) -> int:
    if stamp >= now + ahead:
        return -1
    return 1 if now - stamp > window else 0


def _unsigned(text: str) -> str:
    return "&".join(part for part in text.split("&") if part and not part.startswith("signature="))
