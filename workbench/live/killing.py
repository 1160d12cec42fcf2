"""The kill switch: cancel every order of a run's instruments with connectors of its own, and prove it.

It needs no runner, no journal and no socket of ours: a plan, keys and the venue. A supervisor keeps one warm; the
command `workbench kill` makes one when all else is dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from workbench.connectors import (
    MAX_EXECUTOR,
    CcxtConnector,
    Clock,
    Connector,
    Keys,
    Misfit,
    NotThere,
    client_order_id,
    facts,
    fit,
)
from workbench.errors import ConfigError, Silent, VenueError, WorkbenchError
from workbench.live.plan import Mode, Place, Plan
from workbench.market import BUY, SELL, OrderKind
from workbench.trading import Intent, Life, Report

PROOF_S, PAUSE_S, LOOKS = 20.0, 0.15, 2  # it asks so long; so many looks in a row must show nothing
SILENT_S, FLAT_TRIES, COUNT_S = 16.0, 5, 0.3


@dataclass(slots=True)
class Proof:
    """What a kill came to. `left` is what the venue still shows, `unknown` why it could not be asked.

    `found` is how many orders there were; if not `is_counted`, those that the runner cancelled by itself are not in it.
    """

    seconds: float = 0.0
    found: int = 0
    is_counted: bool = True
    left: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    flattened: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)

    @property
    def is_proven(self) -> bool:
        """Did the venue show, more than once, that nothing is open?"""
        return not self.left and not self.unknown

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "proven": self.is_proven, "seconds": round(self.seconds, 3), "found": self.found,
            "counted": self.is_counted, "left": self.left, "unknown": self.unknown, "flattened": self.flattened,
            "held": self.held,
        }  # fmt: skip


def connector_of(plan: Plan, place: Place, keys: Mapping[str, Any], clock: Clock, budgets: Path | None) -> Connector:
    """A connector for a market's account, made from the plan alone."""
    given = keys.get(f"{place.venue}:{place.account}")
    if not given:
        raise ConfigError(
            f"{place.venue}: no keys of account {place.account!r} were given, and it has orders to cancel."
        )
    return CcxtConnector(
        place.venue, clock=clock, chance=Random(), perpetual=place.is_perpetual, keys=Keys(**given),
        account=place.account, folder=budgets, config=dict(plan.options.get(place.venue, {})),
        urls=urls_of(plan, place),
    )  # fmt: skip


def urls_of(plan: Plan, place: Place) -> Mapping[str, str] | None:
    """Other hosts than the venue's own, if the plan has any; those of perpetuals may have a row of their own."""
    kind = "perpetual" if place.is_perpetual else "spot"
    return plan.urls.get(f"{place.venue}:{kind}") or plan.urls.get(place.venue)


class KillSwitch:
    """Connectors of its own, one for each account and kind of instrument; `warm` makes a kill quick.

    Parameters
    ----------
    keys : mapping of "venue:account" to mapping
        What `Keys` takes.
    tell : callable
        Is told, in a line, what happens.
    """

    def __init__(
        self, plan: Plan, keys: Mapping[str, Any], clock: Clock, *, budgets: Path | None = None,
        tell: Callable[..., None] = lambda event, **facts: None,
    ) -> None:  # fmt: skip
        self.plan, self._keys, self.clock, self._budgets, self._tell = plan, keys, clock, budgets, tell
        self.doors: dict[str, Connector] = {}
        self._opening = asyncio.Lock()
        self._sent_ms = 0

    @property
    def places(self) -> tuple[Place, ...]:
        """The markets with orders at a venue; those of a paper run are nowhere but in its runner."""
        return () if self.plan.mode == Mode.PAPER else self.plan.markets

    @property
    def is_warm(self) -> bool:
        """Is every connector ready?"""
        return {place.door for place in self.places} <= self.doors.keys()

    async def warm(self) -> list[str]:
        """Make the connectors ready; why some are not."""
        wanted = {place.door: place for place in self.places}
        return [why for why in await asyncio.gather(*(self._open(place) for place in wanted.values())) if why]

    async def _open(self, place: Place) -> str:
        async with self._opening:
            if place.door in self.doors:
                return ""
            connector = None
            try:
                connector = connector_of(self.plan, place, self._keys, self.clock, self._budgets)
                await connector.start()
            except WorkbenchError as error:
                if connector is not None:
                    await connector.close()
                return f"{place.instrument} on {place.venue}: {error}"
            self.doors[place.door] = connector
            return ""

    async def count(self) -> int | None:
        """How many orders are open now; None if the venues do not say so soon, which is no reason to wait."""
        if not self.is_warm:
            return None
        doors = [(self.doors[place.door], place.instrument) for place in self.places if place.door in self.doors]
        try:
            async with asyncio.timeout(COUNT_S):
                return sum(len(one) for one in await asyncio.gather(*(door.open_orders(name) for door, name in doors)))
        except (WorkbenchError, TimeoutError):
            return None

    async def kill(self, *, limit_s: float = PROOF_S) -> Proof:
        """Cancel everything of the run's instruments, whoever made it, and ask until the venue shows none."""
        start, proof = self.clock.steady_s(), Proof()
        outcomes = await asyncio.gather(*(self._clear(place, start + limit_s, proof) for place in self.places))
        for left, unknown in outcomes:
            proof.left += left
            proof.unknown += unknown
        proof.seconds = self.clock.steady_s() - start
        return proof

    async def _clear(self, place: Place, until_s: float, proof: Proof) -> tuple[list[str], list[str]]:
        """One market: cancel and look, until it was seen empty twice; what is left, and what is not known."""
        empty, first, left, unknown = 0, True, [], []  # type: ignore[var-annotated]
        while empty < LOOKS:
            try:
                shown = await self._look(place, cancel=empty == 0)
                left, unknown = [_named(report) for report in shown[1]], []
                proof.found += len(shown[0]) if first else 0
                empty, first = (0 if left else empty + 1), False
            except WorkbenchError as error:
                unknown, empty = [f"{place.instrument} on {place.venue}: {error}"], 0
                self._tell("kill unanswered", instrument=place.instrument, error=str(error))
            if empty < LOOKS:
                if self.clock.steady_s() >= until_s:
                    break
                await self.clock.sleep(PAUSE_S if not unknown else 0.5)
        return left, unknown

    async def _look(self, place: Place, *, cancel: bool) -> tuple[list[Report], list[Report]]:
        """What is open before, and after everything was cancelled."""
        why = await self._open(place)
        if why:
            raise VenueError(why)
        door = self.doors[place.door]
        before = await door.open_orders(place.instrument)
        return before, await door.cancel_all(place.instrument) if cancel and before else before

    async def flatten(self, holdings: Mapping[str, Decimal], proof: Proof) -> None:
        """Close what is held, at market: perpetual positions as the venue shows them, on spot what the run says."""
        for place in self.places:
            try:
                if place.is_perpetual:
                    await self._close_position(place, proof)
                else:
                    await self._sell(place, holdings.get(place.instrument, Decimal(0)), proof)
            except WorkbenchError as error:
                proof.held.append(f"{place.instrument}: {error}")

    async def _close_position(self, place: Place, proof: Proof) -> None:
        """A reduce-only order cannot overshoot, so it may be sent again while the venue shows a position."""
        door = self.doors[place.door]
        for _ in range(FLAT_TRIES):
            legs = [leg for leg in await door.positions() if leg.instrument == place.instrument and leg.amount]
            if not legs:
                return
            for leg in legs:
                side = SELL if leg.amount > 0 else BUY
                await self._send(door, self._at_market(place, side, abs(leg.amount), leg.leg), proof)
        held = [leg for leg in await door.positions() if leg.instrument == place.instrument and leg.amount]
        proof.held += [f"{place.instrument}: {leg.amount}" for leg in held]

    async def _sell(self, place: Place, amount: Decimal, proof: Proof) -> None:
        if amount <= 0:
            return
        door = self.doors[place.door]
        free = (await door.balances()).get(place.instrument.partition("/")[0])
        wanted = self._at_market(place, SELL, min(amount, free.free if free else amount), 0)
        last = Decimal(str((await door.ticker(place.instrument)).last))
        fitted = fit(wanted, door.rules[place.instrument], last=last)
        if isinstance(fitted, Misfit):
            proof.held.append(f"{place.instrument}: {amount} stays, {fitted.reason}")
            return
        await self._send(door, fitted, proof)

    def _at_market(self, place: Place, side: int, amount: Decimal, leg: int) -> Intent:
        # The last executors' numbers belong to kill switches: the moment in ms names an order as no earlier kill did.
        rule, now_ms = facts(place.venue).ids, self.clock.now_ms()
        self._sent_ms = max(now_ms, self._sent_ms + 1)
        seconds, thousandth = divmod(self._sent_ms, 1000)
        name = client_order_id(rule, self.plan.run, MAX_EXECUTOR - thousandth, seconds)
        reduces = place.is_perpetual and not leg
        return Intent(name, place.instrument, side, OrderKind.MARKET, amount, reduce_only=reduces, position_side=leg,
                      created_ms=now_ms)  # fmt: skip

    async def _send(self, door: Connector, intent: Intent, proof: Proof) -> None:
        """Send once; if no answer came, ask for it until it is known what became of it."""
        try:
            report = await door.create(intent)
        except Silent:
            report = await self._ask(door, intent)
        said = (
            f"{'sold' if intent.side == SELL else 'bought'} {intent.amount.normalize():f} {intent.instrument} at market"
        )
        proof.flattened.append(said if report.life in (Life.OPEN, Life.FILLED) else f"{said}: {report.life.name}")

    async def _ask(self, door: Connector, intent: Intent) -> Report:
        until_s = self.clock.steady_s() + SILENT_S
        while True:
            try:
                return (await door.order(intent.instrument, intent.client_id))[0]
            except NotThere:
                if self.clock.steady_s() >= until_s:
                    return Report(intent.instrument, intent.client_id, "", Life.LOST, Decimal(0), self.clock.now_ms())
            except VenueError:
                if self.clock.steady_s() >= until_s:
                    raise
            await self.clock.sleep(0.5)

    async def close(self) -> None:
        """End the connectors."""
        doors, self.doors = list(self.doors.values()), {}
        await asyncio.gather(*(door.close() for door in doors), return_exceptions=True)


def _named(report: Report) -> str:
    return f"{report.instrument} {report.client_id or report.venue_id}"
