"""What a fault of ccxt means for a request: table 3.4 of the reliability notes, measured on ccxt 4.5.90.

For a request that changes something, whatever may have arrived is `Silent`: it is asked about, never sent again.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from workbench.connectors.errors import AlreadyThere, ClockOff, KeyRefused, NoFunds, NotThere, Throttled
from workbench.errors import Busy, Rejected, Silent, VenueError

# What reading an answer of another shape raises, in ccxt or in our parser.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)

DUPLICATE = {-4116}
KEY = {-2015, -2014, -1022, -1002}
CLOCK = {-1021}
UNKNOWN = {-1006, -1007, -1000, -1001}
OVERLOADED = {-1008}
GONE = {-2011, -2013}
_CODE = re.compile(r'"(?:code|retCode|sCode)"\s*:\s*"?(-?\d+)')


def translate(fault: BaseException, *, venue: str, instrument: str, request: str, changes: bool) -> VenueError:
    """The error of ours that says what to do.

    Parameters
    ----------
    fault : exception
        From ccxt, from its HTTP client, or from reading the answer.
    changes : bool
        Does the request change something at the venue? Then not knowing is `Silent`, otherwise it is `Busy`.
    """
    if isinstance(fault, VenueError):
        return fault
    named: dict[str, Any] = {"venue": venue, "instrument": instrument, "request": request}
    where = f"{instrument} on {venue}" if instrument else venue
    said = _said(fault)
    status, code = getattr(fault, "http_status", None), _code(said)
    text = f"{where}: {request}: {_line(said, fault)}."
    kind = _kind(fault, status, code, said, changes)
    if kind is Throttled:
        wait_s = _seconds(getattr(fault, "retry_after", None))
        asked = f"in {wait_s:g} s" if wait_s is not None else "later, a bounded number of times"
        return Throttled(f"{text} Too many requests; ask again {asked}.", wait_s=wait_s, **named)
    return kind(f"{text} {NEXT[kind]}", **named)


NEXT: dict[type[VenueError], str] = {
    AlreadyThere: "The venue has this client id: ask for the order.",
    KeyRefused: "Look at the key, its rights and the address it is bound to; nothing more is opened.",
    ClockOff: "It was not accepted; the clock is measured again.",
    NotThere: "The venue does not find the order; for one that it had accepted this proves nothing.",
    NoFunds: "Put in money or make the order smaller.",
    Rejected: "Change the request.",
    Busy: "It was not done; ask again later.",
    Silent: "It may have been done: ask the venue, do not send it again.",
}


def _kind(fault: BaseException, status: int | None, code: int | None, said: str, changes: bool) -> type[VenueError]:
    """The rows of the table, the surest first."""
    import ccxt

    unsure = Silent if changes else Busy
    if isinstance(fault, ccxt.DuplicateOrderId) or code in DUPLICATE or "duplicate order" in said.lower():
        return AlreadyThere
    if code in KEY or isinstance(fault, (ccxt.AuthenticationError, ccxt.AccountNotEnabled)):
        return KeyRefused
    if code in CLOCK or isinstance(fault, ccxt.InvalidNonce):
        return ClockOff
    if status in (418, 429) or isinstance(fault, (ccxt.DDoSProtection, ccxt.RateLimitExceeded)):
        return Throttled
    if _never_left(fault) or code in OVERLOADED or (status == 503 and _is_plainly_unavailable(said)):
        return Busy
    if code in UNKNOWN or (status is not None and status >= 500):
        return unsure
    if code in GONE or isinstance(fault, ccxt.OrderNotFound):
        return NotThere
    if isinstance(fault, ccxt.InsufficientFunds):
        return NoFunds
    if isinstance(fault, (ccxt.OperationFailed, ccxt.BadResponse)) or not isinstance(fault, ccxt.BaseError):
        return unsure
    if type(fault) is ccxt.ExchangeError and not (status is not None and 400 <= status < 500 and code is not None):
        return unsure  # an answer that nobody knows how to read, or one that broke off
    return Rejected


def _said(fault: BaseException) -> str:
    body = getattr(fault, "body", None)
    return body if isinstance(body, str) and body else str(fault)


def _code(said: str) -> int | None:
    found = _CODE.search(said)
    return int(found[1]) if found else None


def _never_left(fault: BaseException) -> bool:
    """Was there no connection at all, so that not a byte was sent?"""
    import aiohttp

    cause = fault.__cause__ or fault
    return (
        isinstance(cause, (aiohttp.ClientConnectorError, aiohttp.InvalidURL)) or type(cause) is ConnectionRefusedError
    )


def _is_plainly_unavailable(said: str) -> bool:
    # Binance: "Service Unavailable" in its own JSON means failed; any other 503 means nobody knows.
    try:
        answer = json.loads(said)
    except ValueError:
        return False
    return isinstance(answer, dict) and "service unavailable" in str(answer.get("msg", "")).lower()


def _line(said: str, fault: BaseException) -> str:
    if isinstance(fault, (TimeoutError, asyncio.TimeoutError)):
        return "no answer in time"
    line = (said.strip().splitlines() or [""])[0][:200] or type(fault).__name__
    return f"an answer that cannot be read ({type(fault).__name__}: {line})" if _is_unreadable(fault) else line


def _is_unreadable(fault: BaseException) -> bool:
    import ccxt

    return isinstance(fault, UNREADABLE) and not isinstance(fault, (ccxt.BaseError, OSError))


def _seconds(told: object) -> float | None:
    try:
        seconds = float(str(told))
    except ValueError:
        return None
    return seconds if 0.0 <= seconds < 1e7 else None
