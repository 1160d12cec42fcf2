"""The WebSocket API: the endpoints of REST as messages, sessions, and subscriptions to user streams."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from workbench.connectors.simulated import signing
from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.desk import Desk
from workbench.connectors.simulated.endpoints import NONE, SIGNED, Call, Endpoint
from workbench.connectors.simulated.keys import ED25519
from workbench.connectors.simulated.params import Params
from workbench.connectors.simulated.refusals import Refusal
from workbench.connectors.simulated.rest import check_permission
from workbench.connectors.simulated.sockets import Connection
from workbench.connectors.simulated.user_streams import UserStreams

CONNECTING = 2  # weight of opening a socket


@dataclass(frozen=True, slots=True)
class Session:
    """Who a socket was logged on as, and when."""

    account: Account
    key: str
    since_ms: int


class WsApi:
    """The WebSocket API of one side of the venue."""

    def __init__(self, desk: Desk, users: UserStreams, endpoints: Iterable[Endpoint]) -> None:
        self.desk, self.users = desk, users
        self.words = {endpoint.word: endpoint for endpoint in endpoints if endpoint.word}
        self.connections: set[Connection] = set()
        self.sessions: dict[Connection, Session] = {}
        self.own = {"session.logon": self._logon, "session.status": self._status, "session.logout": self._logout}
        if not desk.perpetual:  # futures tell of an account to a listen key only
            self.own |= {"userDataStream.subscribe": self._subscribe, "userDataStream.unsubscribe": self._unsubscribe,
                         "userDataStream.subscribe.signature": self._subscribe_signed,
                         "session.subscriptions": self._list}  # fmt: skip

    def add_to(self, app: web.Application) -> None:
        """Serve the path at which clients open sockets."""
        app.router.add_get("/ws-fapi/v1" if self.desk.perpetual else "/ws-api/v3", self.open)

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Open a socket and answer what comes over it."""
        if self.desk.faults.maintenance or self.desk.faults.refuses_sockets:
            return web.Response(status=503)
        connection = Connection(self.desk)
        connection.is_unlimited = True
        self.connections.add(connection)
        try:
            return await connection.serve(request, lambda text: self._receive(connection, text))
        finally:
            self.connections.discard(connection)
            self.sessions.pop(connection, None)
            self.users.forget(connection)

    async def pulse(self) -> None:
        """Keep the sockets alive."""
        for connection in list(self.connections):
            await connection.pulse(self.desk.clock.pace_ms())

    def _receive(self, connection: Connection, text: str) -> None:
        number, shows_limits, account = None, True, None
        try:
            number, method, values = _read(text)
            shows_limits = values.get("returnRateLimits", "true") != "false"
            rule = self.desk.faults.for_request(f"WS {method}", signed="signature" in values)
            if rule is not None and rule.kind in ("lose_request", "cut", "reset") and rule.kind != "reset":
                return connection.cut() if rule.kind == "cut" else None
            if rule is not None and rule.kind == "reply" and not rule.done:
                raise Refusal(rule.code, rule.message, rule.status)
            result, account = self._do(connection, method, values)
            if rule is not None and rule.kind in ("accept_then_silence", "reset"):
                return connection.cut() if rule.kind == "reset" else None
            answer: dict[str, Any] = {"id": number, "status": 200, "result": result}
        except Refusal as refusal:
            answer = {"id": number, "status": refusal.status, "error": refusal.body}
        if shows_limits:
            name = None if account is None else account.name
            answer["rateLimits"] = self.desk.weights.rows(connection.address, name, self.desk.clock.pace_ms())
        return connection.say(answer)

    def _do(self, connection: Connection, method: str, values: dict[str, str]) -> tuple[Any, Account | None]:
        params = Params(values)
        own = self.own.get(method)
        endpoint = self.words.get(method.removeprefix("v3/").removeprefix("v1/"))
        if own is None and endpoint is None:
            raise self._unknown(method)
        now = self.desk.clock.pace_ms()
        self.desk.weights.spend(connection.address, endpoint.cost(params) if endpoint else CONNECTING, now)
        if own is not None:
            return own(connection, params), None
        assert endpoint is not None, "one of the two was found"
        account = self._let_in(connection, endpoint, params)
        if endpoint.orders and account is not None:
            self.desk.weights.spend_orders(account.name, endpoint.orders, now)
        value = endpoint.answer(Call(self.desk, params, account, connection))
        return value, account if endpoint.orders else None

    def _unknown(self, method: str) -> Refusal:
        if self.desk.perpetual:
            return Refusal(-5000, f"Method {method} is invalid")
        return Refusal(-1000, f"Unknown method '{method}'.")

    def _let_in(self, connection: Connection, endpoint: Endpoint, params: Params) -> Account | None:
        if endpoint.security == NONE:
            return None
        known = self.sessions.get(connection)
        if known is not None and "apiKey" not in params:
            if endpoint.security == SIGNED:
                signing.check_time(self.desk.clock, params)
            check_permission(known.account, endpoint)
            return known.account
        account = signing.account_of(self.desk.core.state, params.given("apiKey"))
        if endpoint.security == SIGNED:
            self._check(params)
        check_permission(account, endpoint)
        return account

    def _check(self, params: Params) -> None:
        payload = signing.socket_payload(params.values)
        signing.check_time(self.desk.clock, params)
        signing.check_signature(self.desk.core.state, params.given("apiKey"), params, payload)

    # --- sessions and user streams -----------------------------------------------------------------------------------

    def _logon(self, connection: Connection, params: Params) -> Any:
        state, key = self.desk.core.state, params.text("apiKey")
        account, kind = signing.account_of(state, key), signing.kind_of(state, key)
        if kind != ED25519:
            raise Refusal(-4056, f"{kind} API key is not supported.")
        self._check(params)
        self.sessions[connection] = Session(account, key, self.desk.clock.server_ms())
        return self._status(connection, params)

    def _status(self, connection: Connection, params: Params) -> Any:
        known = self.sessions.get(connection)
        return {"apiKey": known.key if known else None, "authorizedSince": known.since_ms if known else None,
                "connectedSince": connection.opened_ms, "returnRateLimits": True,
                "serverTime": self.desk.clock.server_ms(),
                "userDataStream": bool(self.users.numbers_of(connection))}  # fmt: skip

    def _logout(self, connection: Connection, params: Params) -> Any:
        if self.sessions.pop(connection, None) is not None:
            self.users.terminate(connection, None)
        return self._status(connection, params)

    def _subscribe(self, connection: Connection, params: Params) -> Any:
        known = self.sessions.get(connection)
        if known is None:
            raise Refusal(-1002, "You are not authorized to execute this request.", 401)
        return {"subscriptionId": self.users.subscribe(connection, known.account.name)}

    def _subscribe_signed(self, connection: Connection, params: Params) -> Any:
        account = signing.account_of(self.desk.core.state, params.given("apiKey"))
        self._check(params)
        return {"subscriptionId": self.users.subscribe(connection, account.name)}

    def _unsubscribe(self, connection: Connection, params: Params) -> Any:
        self.users.terminate(connection, params.maybe("subscriptionId"))
        return {}

    def _list(self, connection: Connection, params: Params) -> Any:
        return [{"subscriptionId": number} for number in self.users.numbers_of(connection)]


def _read(text: str) -> tuple[Any, str, dict[str, str]]:
    try:
        asked = json.loads(text)
    except ValueError:
        raise Refusal(-1135, "Invalid JSON Request") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
        raise Refusal(-1135, "Invalid JSON Request")
    params = asked.get("params") or {}
    if not isinstance(params, dict):
        raise Refusal(-1135, "JSON sent for parameter 'params' is not valid")
    return asked.get("id"), asked["method"], {name: _word(value) for name, value in params.items() if value is not None}


def _word(value: Any) -> str:
    """A parameter as it is signed: true and false in small letters, lists as JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list | dict) else str(value)
