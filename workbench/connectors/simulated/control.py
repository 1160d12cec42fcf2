"""The control door: everything that a test may want to do to the venue, in process or over a port of its own.

Each hook is a method; over HTTP it is `POST /_ctl/<name>` with its arguments as a JSON object. The door answers no
browser: a request with an `Origin` is refused, and so is one whose `Host` is not the venue's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from decimal import Decimal
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode

from workbench.connectors.simulated.endpoints import Call
from workbench.connectors.simulated.events import (
    Deposit,
    Depth,
    Draft,
    Event,
    Expire,
    FillNow,
    Fund,
    Liquidate,
    Mark,
    Move,
    Place,
    Report,
    Rules,
)
from workbench.connectors.simulated.faults import KINDS, STREAM_KINDS, Rule
from workbench.connectors.simulated.keys import read_public_key
from workbench.connectors.simulated.orders import SIDES
from workbench.connectors.simulated.params import Params
from workbench.connectors.simulated.rest import encode
from workbench.connectors.simulated.sockets import Connection
from workbench.errors import ConfigError

if TYPE_CHECKING:
    from workbench.connectors.simulated.server import SimulatedVenue

Number = Decimal | float | int | str


class Control:
    """The hooks of one venue. Symbols are the venue's ("BTCUSDT"); `perpetual` says which side is meant."""

    def __init__(self, venue: SimulatedVenue) -> None:
        self.venue = venue

    def _step(self, event: Event) -> list[Report]:
        return self.venue.step(event)

    # --- answers to requests -----------------------------------------------------------------------------------------

    def on(self, target: str, kind: str, **details: Any) -> Rule:
        """Let something happen to the requests that fit, such as "POST /api/v3/order" or "WS order.place".

        `details` are those of `Rule`: times, after, status, code, message, headers, milliseconds, jitter, done.
        """
        return self._add(self.venue.faults.rules, KINDS, target, kind, details)

    def accept_then_silence(self, target: str = "POST *", times: int = 1) -> Rule:
        """Do what is asked, and never answer."""
        return self.on(target, "accept_then_silence", times=times)

    def lose_request(self, target: str = "POST *", times: int = 1) -> Rule:
        """Neither do it nor answer."""
        return self.on(target, "lose_request", times=times)

    def reply(self, target: str, status: int, code: int, message: str, **details: Any) -> Rule:
        """Answer this instead; with `done=True` after doing it."""
        return self.on(target, "reply", status=status, code=code, message=message, **details)

    def delay(self, target: str = "*", milliseconds: float = 500, jitter: float = 0, times: int = -1) -> Rule:
        """Take so long, and up to `jitter` longer."""
        return self.on(target, "delay", milliseconds=milliseconds, jitter=jitter, times=times)

    def maintenance(self, on: bool = True) -> None:
        """Answer every request with 503 and close every socket, or go on."""
        self.venue.faults.maintenance = on
        if on:
            self._each_socket(lambda connection: connection.close(WSCloseCode.GOING_AWAY))

    def ban(self, seconds: float = 120, address: str = "127.0.0.1") -> None:
        """Answer every request from an address with 418 for so long; 0 seconds: no more."""
        now = self.venue.clock.pace_ms()
        for side in self.venue.sides.values():
            side.desk.weights.ban(address, seconds, now)

    def limit(self, most: int, kind: str = "REQUEST_WEIGHT", perpetual: bool = False) -> None:
        """Let a limit be so much."""
        self._side(perpetual).desk.weights.change(kind, most)

    def clear(self) -> None:
        """Let nothing go wrong any more that was asked for here; bans and counts are forgotten."""
        self.venue.faults.forget()
        for side in self.venue.sides.values():
            side.desk.weights.lift()

    # --- what queries see --------------------------------------------------------------------------------------------

    def read_lag(self, milliseconds: int) -> None:
        """Let queries know orders and trades only so much later."""
        self.venue.faults.read_lag_ms = milliseconds

    def blackout(self, client_id: str, milliseconds: int) -> None:
        """Keep an order from queries for so long."""
        self.venue.faults.blackouts[client_id] = self.venue.clock.pace_ms() + milliseconds

    def hide_trades(self, on: bool = True) -> None:
        """Keep trades from queries."""
        self.venue.faults.hides_trades = on

    def keep_on_cancel(self, times: int = 1) -> None:
        """Answer so many cancellations, and do not cancel."""
        self.venue.faults.kept_on_cancel = times

    def fill_on_cancel(self, times: int = 1) -> None:
        """Fill so many orders just before they are cancelled."""
        self.venue.faults.filled_on_cancel = times

    def ignore_settings(self, *names: str) -> None:
        """Answer changes of "leverage", "marginType" or "positionMode", and do not make them."""
        self.venue.faults.ignored = set(names)

    def freeze_klines(self, on: bool = True) -> None:
        """Let klines end now and stay so."""
        self.venue.faults.freeze_klines_ms = self.venue.clock.now_ms() if on else 0

    def old_snapshot(self, symbol: str, on: bool = True, perpetual: bool = False) -> None:
        """Answer `depth` with the snapshot of now from now on."""
        self.venue.faults.stale_depth.pop(symbol, None)
        if on:
            desk = self._side(perpetual).desk
            path = "/fapi/v1/depth" if perpetual else "/api/v3/depth"
            endpoint = self._side(perpetual).rest.endpoints["GET", path]
            params = Params({"symbol": symbol, "limit": "1000"})
            self.venue.faults.stale_depth[symbol] = self.venue.call(lambda: endpoint.answer(Call(desk, params)))

    def distort_book(self, symbol: str, how: str = "") -> None:
        """Show a book that is "crossed" or "empty" on one side, or (with nothing) the true one again."""
        self.venue.faults.distorted.pop(symbol, None)
        if how:
            self.venue.faults.distorted[symbol] = how

    def permissions(self, account: str, trade: bool = True, read: bool = True, withdraw: bool = False) -> None:
        """What the key of an account may do; without `read` every request is answered with -2015."""
        held = self.venue.account(account)
        held.can_trade, held.can_read, held.can_withdraw = trade, read, withdraw

    def skew(self, milliseconds: int) -> None:
        """Let the venue's clock be off by so much."""
        self.venue.clock.skew_ms = milliseconds

    # --- streams -----------------------------------------------------------------------------------------------------

    def on_stream(self, name: str, kind: str, **details: Any) -> Rule:
        """Let something happen to messages: of "btcusdt@depth*", "executionReport", "ORDER_TRADE_UPDATE"."""
        return self._add(self.venue.faults.stream_rules, STREAM_KINDS, name, kind, details)

    def gap(self, stream: str, messages: int = 1) -> Rule:
        """Lose so many messages of a stream."""
        return self.on_stream(stream, "drop", times=messages)

    def dup(self, stream: str, messages: int = 1) -> Rule:
        """Send so many messages of a stream twice."""
        return self.on_stream(stream, "dup", times=messages)

    def reorder(self, stream: str, messages: int = 1) -> Rule:
        """Send so many messages of a stream after the one that follows."""
        return self.on_stream(stream, "reorder", times=messages)

    def stall(self, on: bool = True, users: bool = True, markets: bool = True) -> None:
        """Let the sockets that are open say nothing more, but answer pings."""
        self._each_socket(lambda connection: setattr(connection, "is_stalled", on), users=users, markets=markets)

    def half_open(self, on: bool = True) -> None:
        """Let the sockets that are open neither say nor answer anything."""
        self.stall(on)
        self._each_socket(lambda connection: setattr(connection, "is_deaf", on))

    def cut_sockets(self) -> None:
        """End every socket without a word."""
        self._each_socket(lambda connection: connection.cut())

    def refuse_sockets(self, on: bool = True) -> None:
        """Let no socket be opened."""
        self.venue.faults.refuses_sockets = on

    def release(self) -> None:
        """Send the messages that rules of kind `hold` keep, in the order in which they came."""
        self._each_socket(lambda connection: connection.release())

    def ack_only(self, on: bool = True) -> None:
        """Answer subscriptions, and send nothing."""
        self.venue.faults.ack_only = on

    def expire_listen_key(self, account: str = "trader") -> None:
        """End an account's listen keys as if their hour were over."""
        for side in self.venue.sides.values():
            for key in [key for key, (owner, _) in side.desk.listen_keys.items() if owner == account]:
                del side.desk.listen_keys[key]
                self.venue.call(partial(side.users.expire, key))

    def server_shutdown(self) -> None:
        """Say that the venue goes down in a moment (`serverShutdown`), on every socket."""
        event = {"e": "serverShutdown", "E": self.venue.clock.now_ms()}

        def say(connection: Connection) -> None:
            wrapped = connection.is_unlimited or connection.combined
            connection.pass_on("serverShutdown", encode({"event": event} if wrapped else event), user=False)

        self._each_socket(say)

    # --- markets -----------------------------------------------------------------------------------------------------

    def halt(self, symbol: str, status: str = "HALT", perpetual: bool = False) -> None:
        """Stop trading in a symbol ("HALT", "BREAK", "CANCEL_ONLY"), or go on ("TRADING")."""
        self._step(Rules(symbol, {"status": status}, perpetual))

    def delist(self, symbol: str, perpetual: bool = False) -> None:
        """Take a symbol off the venue; its orders expire."""
        self._step(Rules(symbol, {}, perpetual, delist=True))

    def change_filters(self, symbol: str, perpetual: bool = False, **rules: Any) -> None:
        """Change the rules of a symbol: tick, lot, min_notional, max_orders, …"""
        self._step(Rules(symbol, rules, perpetual))

    def book(self, symbol: str, bids: Iterable[Any] = (), asks: Iterable[Any] = (), perpetual: bool = False) -> None:
        """Let the house show these levels and no others: pairs of price and amount, best first."""
        self._step(Depth(symbol, _pairs(bids), _pairs(asks), is_snapshot=True, perpetual=perpetual))

    def trade(self, symbol: str, price: Number, amount: Number = 1, side: str = "BUY", perpetual: bool = False) -> None:
        """Let the market trade at a price; what rests beyond it is filled."""
        self._step(Move(symbol, _number(price), _number(amount), SIDES[side], perpetual=perpetual))

    def mark(self, symbol: str, price: Number, funding_rate: Number | None = None) -> None:
        """Set the mark price of a perpetual, and the rate of its next funding."""
        rate = None if funding_rate is None else _number(funding_rate)
        self._step(Mark(symbol, _number(price), funding_rate=rate))

    def fund(self, symbol: str, rate: Number | None = None) -> None:
        """Pay funding in a perpetual now."""
        self._step(Fund(symbol, None if rate is None else _number(rate)))

    # --- accounts ----------------------------------------------------------------------------------------------------

    def add_key(self, public_key: str, account: str = "trader") -> str:
        """Register the public half of an Ed25519 or RSA key, as PEM; returns the API key that goes with it."""
        state, known = self.venue.core.state, read_public_key(public_key)
        key = sha256(f"{self.venue.seed} {account} {public_key}".encode()).hexdigest()
        state.names[key], state.public_keys[key] = state.account(account).name, known
        return key

    def deposit(self, asset: str, amount: Number, account: str = "trader", wallet: str = "spot") -> None:
        """Bring money in, or (below 0) take it out."""
        self._step(Deposit(account, asset, _number(amount), wallet))

    def external_order(self, symbol: str, side: str, amount: Number, price: Number | None = None,
                       account: str = "trader", client_id: str = "", perpetual: bool = False) -> int:  # fmt: skip
        """Place an order as if the customer had done it by hand; its id."""
        draft = Draft(symbol, SIDES[side], "MARKET" if price is None else "LIMIT", _number(amount),
                      _number(price or 0), client_id=client_id)  # fmt: skip
        reports = self._step(Place(account, draft, perpetual))
        return next(int(report.order.id) for report in reports if hasattr(report, "order"))

    def fill(self, symbol: str, order_id: int, amount: Number = 0, perpetual: bool = False) -> None:
        """Fill so much of a resting order (0: all), wherever the market is."""
        self._step(FillNow(symbol, order_id, _number(amount), perpetual))

    def expire(self, symbol: str, order_id: int, reason: str = "EXCHANGE_CANCELED", perpetual: bool = False) -> None:
        """Let the venue end an order."""
        self._step(Expire(symbol, order_id, reason, perpetual))

    def liquidate(self, symbol: str, account: str = "trader", adl: bool = False) -> None:
        """Close an account's position in a perpetual by force."""
        self._step(Liquidate(account, symbol, adl))

    def adjust_position(self, symbol: str, amount: Number, account: str = "trader", side: str = "BOTH") -> None:
        """Let a position have another amount than its fills say: what a venue must never do."""
        held = self.venue.account(account).futures.position(symbol, side)
        held.amount, held.entry = _number(amount), held.entry or self.venue.core.perpetual.market(symbol).mark_price

    # --- the oracle --------------------------------------------------------------------------------------------------

    def orders(self, account: str = "trader", perpetual: bool = False) -> list[dict[str, Any]]:
        """Every order that an account ever had."""
        floor = self.venue.core.floor(perpetual=perpetual)
        return [asdict(order) for order in floor.all_orders.values() if order.account == account]

    def fills(self, account: str = "trader") -> list[dict[str, Any]]:
        """Every fill of an account."""
        return [asdict(fill) for fill in self.venue.core.ledger.fills(account)]

    def balances(self, account: str = "trader") -> dict[str, Any]:
        """What an account has, by its bookings."""
        held = self.venue.account(account)
        ledger = self.venue.core.ledger
        return {"spot": {asset: ledger.balance(account, asset) for asset in held.free},
                "futures": {asset: ledger.balance(account, asset, "futures") for asset in held.futures.wallet},
                "positions": {f"{symbol} {side}": position.amount
                              for (symbol, side), position in held.futures.positions.items()}}  # fmt: skip

    # --- inside ------------------------------------------------------------------------------------------------------

    def _side(self, perpetual: bool) -> Any:
        return self.venue.sides["futures" if perpetual else "spot"]

    def _add(self, rules: list[Rule], kinds: tuple[str, ...], target: str, kind: str, details: dict[str, Any]) -> Rule:
        if kind not in kinds:
            raise ConfigError(f"No fault is called {kind!r}. There are {', '.join(kinds)}.")
        rule = Rule(target, kind, **details)
        rules.append(rule)
        return rule

    def _each_socket(self, action: Callable[[Connection], object], *, users: bool = True, markets: bool = True) -> None:
        def act() -> None:
            for side in self.venue.sides.values():
                listening = side.users.connections()
                for connection in side.sockets():
                    if users if connection in listening or connection.is_unlimited else markets:
                        action(connection)

        self.venue.call(act)


def hooks() -> dict[str, Callable[..., Any]]:
    """Every hook by its name."""
    return {name: method for name, method in vars(Control).items() if callable(method) and not name.startswith("_")}


def _pairs(levels: Iterable[Any]) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((_number(price), _number(amount)) for price, amount in levels)


def _number(value: Number) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))
