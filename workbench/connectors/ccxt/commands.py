"""Commands: orders and account settings. Each is sent once; what was not answered is said to be not known."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, TypeVar

from workbench.connectors.ccxt import parsing
from workbench.connectors.ccxt.fields import Row, Unreadable
from workbench.connectors.ccxt.questions import Questions
from workbench.connectors.errors import ClockOff
from workbench.connectors.protocol import Edited
from workbench.connectors.throttle import Throttle
from workbench.connectors.values import MarginMode
from workbench.errors import Busy, ConfigError, Rejected, VenueError
from workbench.market import BUY, OrderKind
from workbench.trading import Intent, Report

Answer = TypeVar("Answer")

KINDS = {
    OrderKind.MARKET: "market",
    OrderKind.LIMIT: "limit",
    OrderKind.POST_ONLY: "limit",
    OrderKind.STOP: "market",
    OrderKind.STOP_LIMIT: "limit",
}


class Commands(Questions):
    """What a connector can be told to do."""

    venue: str
    account: str
    throttle: Throttle | None = None
    closed_because: str = ""  # the gate: why no order may be opened

    def stale(self, instrument: str) -> str:
        """Why the prices of an instrument must not be relied on; empty: they may."""
        raise NotImplementedError

    def expect(self, intent: Intent) -> None:
        """An order was accepted: our own stream should tell of it within seconds."""
        raise NotImplementedError

    def mind(self, instrument: str) -> None:
        """We trade here: after an interruption, ask what happened to it."""
        raise NotImplementedError

    async def measure_clock(self) -> Any:
        """Compare clocks."""
        raise NotImplementedError

    # --- orders ------------------------------------------------------------------------------------------------------

    async def create(self, intent: Intent) -> Report:
        """Send an order, once.

        Raises
        ------
        Rejected
            If it was refused, here or by the venue. `NoFunds` and `KeyRefused` are kinds of it.
        Busy
            If it was certainly not accepted: prices are stale, the budget is spent, the venue is overloaded.
        Silent
            If nobody knows. Ask for it by its client id; do not send it again. `AlreadyThere` is a kind of it.
        """
        self._check_gate(intent)
        if self.throttle is not None:
            await self.throttle.orders.take(1.0, urgent=intent.reduce_only)
        size = self.rules_of(intent.instrument).contract_size
        self.mind(intent.instrument)
        client, more = self.client, self._order_settings(intent)
        kind, side = KINDS[intent.kind], "buy" if intent.side == BUY else "sell"
        amount, price = _digits(intent.amount / size), _digits(intent.price) if intent.price else None

        async def call() -> Report:
            answer = await client.create_order(intent.instrument, kind, side, amount, price, more)
            return self._accepted(answer, intent)

        report = await self._command("create_order", call, intent.instrument, urgent=intent.reduce_only)
        self.expect(intent)
        return report

    async def cancel(
        self, instrument: str, *, client_id: str = "", venue_id: str = "", conditional: bool = False
    ) -> None:
        """Ask for a cancellation; that it was acknowledged does not end the order."""
        by_ours = bool(client_id) and self.facts.asks_by_client_id
        if not by_ours and not venue_id:
            raise ConfigError(f"{self.venue} cancels by its own id only. Give `venue_id` for {client_id!r}.")
        apart = conditional and self.facts.keeps_apart(perpetual=self.perpetual)
        more = {**(self.facts.conditional if apart else {}), **({"clientOrderId": client_id} if by_ours else {})}
        call = lambda: self.client.cancel_order(None if by_ours else venue_id, instrument, more)  # noqa: E731
        await self._command("cancel_order", call, instrument, urgent=True)

    async def cancel_all(self, instrument: str) -> list[Report]:
        """Cancel every order of an instrument, conditional ones too; returns those still open when asked after."""
        lists: list[Mapping[str, Any]] = [{}]
        if self.facts.keeps_apart(perpetual=self.perpetual):
            lists.append(self.facts.conditional)
        for more in lists:
            await self._cancel_list(instrument, dict(more))
        return await self.open_orders(instrument)

    async def edit(self, old: Intent, new: Intent, *, venue_id: str = "") -> Edited:
        """Change price and amount of an open order.

        Where the venue replaces it, `new` has a client id of its own, written down before; where it amends in place,
        the id stays.
        """
        way = self.facts.edits(perpetual=self.perpetual)
        if not way:
            raise Rejected(
                f"{old.instrument} on {self.venue} cannot be edited: cancel the order and create another.",
                venue=self.venue, instrument=old.instrument, request="edit_order",
            )  # fmt: skip
        if (way == "amend") != (old.client_id == new.client_id) or (way == "amend" and not venue_id):
            want = "amends: keep the client id, give `venue_id`" if way == "amend" else "replaces: give a new client id"
            raise ConfigError(f"{self.venue} {want}.")
        self._check_gate(new)
        return await self._edit(way, old, new, venue_id)

    # --- account settings --------------------------------------------------------------------------------------------

    async def is_hedged(self) -> bool:
        """Are long and short held side by side?"""

        async def call() -> bool:
            hedged = (await self.client.fetch_position_mode()).get("hedged")
            if not isinstance(hedged, bool):
                raise Unreadable(f"position mode: `hedged` is {hedged!r}")
            return hedged

        return await self.ask("fetch_position_mode", call)

    async def set_hedged(self, hedged: bool) -> None:
        """Change the position mode of an account that is flat, and read it back."""
        if await self.is_hedged() == hedged:
            return
        if legs := await self.positions():
            raise ConfigError(
                f"{self.venue}: the position mode can only change while the account is flat, but it holds "
                f"{legs[0].amount} {legs[0].instrument}. Close the position first."
            )
        await self._command("set_position_mode", lambda: self.client.set_position_mode(hedged), "")
        self._same("position mode", hedged, await self.is_hedged(), "")

    async def leverage(self, instrument: str) -> Decimal:
        """The leverage set for an instrument."""

        async def call() -> Decimal:
            answer = Row.of(await self.client.fetch_leverage(instrument), "leverage")
            return answer.positive("longLeverage")

        return await self.ask("fetch_leverage", call, instrument=instrument)

    async def set_leverage(self, instrument: str, leverage: int) -> None:
        """Set it and read it back."""
        await self._command("set_leverage", lambda: self.client.set_leverage(leverage, instrument), instrument)
        self._same("leverage", Decimal(leverage), await self.leverage(instrument), instrument)

    async def margin_mode(self, instrument: str) -> MarginMode:
        """Cross or isolated."""

        async def call() -> MarginMode:
            answer = Row.of(await self.client.fetch_margin_mode(instrument), "margin mode")
            return MarginMode(answer.one_of("marginMode", {"cross": 0, "isolated": 1}))

        return await self.ask("fetch_margin_mode", call, instrument=instrument)

    async def set_margin_mode(self, instrument: str, mode: MarginMode) -> None:
        """Set it and read it back."""
        if await self.margin_mode(instrument) == mode:
            return
        word = mode.name.lower()
        await self._command("set_margin_mode", lambda: self.client.set_margin_mode(word, instrument), instrument)
        self._same("margin mode", mode, await self.margin_mode(instrument), instrument)

    async def arm(self, instrument: str, seconds: int) -> bool:
        """Have the venue cancel all orders unless told again in time; 0 disarms. False: it has no such switch."""
        switch = self.facts.dead_man(perpetual=self.perpetual)
        if switch is None:
            return False
        if seconds and not switch.least_s <= seconds <= switch.most_s:
            raise ConfigError(f"{self.venue}: {seconds} s. Its switch takes {switch.least_s} to {switch.most_s} s.")
        method = getattr(self.client, switch.method)
        if switch.per_instrument:
            symbol = self.client.market(instrument)["id"]
            call = lambda: method({"symbol": symbol, "countdownTime": seconds * 1000})  # noqa: E731
        else:
            call = lambda: method(seconds * 1000)  # noqa: E731
        await self._command("dead man's switch", call, instrument, urgent=True)
        return True

    # --- inside ------------------------------------------------------------------------------------------------------

    def _check_gate(self, intent: Intent) -> None:
        """The lowest layer's gate: an order that opens goes out only while all is well."""
        if self.fatal is not None:
            raise self.fatal
        if intent.reduce_only:
            return
        named = {"venue": self.venue, "instrument": intent.instrument, "request": "create_order"}
        if self.closed_because:
            raise Rejected(f"{self.venue} opens nothing: {self.closed_because}. Set that right first.", **named)
        if stale := self.stale(intent.instrument):
            raise Busy(f"{intent.instrument} on {self.venue}: prices are stale ({stale}). Wait for them.", **named)

    def _order_settings(self, intent: Intent) -> dict[str, Any]:
        """What goes beside kind, side, amount and price. As text: ccxt silently leaves out a Decimal."""
        more: dict[str, Any] = {"clientOrderId": intent.client_id}
        if intent.trigger is not None:
            more["triggerPrice"] = _digits(intent.trigger)
            if self.facts.trigger_direction:
                more["triggerDirection"] = "ascending" if intent.side == BUY else "descending"
        if intent.kind == OrderKind.POST_ONLY:
            more["postOnly"] = True
        elif intent.time_in_force != "GTC":
            more["timeInForce"] = intent.time_in_force
        if intent.position_side:
            more |= {"hedged": True, "reduceOnly": intent.side != intent.position_side}
        elif self.perpetual and intent.reduce_only:
            more["reduceOnly"] = True
        return more

    async def _command(
        self, request: str, call: Callable[[], Awaitable[Answer]], instrument: str, *, urgent: bool = False
    ) -> Answer:
        try:
            return await self.ask(request, call, instrument=instrument, changes=True, urgent=urgent)
        except ClockOff:
            with suppress(VenueError):
                await self.measure_clock()
            raise

    def _accepted(self, answer: Any, intent: Intent) -> Report:
        """The answer to a create; some venues only say an id."""
        row = Row.of(answer, "created order")
        told = {"symbol": intent.instrument, "clientOrderId": intent.client_id}
        filled = {name: value for name, value in row.values.items() if value is not None}
        whole = {"status": "open", **told, **filled}
        size = self.size(intent.instrument)
        report = parsing.reports(whole, size, default_ms=self.time.now_ms())[0]
        if report.client_id != intent.client_id:
            raise Unreadable(f"created order: the client id is {report.client_id!r}, not {intent.client_id!r}")
        return report

    async def _cancel_list(self, instrument: str, more: dict[str, Any]) -> None:
        """One list of orders: at once where the venue can, else one by one. That none was there is no failure."""
        client = self.client
        if client.has.get("cancelAllOrders") is True:
            try:
                cancel = lambda: client.cancel_all_orders(instrument, more)  # noqa: E731
                await self._command("cancel_all_orders", cancel, instrument, urgent=True)
            except Rejected:
                if await self.orders_in("fetch_open_orders", instrument, more):
                    raise
            return
        for report in await self.orders_in("fetch_open_orders", instrument, more):
            await self.cancel(instrument, venue_id=report.venue_id, client_id=report.client_id, conditional=bool(more))

    async def _edit(self, way: str, old: Intent, new: Intent, venue_id: str) -> Edited:
        size = self.rules_of(new.instrument).contract_size
        more = {**self._order_settings(new), "cancelOrigClientOrderId": old.client_id} if way == "replace" else {}
        side, amount = "buy" if new.side == BUY else "sell", _digits(new.amount / size)
        price = _digits(new.price) if new.price else None

        async def call() -> Edited:
            kind = KINDS[new.kind]
            answer = await self.client.edit_order(venue_id or None, new.instrument, kind, side, amount, price, more)
            return Edited(True if way == "replace" else None, self._accepted(answer, new))

        try:
            return await self._command("edit_order", call, new.instrument)
        except VenueError as error:
            halves = _halves(error)
            if halves is None:
                raise
            return halves

    def _same(self, what: str, wanted: object, found: object, instrument: str) -> None:
        if wanted != found:
            raise Rejected(
                f"{instrument or self.account} on {self.venue}: {what} was set to {wanted} and reads {found}. Set it "
                "at the venue, and look whether something else changes it.",
                venue=self.venue, instrument=instrument, request=what,
            )  # fmt: skip


def _digits(value: Decimal | None) -> str:
    return format(value, "f") if value is not None else ""


def _halves(error: VenueError) -> Edited | None:
    """Binance's answer 409: the cancellation and the new order, one of which failed."""
    body = getattr(error.__cause__, "body", "")
    try:
        data = json.loads(body).get("data") if body else None
    except (ValueError, AttributeError):
        return None
    if not isinstance(data, dict) or "cancelResult" not in data:
        return None
    cancelled = {"SUCCESS": True, "FAILURE": False}.get(str(data["cancelResult"]))
    known = data.get("newOrderResult") in ("FAILURE", "NOT_ATTEMPTED")
    if not known:
        return Edited(cancelled, None, "not known")
    said = data.get("newOrderResponse") or data.get("cancelResponse") or {}
    return Edited(cancelled, None, str(said.get("msg", error) if isinstance(said, dict) else error))
