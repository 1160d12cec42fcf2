"""Who is let in at a run's sockets, and what a request must look like before anything is done with it.

A web page cannot reach a UNIX socket; the token, the peer's user and the refusal of everything that a browser sends
are there for the day on which something passes requests on.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any

from workbench.errors import ConfigError

PROTOCOL = 1
HOST = b"workbench"
TOKEN, VERSION, WHO = b"x-workbench-token", b"x-workbench-protocol", b"x-workbench-who"
MOST_BODY, MOST_HEADERS, MOST_PATH, MOST_WHO = 65_536, 8_192, 512, 80
FREE_FAILURES, PENALTY_S = 5, 1.0
BROWSERS = (b"origin", b"cookie", b"referer", b"authorization")
CREDENTIALS = struct.Struct("3i")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Denied(Exception):
    """Why a request is not served."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def make_token(path: Path) -> str:
    """A new token of 32 bytes, written to a file that its owner alone can read."""
    token = secrets.token_hex(32)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(token)
    os.replace(draft, path)
    return token


def ensure_token(path: Path) -> str:
    """The token that lies there, or a new one.

    Raises
    ------
    ConfigError
        If others than its owner can read it, or it is a link.
    """
    if not path.exists():
        return make_token(path)
    found = path.lstat()
    if path.is_symlink() or found.st_mode & 0o077 or found.st_uid != os.getuid():
        raise ConfigError(f"{path} may be read by others or is not ours. Delete it; a new one is made.")
    return path.read_text().strip()


def peer(connection: Any) -> tuple[int, int]:
    """Process and user at the other end of a UNIX socket."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    process, user, _ = CREDENTIALS.unpack(raw)
    return process, user


class Admission:
    """In front of the app: checks what every request must carry, counts failures, and cuts bodies that are too long."""

    def __init__(self, app: App, token: str, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.app, self._token, self._sleep = app, token.encode(), sleep
        self.failures = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or say why not."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        try:
            self._check(scope)
        except Denied as denied:
            await self._deny(denied, scope, receive, send)
            return
        await self.app(scope, receive, _stamped(send))

    def _check(self, scope: Scope) -> None:
        headers = list(scope["headers"])
        if _only(headers, b"host") != HOST:
            raise Denied(403, "the Host is not ours")
        for name in BROWSERS:
            if any(given == name for given, _ in headers):
                raise Denied(403, f"a request with {name.decode()} comes from a browser, and none is served")
        if not hmac.compare_digest(_only(headers, TOKEN), self._token):
            raise Denied(401, "the token is missing or wrong")
        self.failures = 0
        if {b"content-length", b"transfer-encoding"} <= {given for given, _ in headers}:
            raise Denied(400, "two lengths of a body")
        if sum(len(given) + len(value) for given, value in headers) > MOST_HEADERS:
            raise Denied(431, f"the headers have more than {MOST_HEADERS} bytes")
        if len(scope["raw_path"]) + len(scope["query_string"]) > MOST_PATH or b"token" in scope["query_string"]:
            raise Denied(400, "the address is too long, or carries a token")
        self._check_version(_only(headers, VERSION), scope["path"])

    def _check_version(self, given: bytes, path: str) -> None:
        if given != str(PROTOCOL).encode() and path != "/hello":
            raise Denied(
                426, f"this run speaks version {PROTOCOL} of the control protocol, the request {given.decode()!r}"
            )

    async def _deny(self, denied: Denied, scope: Scope, receive: Receive, send: Send) -> None:
        self.failures += denied.status == 401
        if self.failures > FREE_FAILURES:
            await self._sleep(PENALTY_S)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        await answer(_stamped(send), denied.status, {"error": denied.reason})


async def answer(send: Send, status: int, body: Any) -> None:
    """One JSON answer; the connection is closed after it."""
    raw = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})


def _stamped(send: Send) -> Send:
    """Every answer names the protocol, is kept by nobody, and ends its connection."""

    async def stamped(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = [(VERSION, str(PROTOCOL).encode()), (b"connection", b"close"), (b"cache-control", b"no-store")]
            message["headers"] = [*message.get("headers", []), *own]
        await send(message)

    return stamped


def _only(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """The value of a header that is there once; else nothing."""
    found = [value for given, value in headers if given == name]
    return found[0] if len(found) == 1 else b""


def plain_json(raw: bytes) -> dict[str, Any]:
    """An object of a request's body; names that come twice, NaN and infinities are refused."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("a name comes twice")
        return dict(pairs)

    def no_constant(name: str) -> Any:
        raise ValueError(f"{name} is no number")

    try:
        body = json.loads(raw, object_pairs_hook=once, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise Denied(400, f"the body is no JSON: {str(error)[:120]}") from error
    if not isinstance(body, dict):
        raise Denied(400, "the body is no JSON object")
    return body
