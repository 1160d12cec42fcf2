"""What trading costs: by venue, changed for accounts and instruments, as the venue takes it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from workbench.connectors.values import Rules
from workbench.market import BUY

Rate = Annotated[Decimal, Field(ge=Decimal("-0.1"), le=Decimal("0.1"))]


class FeeRates(BaseModel):
    """Fees as fractions of the value traded, below zero where the venue pays.

    `paid_in` is "quote", "received" (a buy then brings a little less base), or an asset such as "BNB", in which case
    `discount` comes off. `fixed` is charged on each fill on top, by asset.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    maker: Rate
    taker: Rate
    paid_in: str = "received"
    discount: Annotated[Decimal, Field(ge=0, lt=1)] = Decimal(0)
    fixed: Mapping[str, Decimal] = {}

    def fee(self, rules: Rules, side: int, price: Decimal, amount: Decimal, *, is_maker: bool) -> dict[str, Decimal]:
        """What one fill costs, by asset. A fee in a third coin is reckoned in quote: its rate is the caller's."""
        value = price * amount
        rate = (self.maker if is_maker else self.taker) * (1 - self.discount)
        if self.paid_in == "received" and side == BUY and not rules.is_perpetual:
            charged = {rules.base: amount * rate}
        else:
            charged = {rules.settle or rules.quote: value * rate}
        for asset, flat in self.fixed.items():
            charged[asset] = charged.get(asset, Decimal(0)) + flat
        return charged


def _rates(maker: str, taker: str, paid_in: str = "quote") -> FeeRates:
    return FeeRates(maker=Decimal(maker), taker=Decimal(taker), paid_in=paid_in)


# The lowest tier, without discounts, as published in 2026: (spot, perpetual).
PUBLISHED: dict[str, tuple[FeeRates, FeeRates]] = {
    "binance": (_rates("0.001", "0.001", "received"), _rates("0.0002", "0.0005")),
    "binanceusdm": (_rates("0.001", "0.001", "received"), _rates("0.0002", "0.0005")),
    "bybit": (_rates("0.001", "0.001", "received"), _rates("0.0002", "0.00055")),
    "okx": (_rates("0.0008", "0.001", "received"), _rates("0.0002", "0.0005")),
    "kraken": (_rates("0.0025", "0.004"), _rates("0.0002", "0.0005")),
    "kucoin": (_rates("0.001", "0.001"), _rates("0.0002", "0.0006")),
    "gate": (_rates("0.001", "0.001", "received"), _rates("0.0002", "0.0005")),
    "bitget": (_rates("0.001", "0.001", "received"), _rates("0.0002", "0.0006")),
    "coinbase": (_rates("0.006", "0.012"), _rates("0.0", "0.0003")),
    "hyperliquid": (_rates("0.0004", "0.0007", "received"), _rates("0.00015", "0.00045")),
}


class FeeBook(BaseModel):
    """Whose fees are known better than by the venue's published table; the closest word wins.

    Keys are "venue", "venue:account", "venue:account:instrument" or "venue::instrument".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    overrides: Mapping[str, FeeRates] = {}

    def rates(self, venue: str, account: str, rules: Rules) -> FeeRates:
        """The rates that this account pays: override, then what the venue told, then what it published."""
        for key in (f"{venue}:{account}:{rules.symbol}", f"{venue}::{rules.symbol}", f"{venue}:{account}", venue):
            if key in self.overrides:
                return self.overrides[key]
        published = PUBLISHED.get(venue, (_rates("0.001", "0.001"), _rates("0.0005", "0.0005")))[rules.is_perpetual]
        told = {name: rate for name, rate in (("maker", rules.maker), ("taker", rules.taker)) if rate is not None}
        return published.model_copy(update=told)
