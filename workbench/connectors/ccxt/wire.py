"""ccxt's own client, unmodified, with our hands on its seams: time, budget, answers, messages.

A class of ccxt is given a mix-in in front of it. Nothing of ccxt is replaced, only listened to: it signs, sends and
reads as it always does.
"""

from __future__ import annotations

import contextvars
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from workbench.connectors.ccxt.errors import UNREADABLE
from workbench.connectors.ccxt.shapes import Shapes
from workbench.connectors.ccxt.venues import Venue
from workbench.connectors.clock import VenueClock
from workbench.connectors.throttle import Throttle
from workbench.errors import ConfigError

URGENT: contextvars.ContextVar[bool] = contextvars.ContextVar("urgent", default=False)
SOON: contextvars.ContextVar[bool] = contextvars.ContextVar("soon", default=False)
SENT: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("sent", default=None)
PLAIN_QUERY = re.compile(r"[A-Za-z0-9_.~=&-]*", re.ASCII)
CACHE = 1_000  # rows that ccxt keeps of trades and orders; each is handed to us as it is written
TIMEOUT_MS = 10_000
NO_SNAPSHOT = {"fetchPositionsSnapshot": False, "awaitPositionsSnapshot": False}  # we ask ourselves, after the stream
MARKETS = ("markets", "markets_by_id", "symbols", "ids", "currencies", "currencies_by_id", "baseCurrencies",
           "quoteCurrencies", "codes")  # fmt: skip


class Listener(Protocol):
    """Who hears what comes over the sockets of one client."""

    def connected(self, url: str) -> None:
        """A socket is open."""

    def takes(self, raw: object) -> bool:
        """A message came: was it read here, so that ccxt need not?"""

    def message(self, raw: object) -> None:
        """A message came, and ccxt has dealt with it."""

    def unreadable(self, url: str, fault: BaseException) -> None:
        """A message came that cannot be read; its socket is being closed."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What an account signs with; it shows itself to nobody."""

    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    wallet: str = field(default="", repr=False)

    def settings(self) -> dict[str, str]:
        """As ccxt calls them."""
        named = {"apiKey": self.key, "secret": self.secret, "password": self.password}
        wallet = {"walletAddress": self.wallet, "privateKey": self.secret} if self.wallet else {}
        return {name: value for name, value in {**named, **wallet}.items() if value}

    def __bool__(self) -> bool:
        return bool(self.key or self.wallet)


def make_client(
    facts: Venue,
    *,
    perpetual: bool,
    keys: Keys,
    time: VenueClock,
    throttle: Throttle | None,
    listener: Listener | None = None,
    config: Mapping[str, Any] | None = None,
    urls: Mapping[str, str] | None = None,
) -> Any:
    """A client of ccxt for one venue and kind of instrument.

    Parameters
    ----------
    config : mapping
        Passed to ccxt: urls, options, proxies, headers; it wins over the table.
    urls : mapping
        Other hosts by scheme: {"http": "http://127.0.0.1:8080", "ws": "ws://127.0.0.1:8081"}; paths stay the venue's.

    Raises
    ------
    ConfigError
        If ccxt knows no such venue, or a layer would send a request a second time.
    """
    import ccxt.async_support
    import ccxt.pro

    name = facts.class_of(perpetual=perpetual)
    known = getattr(ccxt.pro, name, None) or getattr(ccxt.async_support, name, None)
    if known is None or name not in ccxt.exchanges:
        raise ConfigError(f"ccxt knows no venue {name!r}. Use one of its ids, such as binance, okx or kraken.")
    ours = (_Swift, _Listening) if facts.name.startswith("binance") else (_Listening,)
    client = type(known.__name__, (*ours, known), {})(_settings(facts, perpetual, keys, config or {}))
    client.wb_time, client.wb_throttle, client.wb_listener = time, throttle, listener
    client.timeout_on_exit = 10
    if urls:
        client.urls["api"] = _moved(client.urls["api"], urls, facts.name)
    refuse_repeats(client)
    return client


def refuse_repeats(client: Any) -> None:
    """Make sure that no request is sent twice by ccxt: a create that was sent again has bought twice."""
    for where in (client.options, *(value for value in client.options.values() if isinstance(value, dict))):
        if where.get("maxRetriesOnFailure"):
            raise ConfigError(
                f"{client.id}: `maxRetriesOnFailure` is {where['maxRetriesOnFailure']}. Set it to 0: an order whose "
                "answer was lost would be sent, and filled, again."
            )


def share_markets(client: Any, source: Any) -> None:
    """Give a client the instruments that another one of its kind has loaded."""
    for name in MARKETS:
        setattr(client, name, getattr(source, name))
    helpers = source.options.get("marketHelperProps") or []
    client.options.update((name, source.options[name]) for name in helpers if source.options.get(name) is not None)


def _settings(facts: Venue, perpetual: bool, keys: Keys, config: Mapping[str, Any]) -> dict[str, Any]:
    kind = "swap" if perpetual else "spot"
    options: dict[str, Any] = {
        "defaultType": kind, "fetchCurrencies": False, "fetchMargins": False, "adjustForTimeDifference": False,
        "warnOnFetchOpenOrdersWithoutSymbol": False, "maxRetriesOnFailure": 0, "tradesLimit": CACHE,
        "ordersLimit": CACHE, "OHLCVLimit": 1_000, "watchPositions": NO_SNAPSHOT, **facts.options,
    }  # fmt: skip
    if facts.name.startswith("binance"):  # otherwise three hosts are asked for all of their markets
        options["fetchMarkets"] = {"types": ["linear" if perpetual else "spot"]}
    given = dict(config)
    merged = {**options, **given.pop("options", {})}
    pings = {"keepAlive": 2_000, "maxPingPongMisses": 2.0}  # so that a dead line is noticed in seconds
    usual = {"timeout": TIMEOUT_MS, "enableRateLimit": True, "newUpdates": True, "streaming": pings}
    return {**usual, **keys.settings(), **given, "options": merged}


def _moved(url: Any, bases: Mapping[str, str], venue: str) -> Any:
    if isinstance(url, dict):
        return {name: _moved(one, bases, venue) for name, one in url.items()}
    if not isinstance(url, str) or "://" not in url:
        return url
    old = urlsplit(url)
    base = bases.get("ws" if old.scheme in ("ws", "wss") else "http")
    if base is None:
        raise ConfigError(f"{venue}: `urls` has no base for {url}. Give both, http and ws: nothing may go elsewhere.")
    new = urlsplit(base)
    # ccxt tells Binance's spot sockets from others by "/stream", which the host's name has and another's has not.
    spot = venue.startswith("binance") and old.netloc.startswith(("stream.", "demo-stream."))
    path = new.path.rstrip("/") + ("/stream" if spot and "/stream" not in old.path else "") + old.path
    return urlunsplit((new.scheme, new.netloc, path, old.query, ""))


class _Listening:
    """The mix-in: each method does what ccxt's does, and tells or asks us on the way."""

    wb_time: VenueClock
    wb_throttle: Throttle | None
    wb_listener: Listener | None

    def milliseconds(self) -> int:
        """The venue's time, which requests are stamped with."""
        return self.wb_time.now_ms()

    async def throttle(self, cost: float | None = None) -> None:
        """Wait for our budget, which all our processes share, instead of ccxt's own."""
        if self.wb_throttle is not None:
            await self.wb_throttle.address.take(cost or 1.0, urgent=URGENT.get(), soon=SOON.get())

    def urlencode(self, params: Any = None, doseq: bool = False, sort: bool = False) -> Any:
        """As ccxt does it; what needs no escaping, as in nearly every order, is only put together."""
        if type(params) is dict and not doseq and not sort:
            words = [f"{name}={value}" for name, value in params.items() if type(value) in (str, int)]
            text = "&".join(words)
            if len(words) == len(params) and PLAIN_QUERY.fullmatch(text) and text.count("=") == len(words):
                return text
        return super().urlencode(params, doseq, sort)  # type: ignore[misc]

    async def fetch(self, url: Any, method: Any = "GET", headers: Any = None, body: Any = None) -> Any:
        """Note that a request leaves: what failed before this was never sent."""
        sent = SENT.get()
        if sent is not None:
            sent.append(f"{method} {urlsplit(str(url)).path}")
        return await super().fetch(url, method, headers, body)  # type: ignore[misc]

    def handle_errors(
        self, status: Any, reason: Any, url: Any, method: Any, headers: Any, body: Any, *rest: Any
    ) -> Any:
        """Leave on the fault what tells one row of the error table from another."""
        return _marked(super().handle_errors, status, headers, body, status, reason, url, method, headers, body, *rest)  # type: ignore[misc]

    def handle_http_status_code(self, status: Any, reason: Any, url: Any, method: Any, body: Any) -> Any:
        """The same for answers that only a status tells about."""
        return _marked(super().handle_http_status_code, status, {}, body, status, reason, url, method, body)  # type: ignore[misc]

    def open(self, lazy: bool = False) -> None:
        """As ccxt opens its session, but one that follows no redirection: it would carry an order elsewhere."""
        fresh = getattr(self, "session", None) is None
        super().open(lazy)  # type: ignore[misc]
        if fresh and self.own_session and self.session is not None:  # type: ignore[has-type, attr-defined]
            self.session = _without_redirects(self)

    def client(self, url: str) -> Any:
        """A socket whose unreadable messages end it, instead of leaving it open and deaf."""
        client = super().client(url)  # type: ignore[misc]
        if "wb_guarded" not in client.__dict__:
            client.wb_guarded = True
            client.handle_message = _guarded(client, client.handle_message, self)
            client.future = _quiet(client.future)
        return client

    def on_connected(self, client: Any, message: Any = None) -> None:
        """Tell that a socket is open."""
        super().on_connected(client, message)  # type: ignore[misc]
        if self.wb_listener is not None:
            self.wb_listener.connected(client.url)

    def handle_message(self, client: Any, message: Any) -> None:
        """Let ccxt deal with a message, unless that is done already, then look at what it made of it."""
        if self.wb_listener is not None and self.wb_listener.takes(message):
            return
        super().handle_message(client, message)  # type: ignore[misc]
        if self.wb_listener is not None:
            self.wb_listener.message(message)

    def delay(self, timeout: float, method: Any, *args: Any) -> Any:
        """Keep hold of what ccxt plans for later, so that it does not outlive the client."""
        handle = super().delay(timeout, method, *args)  # type: ignore[misc]
        self.__dict__.setdefault("wb_planned", []).append(handle)
        return handle

    async def close(self, *args: Any, **options: Any) -> None:
        """Close, and forget what was planned."""
        for handle in self.__dict__.pop("wb_planned", []):
            handle.cancel()
        await super().close(*args, **options)  # type: ignore[misc]


class _Swift:
    """What may be done more quickly at Binance, and comes to the same."""

    wb_shapes: Shapes

    def create_order_request(
        self, symbol: str, type: str, side: str, amount: Any, price: Any = None, params: Any = None
    ) -> dict[str, Any]:
        """As ccxt makes it; orders of one shape are nearly the same."""
        make = super().create_order_request  # type: ignore[misc]
        shapes: Shapes = self.__dict__.setdefault("wb_shapes", Shapes())
        return shapes.request(self, make, symbol, type, side, amount, price, params or {})


def _marked(call: Callable[..., Any], status: Any, headers: Any, body: Any, *arguments: Any) -> Any:
    import ccxt

    try:
        return call(*arguments)
    except ccxt.BaseError as fault:
        if getattr(fault, "http_status", None) is None:
            told = {str(name).lower(): value for name, value in dict(headers or {}).items()}
            fault.http_status = status if isinstance(status, int) else None
            fault.retry_after = told.get("retry-after")
            fault.body = body if isinstance(body, str) else ""
        raise


def _guarded(socket: Any, handle: Callable[[Any], None], exchange: Any) -> Callable[[Any], None]:
    def handle_message(message: Any) -> None:
        import ccxt

        try:
            handle(message)
        except (*UNREADABLE, ccxt.BaseError) as fault:
            if exchange.wb_listener is not None:
                exchange.wb_listener.unreadable(socket.url, fault)
            socket.on_error(ccxt.NetworkError(f"unreadable message on {socket.url}"))

    return handle_message


def _quiet(make: Callable[[str], Any]) -> Callable[[str], Any]:
    """ccxt's futures, whose failure is nobody's business any more once their watcher has gone."""

    def future(name: str) -> Any:
        made = make(name)
        made.add_done_callback(lambda done: done.cancelled() or done.exception())
        return made

    return future


def _without_redirects(exchange: Any) -> Any:
    import aiohttp

    async def refuse(_session: Any, _context: Any, sent: Any) -> None:
        raise aiohttp.ClientPayloadError(f"redirected to {sent.response.headers.get('Location', 'nowhere')}")

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    exchange.session.detach()
    return aiohttp.ClientSession(
        connector=exchange.tcp_connector, trust_env=exchange.aiohttp_trust_env, trace_configs=[trace]
    )
