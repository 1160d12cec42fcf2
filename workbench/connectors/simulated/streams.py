"""Market streams on the wire: raw and combined, subscribed by path or by message."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from workbench.connectors.simulated.channels import Channel, channel
from workbench.connectors.simulated.desk import Desk
from workbench.connectors.simulated.events import Report
from workbench.connectors.simulated.rest import encode
from workbench.connectors.simulated.sockets import Connection
from workbench.connectors.simulated.user_streams import UserStreams

MOST_STREAMS = 1_024
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class Streams:
    """The stream door of one side of the venue."""

    def __init__(self, desk: Desk, users: UserStreams) -> None:
        self.desk, self.users = desk, users
        self.connections: set[Connection] = set()
        self.channels: dict[str, Channel] = {}
        self.listeners: dict[str, set[Connection]] = {}

    def add_to(self, app: web.Application) -> None:
        """Serve the paths at which clients open sockets."""
        for prefix in ("", "/public", "/market", "/private") if self.desk.perpetual else ("", "/stream"):
            for path in (f"{prefix}/ws", f"{prefix}/ws/{{names:.*}}"):
                app.router.add_get(path, self.open_raw)
            if prefix != "/stream":
                app.router.add_get(f"{prefix}/stream", self.open_combined)

    # --- sockets -----------------------------------------------------------------------------------------------------

    async def open_raw(self, request: web.Request) -> web.StreamResponse:
        """`/ws/<stream>/<stream>`, or `/ws` and then a message."""
        names = request.match_info.get("names", "").split("/")
        return await self._open(request, [*names, *request.query.getall("listenKey", [])], combined=False)

    async def open_combined(self, request: web.Request) -> web.StreamResponse:
        """`/stream?streams=<stream>/<stream>`."""
        names = [name for part in request.query.getall("streams", []) for name in part.split("/")]
        return await self._open(request, [*names, *request.query.getall("listenKey", [])], combined=True)

    async def _open(self, request: web.Request, names: list[str], *, combined: bool) -> web.StreamResponse:
        if self.desk.faults.maintenance or self.desk.faults.refuses_sockets:
            return web.Response(status=503)
        connection = Connection(self.desk, combined=combined)
        self.connections.add(connection)
        self._subscribe(connection, [name for name in names if name])
        try:
            return await connection.serve(request, lambda text: self._receive(connection, text))
        finally:
            self._leave(connection)

    def _leave(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._unsubscribe(connection, list(connection.streams))
        self.users.forget(connection)

    # --- messages ----------------------------------------------------------------------------------------------------

    def _receive(self, connection: Connection, text: str) -> None:
        try:
            asked = json.loads(text)
            method, number, names = asked["method"], asked.get("id"), asked.get("params", [])
        except (ValueError, KeyError, TypeError, AttributeError):
            connection.say(_error(3, "Invalid JSON: expected an object with a method", None))
            return
        if method not in METHODS:
            connection.say(_error(2, f"Invalid request: unknown variant `{method}`, expected one of {METHODS}", number))
        elif not isinstance(names, list):
            connection.say(_error(2, "Invalid request: params must be a list", number))
        else:
            connection.say({"result": self._do(connection, method, names), "id": number})

    def _do(self, connection: Connection, method: str, names: list[Any]) -> Any:
        if method == "LIST_SUBSCRIPTIONS":
            return list(connection.streams)
        if method == "SUBSCRIBE":
            self._subscribe(connection, names)
        elif method == "UNSUBSCRIBE":
            self._unsubscribe(connection, names)
        elif method == "SET_PROPERTY" and len(names) == 2:
            connection.combined = bool(names[1])
        elif method == "GET_PROPERTY":
            return connection.combined
        return None

    def _subscribe(self, connection: Connection, names: Iterable[Any]) -> None:
        for name in map(str, names):
            if len(connection.streams) >= MOST_STREAMS:
                break
            if name in self.desk.listen_keys:
                self.users.listen(connection, name)
                continue
            if name not in self.channels:
                made = channel(self.desk, name)
                if made is None:
                    continue  # the venue takes any name, and says nothing on those that it does not have
                self.channels[name] = made
            connection.streams[name] = None
            self.listeners.setdefault(name, set()).add(connection)

    def _unsubscribe(self, connection: Connection, names: Iterable[Any]) -> None:
        for name in map(str, names):
            connection.streams.pop(name, None)
            listeners = self.listeners.get(name, set())
            listeners.discard(connection)
            if not listeners:
                self.listeners.pop(name, None)
                self.channels.pop(name, None)

    # --- what is said ------------------------------------------------------------------------------------------------

    def publish(self, reports: list[Report]) -> None:
        """Hand reports to every stream that somebody listens to."""
        for name, stream in list(self.channels.items()):
            for report in reports:
                if getattr(report, "perpetual", None) == self.desk.perpetual:
                    self._say(name, stream.take(report))

    async def pulse(self) -> None:
        """Let the streams speak that have a rhythm, and keep the sockets alive."""
        pace, now = self.desk.clock.pace_ms(), self.desk.now_ms
        for name, stream in list(self.channels.items()):
            if stream.every_ms and stream.is_due(pace):
                self._say(name, stream.pulse(now))
        for connection in list(self.connections):
            await connection.pulse(pace)

    def _say(self, name: str, messages: Iterable[Any]) -> None:
        for message in messages:
            text = encode(message)
            for connection in list(self.listeners.get(name, ())):
                connection.tell(name, text)


def _error(code: int, message: str, number: Any) -> dict[str, Any]:
    return {"error": {"code": code, "msg": message}, "id": number}
