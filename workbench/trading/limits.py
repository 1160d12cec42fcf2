"""What a run may do at most: the limits of the risk gate, as a person writes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import ConfigError

Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Each = Positive | dict[str, Positive]


class Limits(BaseModel):
    """What a run may do at most. None is no limit; every intent is held against all of them, and none goes round.

    What only reduces a position passes all of them but the rate. Sums are in quote currency, so a run that trades
    several quote currencies should have one that stands for all.

    Attributes
    ----------
    max_order_amount, max_position : Decimal or dict
        Base units: one number for all instruments, or one by instrument. A position is reckoned as it would be if all
        that rests were filled, on the side where it is larger.
    max_order_notional, max_exposure : Decimal
        Quote currency; exposure is the sum over all instruments of the largest position times the last price.
    price_band : float
        How far a price or a trigger may lie from the last price, as a fraction of it. Default 0.2.
    price_room : float
        How far the price may move against a market order on its way, as a fraction of it: one that would take more
        than all the money then is made smaller by as much, because a venue refuses it whole. Default 0.002.
    max_orders_per_minute : int
        All orders, also those that reduce. Default 120.
    keep : dict
        What must stay free of an asset, by asset.
    max_daily_loss : Decimal
        Quote currency, since midnight UTC.
    max_drawdown : float
        Fall of the run's equity from its peak, as a fraction of that.
    max_controller_drawdown, max_total_drawdown : Decimal
        Quote currency: the fall from its peak of one controller's PnL, and of that of all runs together.
    max_data_age_ms : int
        Nothing is opened on a price older than this. Default 5 000.
    max_oddities : int
        So many refusals by a venue or oddities within a minute, and nothing is opened until the run is resumed.
        Default 5.
    kill_loss, kill_profit : float
        The kill switch falls when equity has lost or won this fraction since the start.
    kill_trailing : float
        It falls when equity lies this fraction below its peak.
    flatten : bool
        Whether the kill switch also closes what is held.

    Examples
    --------
    >>> Limits(max_order_notional=500, max_position={"BTC/USDT": "0.1"}).max_data_age_ms
    5000
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_order_amount: Each | None = None
    max_order_notional: Positive | None = None
    price_band: Share | None = 0.2
    price_room: Share | None = 0.002
    max_position: Each | None = None
    max_exposure: Positive | None = None
    max_orders_per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = 120
    keep: dict[str, NotNegative] = Field(default_factory=dict)
    max_daily_loss: Positive | None = None
    max_drawdown: Share | None = None
    max_controller_drawdown: Positive | None = None
    max_total_drawdown: Positive | None = None
    max_data_age_ms: Annotated[int, Field(ge=1)] | None = 5_000
    max_oddities: Annotated[int, Field(ge=1)] | None = 5
    kill_loss: Share | None = None
    kill_profit: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    kill_trailing: Share | None = None
    flatten: bool = False

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise ConfigError(_in_words(error)) from None

    @classmethod
    def none(cls) -> Limits:
        """No limit at all, not even the defaults: for backtests and paper runs that compare with them."""
        return cls(
            price_band=None, price_room=None, max_orders_per_minute=None, max_data_age_ms=None, max_oddities=None
        )

    def of(self, name: str, instrument: str) -> Decimal | None:
        """A limit that may differ by instrument; None: none is set."""
        value = getattr(self, name)
        return value.get(instrument) if isinstance(value, dict) else value

    def in_words(self) -> list[str]:
        """One line for each limit that is set."""
        return [f"{name.replace('_', ' ')}: {_shown(value)}" for name, value in self if value not in (None, {}, False)]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return str(value)


def _in_words(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][:1])
    if first["type"] == "extra_forbidden":
        return f"Limits: there is no limit {name!r}. There are {', '.join(Limits.model_fields)}."
    return f"Limits: `{name}` is {first['input']!r}: {first['msg'].lower()}."
