"""User streams: what happens to an account, told to the sockets that listen for it.

Spot knows two ways to listen: a listen key in a stream's path, and a signed subscription over the WebSocket API.
Futures know the listen key. What happens while nobody listens is not told later.
"""

from __future__ import annotations

from typing import Any

from workbench.connectors.simulated import payloads_futures as futures_shape
from workbench.connectors.simulated import payloads_spot as spot_shape
from workbench.connectors.simulated.desk import Desk
from workbench.connectors.simulated.events import (
    AlgoReport,
    BalanceReport,
    ConfigReport,
    DepositReport,
    FuturesReport,
    ListReport,
    MarginReport,
    OrderReport,
    Report,
)
from workbench.connectors.simulated.listen_keys import expired
from workbench.connectors.simulated.rest import encode
from workbench.connectors.simulated.sockets import Connection


class UserStreams:
    """The user streams of one side of the venue."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.keys: dict[str, set[Connection]] = {}  # listen key → sockets
        self.subscriptions: dict[tuple[Connection, int], str] = {}  # → account
        self._number = 0
        desk.expire_key = self.expire

    def listen(self, connection: Connection, key: str) -> None:
        """Tell a socket what happens to the account of a listen key."""
        self.keys.setdefault(key, set()).add(connection)

    def subscribe(self, connection: Connection, account: str) -> int:
        """Tell a socket of the WebSocket API what happens to an account; the subscription's number."""
        number, self._number = self._number, self._number + 1
        self.subscriptions[connection, number] = account
        return number

    def unsubscribe(self, connection: Connection, number: int | None) -> None:
        """End one subscription of a socket, or all of them."""
        for held, one in list(self.subscriptions):
            if held is connection and number in (None, one):
                del self.subscriptions[held, one]

    def terminate(self, connection: Connection, number: int | None) -> None:
        """End subscriptions because the client wants it, and say so (`eventStreamTerminated`)."""
        for held, one in list(self.subscriptions):
            if held is connection and number in (None, one):
                event = encode({"e": "eventStreamTerminated", "E": self.desk.now_ms})
                connection.pass_on("eventStreamTerminated", f'{{"subscriptionId":{one},"event":{event}}}', user=False)
        self.unsubscribe(connection, number)

    def forget(self, connection: Connection) -> None:
        """A socket is gone."""
        self.unsubscribe(connection, None)
        for listeners in self.keys.values():
            listeners.discard(connection)

    def connections(self) -> set[Connection]:
        """Every socket that listens for an account."""
        return {held for held, _ in self.subscriptions} | {held for sockets in self.keys.values() for held in sockets}

    def numbers_of(self, connection: Connection) -> list[int]:
        """The subscriptions of a socket."""
        return [number for held, number in self.subscriptions if held is connection]

    def publish(self, reports: list[Report]) -> None:
        """Tell each account's sockets what happened to it."""
        if not self.keys and not self.subscriptions:
            return
        for report in reports:
            account = report.order.account if isinstance(report, OrderReport) else getattr(report, "account", None)
            if account is not None and self._is_heard(account):
                for message in self._messages(report):
                    self.tell(account, message)

    def tell(self, account: str, message: dict[str, Any]) -> None:
        """Send a message to all sockets of an account."""
        text, word = encode(message), str(message["e"])
        for key, listeners in self.keys.items():
            if self.desk.listen_keys.get(key, ("", 0))[0] == account:
                for connection in list(listeners):
                    whole = f'{{"stream":"{key}","data":{text}}}' if connection.combined else text
                    connection.pass_on(word, whole, user=True)
        for (connection, number), owner in list(self.subscriptions.items()):
            if owner == account:
                connection.pass_on(word, f'{{"subscriptionId":{number},"event":{text}}}', user=True)

    def pulse(self) -> None:
        """End the keys whose hour is over."""
        for key in expired(self.desk):
            self.expire(key)

    def expire(self, key: str) -> None:
        """Tell the sockets of a key that it is over; futures close them, spot just falls silent."""
        message = {"e": "listenKeyExpired", "E": self.desk.now_ms, "listenKey": key}
        for connection in self.keys.pop(key, set()):
            connection.pass_on("listenKeyExpired", encode(message), user=False)

    def _is_heard(self, account: str) -> bool:
        if account in self.subscriptions.values():
            return True
        return any(
            self.desk.listen_keys.get(key, ("", 0))[0] == account for key, sockets in self.keys.items() if sockets
        )

    def _messages(self, report: Report) -> list[dict[str, Any]]:
        return self._futures(report) if self.desk.perpetual else self._spot(report)

    def _spot(self, report: Report) -> list[dict[str, Any]]:
        now = self.desk.now_ms
        match report:
            case OrderReport(perpetual=False):
                return [spot_shape.order_event(report, now)]
            case BalanceReport():
                return [spot_shape.balance_event(report, now)]
            case DepositReport():
                return [spot_shape.deposit_event(report, now)]
            case ListReport():
                return [spot_shape.list_event(self.desk.core.spot.lists.by_id[report.list_id], report.time_ms, now)]
        return []

    def _futures(self, report: Report) -> list[dict[str, Any]]:
        now, floor = self.desk.now_ms, self.desk.core.perpetual
        match report:
            case OrderReport(perpetual=True):
                market = floor.markets.get(report.order.symbol)
                lite = [futures_shape.lite_event(report, market, now)] if report.execution == "TRADE" else []
                return [*lite, futures_shape.order_event(report, market, now)]
            case FuturesReport():
                return [futures_shape.account_event(report, self.desk.core, now)]
            case ConfigReport():
                return [futures_shape.config_event(report, now)]
            case AlgoReport():
                return [futures_shape.algo_event(report, floor.markets.get(report.algo.draft.symbol), now)]
            case MarginReport():
                return [futures_shape.margin_event(report, self.desk.core, now)]
        return []
