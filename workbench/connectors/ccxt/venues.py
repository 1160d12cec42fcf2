"""What venues do differently, in one table. A venue that is not in it works with the defaults.

Sources: the venues' own API documents and the source of ccxt 4.5.90, read in 2026; `docs/connectors.md` prints the
table. A fact that ccxt knows itself (has it `editOrder`?) is asked of ccxt, not written down here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.connectors.ids import IdRule

UserStream = Literal["signature", "listen key", "login"]
Edit = Literal["", "amend", "replace"]  # not at all, in place, or as a new order under a new id


@dataclass(frozen=True, slots=True)
class DeadMan:
    """A venue's own switch that cancels all orders when it does not hear from us.

    `method` is the call of ccxt that arms it, `unit_ms` what its number counts; seconds from `least_s` to `most_s`.
    """

    method: str
    least_s: int
    most_s: int
    per_instrument: bool = False


@dataclass(frozen=True, slots=True)
class Venue:
    """The facts of one venue.

    Attributes
    ----------
    spot, perpetual : str
        The classes of ccxt that trade them; empty: it has none.
    ids : IdRule
        The alphabet and length of client order ids.
    asks_by_client_id : bool
        Can an order be looked up and cancelled by our own id? Otherwise it is found among open and closed orders.
    conditional : mapping
        Parameters that turn a call on orders into one on conditional orders, where these are kept apart.
    conditional_kinds : tuple
        The kinds of instrument, "spot" or "perpetual", whose conditional orders are kept apart.
    options : mapping
        Given to ccxt.
    silence_s : float
        A market-data stream that is quiet for longer is stale; instruments that trade rarely need more.
    """

    name: str
    spot: str = ""
    perpetual: str = ""
    ids: IdRule = field(default_factory=IdRule)
    asks_by_client_id: bool = True
    conditional: Mapping[str, Any] = field(default_factory=dict)
    conditional_kinds: tuple[str, ...] = ()
    dead_man_spot: DeadMan | None = None
    dead_man_perpetual: DeadMan | None = None
    user_stream: UserStream = "login"
    edit_spot: Edit = ""
    edit_perpetual: Edit = ""
    trigger_direction: bool = False  # must a stop say from which side its trigger is met?
    prints_spot: str = ""  # where ccxt's usual way sums prints up: the call whose ids are those of the stream
    prints_perpetual: str = ""
    sandbox: bool = False
    lifetime_s: float = 23 * 3600.0  # a socket is renewed before its venue ends it
    silence_s: float = 5.0
    options: Mapping[str, Any] = field(default_factory=dict)

    def class_of(self, *, perpetual: bool) -> str:
        """The class of ccxt for spot or perpetuals."""
        return (self.perpetual if perpetual else self.spot) or self.spot or self.perpetual or self.name

    def dead_man(self, *, perpetual: bool) -> DeadMan | None:
        """The venue's dead-man's switch, None where it has none."""
        return self.dead_man_perpetual if perpetual else self.dead_man_spot

    def prints(self, *, perpetual: bool) -> str:
        """The call for single prints, empty where the usual one gives them."""
        return self.prints_perpetual if perpetual else self.prints_spot

    def edits(self, *, perpetual: bool) -> Edit:
        """How an open order is changed."""
        return self.edit_perpetual if perpetual else self.edit_spot

    def keeps_apart(self, *, perpetual: bool) -> bool:
        """Are conditional orders in a list of their own, which a plain "cancel all" leaves alone?"""
        return ("perpetual" if perpetual else "spot") in self.conditional_kinds


ALNUM = IdRule("lower", "", 32)
_AFTER = "cancel_all_orders_after"
_SEPARATE = {"trigger": True}

BINANCE = Venue(
    "binance",
    "binance",
    "binanceusdm",
    IdRule("lower", "", 36),
    conditional={"stop": True},
    conditional_kinds=("perpetual",),
    dead_man_perpetual=DeadMan("fapiPrivatePostCountdownCancelAll", 5, 600, per_instrument=True),
    user_stream="signature",
    edit_spot="replace",
    edit_perpetual="amend",
    prints_spot="publicGetTrades",
    prints_perpetual="fapiPublicGetTrades",
    sandbox=True,
    options={"recvWindow": 5_000, "newOrderRespType": {"market": "FULL", "limit": "FULL"}},
)

VENUES: dict[str, Venue] = {
    venue.name: venue
    for venue in (
        BINANCE,
        Venue(
            "bybit",
            "bybit",
            "bybit",
            IdRule("lower", "", 36),
            asks_by_client_id=False,
            conditional=_SEPARATE,
            conditional_kinds=("spot", "perpetual"),
            dead_man_perpetual=DeadMan(_AFTER, 3, 300),
            dead_man_spot=DeadMan(_AFTER, 3, 300),
            sandbox=True,
            edit_spot="amend",
            edit_perpetual="amend",
            trigger_direction=True,
            options={"recvWindow": 5_000},
        ),
        Venue(
            "okx",
            "okx",
            "okx",
            ALNUM,
            conditional=_SEPARATE,
            conditional_kinds=("spot", "perpetual"),
            dead_man_spot=DeadMan(_AFTER, 10, 120),
            dead_man_perpetual=DeadMan(_AFTER, 10, 120),
            edit_spot="amend",
            edit_perpetual="amend",
            sandbox=True,
        ),
        Venue(
            "kraken",
            "kraken",
            "krakenfutures",
            IdRule("hex", "", 32),
            asks_by_client_id=False,
            dead_man_spot=DeadMan(_AFTER, 1, 86_399),
            dead_man_perpetual=DeadMan(_AFTER, 1, 86_399),
        ),
        Venue(
            "kucoin",
            "kucoin",
            "kucoinfutures",
            IdRule("lower", "", 40),
            conditional={"stop": True},
            conditional_kinds=("spot", "perpetual"),
        ),
        Venue(
            "gate",
            "gate",
            "gate",
            IdRule("lower", "t-", 30),
            conditional=_SEPARATE,
            conditional_kinds=("spot", "perpetual"),
            sandbox=True,
        ),
        Venue(
            "bitget",
            "bitget",
            "bitget",
            IdRule("lower", "", 40),
            conditional=_SEPARATE,
            conditional_kinds=("spot", "perpetual"),
            sandbox=True,
        ),
        Venue("coinbase", "coinbase", "", IdRule("lower", "", 36), asks_by_client_id=False),
        Venue(
            "hyperliquid",
            "hyperliquid",
            "hyperliquid",
            IdRule("hex", "0x", 34),
            dead_man_spot=DeadMan(_AFTER, 5, 86_400),
            dead_man_perpetual=DeadMan(_AFTER, 5, 86_400),
            sandbox=True,
        ),
    )
}
VENUES["binanceusdm"] = Venue(
    "binanceusdm",
    "",
    "binanceusdm",
    BINANCE.ids,
    conditional=BINANCE.conditional,
    conditional_kinds=BINANCE.conditional_kinds,
    dead_man_perpetual=BINANCE.dead_man_perpetual,
    user_stream="listen key",
    edit_perpetual="amend",
    prints_perpetual=BINANCE.prints_perpetual,
    sandbox=True,
    options=BINANCE.options,
)


def facts(venue: str) -> Venue:
    """The facts of a venue, or the defaults for one that ccxt knows and the table does not."""
    return VENUES.get(venue) or Venue(venue)
