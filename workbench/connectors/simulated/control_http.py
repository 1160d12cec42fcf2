"""The control door over HTTP, on a port of its own: hooks, and what a client in another process needs to know."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from decimal import Decimal
from typing import Any

from aiohttp import web

from workbench.connectors.simulated.control import Control, hooks
from workbench.connectors.simulated.refusals import Refusal
from workbench.errors import WorkbenchError

LOCAL = ("127.0.0.1", "localhost", "[::1]")


class ControlDoor:
    """Serves `POST /_ctl/<hook>`, and `GET /_ctl` for what there is."""

    def __init__(self, control: Control) -> None:
        self.control = control

    def app(self) -> web.Application:
        """The door as an application."""
        app = web.Application(client_max_size=1 << 20)
        app.router.add_get("/_ctl", self.list)
        app.router.add_get("/_ctl/ccxt", self.ccxt)
        app.router.add_get("/_ctl/keys", self.keys)
        app.router.add_get("/_ctl/clock", self.clock)
        app.router.add_post("/_ctl/{hook}", self.do)
        return app

    async def list(self, request: web.Request) -> web.Response:
        """The hooks and what they do."""
        if (refused := _refused(request)) is not None:
            return refused
        return web.json_response({name: (hook.__doc__ or "").strip() for name, hook in hooks().items()})

    async def ccxt(self, request: web.Request) -> web.Response:
        """What makes ccxt trade here: `?account=trader&perpetual=true`."""
        if (refused := _refused(request)) is not None:
            return refused
        return self._of_account(
            request, lambda name: self.control.venue.ccxt(name, perpetual=request.query.get("perpetual") == "true")
        )

    async def keys(self, request: web.Request) -> web.Response:
        """The API keys of an account, of both kinds: `?account=trader`."""
        if (refused := _refused(request)) is not None:
            return refused
        return self._of_account(request, self._keys)

    async def clock(self, request: web.Request) -> web.Response:
        """The market's time, how fast it runs, and whether it is the wall's."""
        if (refused := _refused(request)) is not None:
            return refused
        clock = self.control.venue.clock
        return _answer({"now_ms": clock.now_ms(), "speed": clock.speed, "is_wall": clock.is_wall}, 200)

    def _keys(self, name: str) -> dict[str, Any]:
        venue = self.control.venue
        (key, private), account = venue.ed25519(name), venue.account(name)
        return {"hmac": {"key": account.key, "secret": account.secret}, "ed25519": {"key": key, "private": private}}

    def _of_account(self, request: web.Request, tell: Callable[[str], dict[str, Any]]) -> web.Response:
        accounts = self.control.venue.core.accounts
        name = request.query.get("account", next(iter(accounts)))
        if name not in accounts:
            return _answer({"error": f"no account {name!r}", "accounts": sorted(accounts)}, 404)
        return _answer(tell(name), 200)

    async def do(self, request: web.Request) -> web.Response:
        """Use one hook."""
        if (refused := _refused(request)) is not None:
            return refused
        name = request.match_info["hook"]
        if name not in hooks():
            return _answer({"error": f"no hook is called {name!r}", "hooks": sorted(hooks())}, 404)
        try:
            given = json.loads(await request.text() or "{}")
            result = getattr(self.control, name)(*given.pop("args", ()), **given)
            return _answer({"result": result}, 200)
        except (WorkbenchError, Refusal, ValueError, TypeError, KeyError, AttributeError) as error:
            return _answer({"error": f"{type(error).__name__}: {error}"}, 400)


def _refused(request: web.Request) -> web.Response | None:
    """No web page may use this door: it would come with an `Origin`, or under another name."""
    host = request.host.rpartition(":")[0] or request.host
    if "Origin" in request.headers or host not in LOCAL:
        return _answer({"error": "this door is for programs on this machine"}, 403)
    return None


def _answer(value: Any, status: int) -> web.Response:
    return web.json_response(text=json.dumps(value, default=_plain), status=status)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
