"""The control channel: HTTP and a WebSocket over a UNIX socket, in the event loop of the process that it commands.

The runner and its supervisor each have one; what a request may ask is what the object behind it can do (`Commands`, or
a part of it). No TCP port is opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

from workbench import __version__
from workbench.errors import WorkbenchError
from workbench.live.admission import (
    MOST_BODY,
    MOST_HEADERS,
    MOST_WHO,
    PROTOCOL,
    WHO,
    Admission,
    Denied,
    peer,
    plain_json,
)

LOOKS_PER_S = 10
PATIENCE_S = 5.0  # for a request to be whole, and for a follower to take what it asked for
GOODBYE_S = 1.0
MOST_CONNECTIONS, MOST_FOLLOWERS, MOST_WAITING = 64, 16, 1_000
TAKES: dict[str, dict[str, type]] = {
    "pause": {}, "resume": {}, "stop": {"hold": bool}, "kill": {"flatten": bool}, "update": {"parameters": dict},
    "prepare": {"parameters": dict}, "commit": {"ticket": int}, "discard": {"ticket": int},
}  # fmt: skip


class Control:
    """The server of one socket.

    Parameters
    ----------
    commands : object
        Whose methods are served: those of `Commands` that it has.
    path : Path
        Of the socket, in a folder that its owner alone can enter.
    token : str
        What every request must carry.
    """

    def __init__(self, commands: Any, path: Path, token: str, *, facts: dict[str, Any] | None = None) -> None:
        self.commands, self.path = commands, path
        self._facts = {"protocol": PROTOCOL, "version": __version__, "pid": os.getpid(), **(facts or {})}
        self._followers = 0
        self.admission = Admission(self._app(), token)
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; a socket that a dead process left behind is replaced."""
        listener = _listen(self.path)
        config = uvicorn.Config(
            self.admission, http=_Peered, ws="websockets-sansio", lifespan="off", log_config=None, access_log=False,
            server_header=False, date_header=False, proxy_headers=False, limit_concurrency=MOST_CONNECTIONS,
            h11_max_incomplete_event_size=2 * MOST_HEADERS, ws_max_size=4_096, timeout_keep_alive=1,
            timeout_graceful_shutdown=1, backlog=64,
        )  # fmt: skip
        self._server = _Server(config)
        self._serving = asyncio.ensure_future(self._server.serve(sockets=[listener]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """Serve nobody any more, and take the socket away."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.gather(self._serving, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    def _app(self) -> Starlette:
        routes: list[Any] = [Route("/hello", self._hello, methods=["GET"])]
        for name, serve in (("status", self._status), ("events", self._events)):
            if hasattr(self.commands, name):
                routes.append(Route(f"/{name}", serve, methods=["GET"]))
        routes += [Route(f"/{name}", self._command, methods=["POST"]) for name in TAKES if hasattr(self.commands, name)]
        if hasattr(self.commands, "follow"):
            routes.append(WebSocketRoute("/follow", self._follow))
        if hasattr(self.commands, "look"):
            routes.append(WebSocketRoute("/watch", self._watch))
        return Starlette(routes=routes, exception_handlers={Denied: _denied, WorkbenchError: _cannot})

    # --- what is served ---

    async def _hello(self, request: Request) -> Response:
        _numbers(request)
        return JSONResponse(self._facts)

    async def _status(self, request: Request) -> Response:
        _numbers(request)
        return JSONResponse(self.commands.status())

    async def _events(self, request: Request) -> Response:
        asked = _numbers(request, after=0, limit=200)
        found = self.commands.events(after=asked["after"], limit=min(max(asked["limit"], 1), 1_000))
        return JSONResponse({"events": found})

    async def _command(self, request: Request) -> Response:
        _numbers(request)
        name = request.url.path[1:]
        given = await _body(request, TAKES[name])
        return JSONResponse(await getattr(self.commands, name)(**given, who=_who(request)))

    async def _follow(self, socket_: WebSocket) -> None:
        try:
            after = _numbers(socket_, after=0)["after"]
        except Denied:
            await socket_.close(1008)
            return
        if self._followers >= MOST_FOLLOWERS:
            await socket_.close(1013)
            return
        await socket_.accept()
        self._followers += 1
        try:
            await _pass_on(self.commands.follow(after=after), socket_)
        finally:
            self._followers -= 1

    async def _watch(self, socket_: WebSocket) -> None:
        """Tell ten times a second at most how it stands; what is not taken in time ends it, and nothing queues up."""
        if socket_.query_params or self._followers >= MOST_FOLLOWERS:
            await socket_.close(1013)
            return
        await socket_.accept()
        self._followers += 1
        tasks = [asyncio.ensure_future(work) for work in (self._show(socket_), _listen_for_end(socket_))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._followers -= 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _show(self, to: WebSocket) -> None:
        while True:
            async with asyncio.timeout(PATIENCE_S):
                await to.send_json(self.commands.look())
            await asyncio.sleep(1.0 / LOOKS_PER_S)


async def _pass_on(entries: AsyncIterator[Any], to: WebSocket) -> None:
    """Send what comes, through a queue with an end: a follower that is too slow is let go, and asks again."""
    waiting: asyncio.Queue[Any] = asyncio.Queue(MOST_WAITING)
    tasks = [asyncio.ensure_future(work) for work in (_fill(waiting, entries), _send(waiting, to), _listen_for_end(to))]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if not any(isinstance(task.exception(), WebSocketDisconnect) for task in done):
        with contextlib.suppress(RuntimeError, OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):  # who reads nothing does not hear it either
                await to.close(1013 if any(task.exception() for task in done) else 1000)


async def _fill(waiting: asyncio.Queue[Any], entries: AsyncIterator[Any]) -> None:
    async for entry in entries:
        waiting.put_nowait(entry)
        await asyncio.sleep(0)
    await waiting.put(None)
    await asyncio.sleep(PATIENCE_S)


async def _send(waiting: asyncio.Queue[Any], to: WebSocket) -> None:
    while (entry := await waiting.get()) is not None:
        async with asyncio.timeout(PATIENCE_S):
            await to.send_json(entry)


async def _listen_for_end(to: WebSocket) -> None:
    """A follower has nothing to say; whatever comes from it but its goodbye ends it."""
    message = await to.receive()
    raise WebSocketDisconnect(message.get("code", 1008) or 1008)


def _numbers(asked: HTTPConnection, **known: int) -> dict[str, int]:
    """The query: whole numbers of these names and nothing else."""
    given = asked.query_params.multi_items()
    for name, value in given:
        if name not in known or not value.isascii() or not value.isdigit() or len(value) > 18:
            raise Denied(400, f"the query has {name[:40]!r}, which is not asked for or no whole number")
    return {**known, **{name: int(value) for name, value in given}}


async def _body(request: Request, known: dict[str, type]) -> dict[str, Any]:
    """The arguments of a command, as JSON of bounded length."""
    kind = request.headers.get("content-type", "").replace(" ", "").lower()
    if kind not in ("application/json", "application/json;charset=utf-8"):
        raise Denied(415, "a command is application/json")
    raw = b""
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for part in request.stream():
                raw += part
                if len(raw) > MOST_BODY:
                    raise Denied(413, f"a command has at most {MOST_BODY} bytes")
    except TimeoutError:
        raise Denied(408, "the body did not come in time") from None
    given = plain_json(raw or b"{}")
    for name, value in given.items():
        if name not in known or not isinstance(value, known[name]):
            raise Denied(400, f"`{name[:40]}` is not an argument of this command, or of the wrong kind")
    missing = [name for name, kind_ in known.items() if kind_ in (dict, int) and name not in given]
    if missing:
        raise Denied(400, f"`{missing[0]}` is missing")
    return given


def _who(request: Request) -> str:
    """Who asks: what it says of itself, and its process, which it cannot make up."""
    said = request.headers.get(WHO.decode(), "somebody")[:MOST_WHO]
    said = "".join(letter for letter in said if letter.isprintable())
    return f"{said} (process {request.scope['client'][1]})"


async def _denied(_: Request, error: Exception) -> Response:
    assert isinstance(error, Denied)
    return JSONResponse({"error": error.reason}, error.status)


async def _cannot(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error), "kind": type(error).__name__}, 409)


def _listen(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(_short(path))
    finally:
        os.umask(mask)
    listener.listen(64)
    listener.setblocking(False)
    return listener


def _short(path: Path) -> str:
    """An address of a socket has at most 107 bytes: through its folder's descriptor a longer one is reached too."""
    if len(os.fsencode(path)) < 108:
        return str(path)
    folder = os.open(path.parent, os.O_PATH)
    return f"/proc/self/fd/{folder}/{path.name}"


class _Server(uvicorn.Server):
    """Signals belong to the process that we are part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Peered(H11Protocol):
    """Talks to processes of our own user only, and not to one that dawdles."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        process, user = peer(transport.get_extra_info("socket"))
        self.client = ("process", process)
        if user != os.getuid():
            transport.abort()
            return
        self.loop.call_later(PATIENCE_S, self._lose_patience)

    def _lose_patience(self) -> None:
        if self.cycle is None and self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.abort()
