"""The counter between the wires and the core: one for spot, one for futures. It stamps events and hands reports on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.clock import Clock
from workbench.connectors.simulated.core import Core
from workbench.connectors.simulated.events import Event, Report
from workbench.connectors.simulated.faults import Faults
from workbench.connectors.simulated.floor import Floor
from workbench.connectors.simulated.ledger import Fill
from workbench.connectors.simulated.market import Market
from workbench.connectors.simulated.orders import Order
from workbench.connectors.simulated.refusals import NO_SUCH_ORDER, refuse
from workbench.connectors.simulated.weights import FUTURES_LIMITS, SPOT_LIMITS, Weights


@dataclass
class Desk:
    """One side of the venue, as its endpoints see it."""

    core: Core
    clock: Clock
    faults: Faults
    publish: Callable[[list[Report]], None]
    perpetual: bool
    weights: Weights = field(init=False)
    listen_keys: dict[str, tuple[str, int]] = field(default_factory=dict)  # → account, when it ends
    expire_key: Callable[[str], None] = lambda key: None

    def __post_init__(self) -> None:
        self.weights = Weights(FUTURES_LIMITS if self.perpetual else SPOT_LIMITS)

    @property
    def floor(self) -> Floor:
        """This side of the core."""
        return self.core.floor(perpetual=self.perpetual)

    @property
    def now_ms(self) -> int:
        """The time that answers carry."""
        return self.clock.now_ms()

    def market(self, symbol: str) -> Market:
        """A market of this side, or the refusal that there is none."""
        return self.floor.market(symbol)

    def step(self, event: Event) -> list[Report]:
        """Let an event happen now, and publish what follows, even if it is refused."""
        try:
            return self.core.step(event, self.clock.now_ms())
        finally:
            self.publish(self.core.state.reports)

    # --- what queries see, faults included ---------------------------------------------------------------------------

    def sees(self, order: Order) -> bool:
        """Do queries know this order (yet)?"""
        now = self.clock.pace_ms()
        return order.hidden_until_ms <= now and not self.faults.is_hidden(
            order.client_id, order.created_ms, self.now_ms, now
        )

    def order(self, account: Account, symbol: str, order_id: int | None, client_id: str) -> Order:
        """An order of an account, whatever became of it; of several with one client id the newest."""
        self.market(symbol)
        mine = self.floor.of(account.name, symbol)
        if order_id is not None:
            found = mine.get(order_id)
        else:
            found = next((order for order in reversed(mine.values()) if order.client_id == client_id), None)
        if found is None or not self.sees(found):
            raise refuse(NO_SUCH_ORDER)
        return found

    def open_orders(self, account: Account, symbol: str | None) -> list[Order]:
        """The open orders of an account that queries see."""
        orders = account.open_orders(perpetual=self.perpetual).values()
        return [order for order in orders if symbol in (None, order.symbol) and self.sees(order)]

    def fills(self, account: Account, symbol: str) -> list[Fill]:
        """What an account traded in a symbol, as far as queries see it."""
        lag = self.faults.read_lag_ms
        made = self.core.ledger.fills(account.name, symbol, perpetual=self.perpetual)
        return [fill for fill in made if fill.time_ms + lag <= self.now_ms and not self.faults.hides_trades]
