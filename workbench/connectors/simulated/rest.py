"""REST on the wire: a request is counted, let in, answered, and, if a fault says so, answered badly or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from workbench.connectors.simulated import signing
from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.desk import Desk
from workbench.connectors.simulated.endpoints import NONE, SIGNED, Call, Endpoint
from workbench.connectors.simulated.faults import Rule
from workbench.connectors.simulated.params import Params
from workbench.connectors.simulated.refusals import BAD_KEY, Refusal, refuse
from workbench.connectors.simulated.wires import reset

PAGE = "<!DOCTYPE html><html><head><title>Please wait</title></head><body>Checking your browser.</body></html>"
MAINTENANCE = Refusal(-1016, "This service is no longer available.", 503)
TRADING_METHODS = ("POST", "DELETE", "PUT")


def encode(value: Any) -> str:
    """JSON as the venue writes it, without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Rest:
    """The REST door of one side of the venue."""

    def __init__(self, desk: Desk, endpoints: Iterable[Endpoint]) -> None:
        self.desk = desk
        self.endpoints = {(endpoint.method, endpoint.path): endpoint for endpoint in endpoints}

    def add_to(self, app: web.Application) -> None:
        """Serve the endpoints; any other path is answered as the venue answers it."""
        for method, path in self.endpoints:
            app.router.add_route(method, path, self.handle)
        app.router.add_route("*", "/{tail:.*}", self.handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        target = f"{request.method} {request.path}"
        endpoint = self.endpoints.get((request.method, request.path))
        rule = self.desk.faults.for_request(target, signed=endpoint is not None and endpoint.security == SIGNED)
        if rule is not None and rule.kind in ("lose_request", "cut"):
            return await self._drop(request, rule)
        if rule is not None and rule.kind == "delay":
            await asyncio.sleep(self.desk.faults.wait(rule))
        try:
            body = await request.text()
        except (ConnectionError, UnicodeDecodeError):  # cut while it spoke, or not text
            return web.Response(status=400)
        if rule is not None and rule.kind == "reply" and not rule.done:
            return self._reply(rule)
        response = self._answer(request, endpoint, body)
        return response if rule is None else await self._spoil(request, response, rule)

    def _answer(self, request: web.Request, endpoint: Endpoint | None, body: str) -> web.Response:
        address = request.remote or ""
        try:
            if self.desk.faults.maintenance:
                raise Refusal(MAINTENANCE.code, MAINTENANCE.message, MAINTENANCE.status)
            if endpoint is None:
                return self._unknown(request)
            value, account = self._do(request, endpoint, body, address)
            headers = self._headers(address, account if endpoint.orders else None)
            return web.json_response(value, dumps=encode, headers=headers)
        except Refusal as refusal:
            body_json = refusal.body if refusal.code != -1003 else {"code": -1003, "msg": refusal.message}
            headers = refusal.headers | self._headers(address, None)
            return web.json_response(body_json, dumps=encode, status=refusal.status, headers=headers)

    def _do(self, request: web.Request, endpoint: Endpoint, body: str, address: str) -> tuple[Any, Account | None]:
        query = request.rel_url.raw_query_string
        params = read_params(query, body)
        now = self.desk.clock.pace_ms()
        self.desk.weights.spend(address, endpoint.cost(params), now)
        account = self._let_in(request, endpoint, params, signing.rest_payload(query, body))
        if endpoint.orders and account is not None:
            self.desk.weights.spend_orders(account.name, endpoint.orders, now)
        call = Call(self.desk, params, account)
        value = endpoint.answer(call)
        if endpoint.strict:
            params.finish()
        return value, account

    def _let_in(self, request: web.Request, endpoint: Endpoint, params: Params, payload: str) -> Account | None:
        if endpoint.security == NONE:
            return None
        state, key = self.desk.core.state, request.headers.get("X-MBX-APIKEY")
        account = signing.account_of(state, key)
        if endpoint.security == SIGNED:
            signing.check_time(self.desk.clock, params)
            signing.check_signature(state, key, params, payload)
        check_permission(account, endpoint)
        return account

    def _headers(self, address: str, account: Account | None) -> dict[str, str]:
        name = None if account is None else account.name
        return self.desk.weights.headers(address, name, self.desk.clock.pace_ms())

    def _unknown(self, request: web.Request) -> web.Response:
        paths = {path for _, path in self.endpoints}
        if request.path in paths:
            raise Refusal(-1000, f"Request method '{request.method}' not supported", 405)
        return web.Response(
            status=404, text="<html><body><h2>404 Not found</h2></body></html>", content_type="text/html"
        )

    # --- faults ------------------------------------------------------------------------------------------------------

    async def _spoil(self, request: web.Request, response: web.Response, rule: Rule) -> web.StreamResponse:
        if rule.kind == "reply":
            return self._reply(rule)
        if rule.kind == "html":
            return web.Response(text=PAGE, content_type="text/html")
        if rule.kind == "truncate":
            return await self._half(request, response)
        if rule.kind in ("accept_then_silence", "reset"):
            return await self._drop(request, rule)
        return response

    def _reply(self, rule: Rule) -> web.Response:
        body = {"code": rule.code, "msg": rule.message}
        return web.json_response(body, dumps=encode, status=rule.status, headers=rule.headers)

    async def _drop(self, request: web.Request, rule: Rule) -> web.StreamResponse:
        """Never answer: hold the connection open until the other side has had enough, or cut it at once."""
        transport = request.transport
        if rule.kind in ("accept_then_silence", "lose_request"):
            while transport is not None and not transport.is_closing():
                await asyncio.sleep(0.02)
        else:
            reset(transport)
        return web.Response(status=500)

    async def _half(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        whole = response.text or ""
        made = web.StreamResponse(
            headers={"Content-Type": "application/json", "Content-Length": str(len(whole.encode()))}
        )
        await made.prepare(request)
        await made.write(whole.encode()[: len(whole) // 2])
        if request.transport is not None:
            request.transport.close()
        return made


def read_params(query: str, body: str) -> Params:
    """The parameters of query and body; what stands in both is taken from the query."""
    return Params(dict(parse_qsl(body, keep_blank_values=True)) | dict(parse_qsl(query, keep_blank_values=True)))


def check_permission(account: Account, endpoint: Endpoint) -> None:
    """Refuse a key that may not do this."""
    trades = endpoint.security == SIGNED and endpoint.method in TRADING_METHODS
    if not account.can_read or (trades and not account.can_trade):
        raise refuse(BAD_KEY)
