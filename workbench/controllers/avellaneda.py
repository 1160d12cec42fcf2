"""Market making as a problem of control: how far from mid a maker with an inventory should quote."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from workbench.compiled import compiled
from workbench.controllers.controller import Controller
from workbench.controllers.fields import Duration, Field
from workbench.controllers.markets import one_market
from workbench.errors import ConfigError
from workbench.indicators import stddev
from workbench.market import BUY, SELL, Action, Candles, OrderKind, Sizing

FloatArray = npt.NDArray[np.float64]
REFERENCE, DUE, STEP, EDGE, AMOUNT, TARGET, MOST, AWARE, ENDLESS, AVERSION, NEAREST, POST_ONLY, MAY_SHORT = range(13)


class AvellanedaMarketMaking(Controller):
    """Quote around the price at which its inventory would be worth its risk, and not around mid.

    Whoever holds inventory runs the risk of the price; the more is held, the more should be paid to be rid of it. So
    each unit held moves both quotes down by a `step`, and each unit short moves them up: the side that brings the
    inventory back is filled sooner, the other later. Half the spread is the `edge`, ln(1 + γ/k)/γ, which is what a
    maker takes who knows how fast fills thin out with distance, plus half a step.

    With q units held and c for the edge, quotes lie at::

        ask = mid + c + (1 − 2q)/2 · step            bid = mid − c − (1 + 2q)/2 · step

    and the three modes differ in the step alone. "finite": γσ²(T − t), for a session that ends at T with its inventory
    marked at mid; sessions follow each other, each `horizon` long, counted from midnight of 1 January 1970 (UTC).
    "stationary": √(σ²γ/(2kA) · (1 + γ/k)^(1 + k/γ)), what it tends to when the end is far away (Guéant, Lehalle and
    Fernandez-Tapia). "infinite": the paper's reservation prices without an end, (1/γ)·ln(1 + (±1 − 2q)γ²σ²/(2ω −
    γ²q²σ²)) away from mid, with ω = ½γ²σ²(q_max + 1)².

    The model has no trends and no better-informed traders in it, and both are what costs a maker money; k and A are not
    to be seen in candles, they have to be measured on trades. It quotes one amount on each side and closes nothing at a
    loss.

    Parameters
    ----------
    risk_aversion : float
        γ, per unit of quote currency. 0.1 is wary for a price of 100, and far too wary for one of 30,000.
    depth : float
        k, per unit of quote currency: fills at a distance δ from mid come with intensity A·exp(−kδ).
    intensity : float or None
        A, in fills per `horizon`; only "stationary" needs it.
    volatility : float or None
        σ, in quote currency per square root of `horizon`. None: measured, from the changes of the last `length` closes.
    length : int
        Bars in that measurement.
    horizon : duration
        The unit of time of A and σ, and the length of a session.
    mode : "finite", "stationary" or "infinite"
    amount : float
        Base units of a quote, and the unit in which inventory is counted.
    target : float
        Inventory it wants to have, in base units.
    most : float or None
        Units away from the target beyond which it no longer quotes the side that leads further away; "infinite" needs
        it, as q_max.
    aware : bool
        False quotes the same spread around mid whatever is held (of "finite": the mean spread of a session): the
        "symmetric" strategy that the paper compares itself with.
    min_spread : float
        Least distance of a quote from mid, as a fraction of it. 0: a large inventory may quote through mid.
    refresh : duration
        Quotes stay for this long, and only their fills end them sooner. 0: new quotes at every close.
    post_only : bool
        Quotes that would take are turned away by the venue.
    may_short : bool
        False asks for no more than is held, as a spot account demands.

    References
    ----------
    Avellaneda and Stoikov (2008), High-frequency trading in a limit order book, Quantitative Finance 8(3), 217–224.
    Guéant, Lehalle and Fernandez-Tapia (2013), Dealing with the inventory risk, Mathematics and Financial Economics
    7(4), 477–507.
    """

    levels: ClassVar[int] = 2

    risk_aversion: float = Field(0.1, gt=0, hot=True)
    depth: float = Field(1.5, gt=0, hot=True)
    intensity: float | None = Field(None, gt=0, hot=True)
    volatility: float | None = Field(None, gt=0, hot=True)
    length: int = Field(200, ge=2, hot=True)
    horizon: Duration = Field("1d", hot=True)
    mode: Literal["finite", "stationary", "infinite"] = "finite"
    amount: float = Field(1.0, gt=0, hot=True)
    target: float = Field(0.0, hot=True)
    most: float | None = Field(None, gt=0, hot=True)
    aware: bool = Field(True, hot=True)
    min_spread: float = Field(0.0, ge=0, lt=1, hot=True)
    refresh: Duration = Field(0, hot=True)
    post_only: bool = False
    may_short: bool = True

    def reference(self, candles: Candles) -> FloatArray:
        """Mid, of shape (n_bars,); NaN where nothing is quoted."""
        return candles.close

    def columns(self, candles: Any) -> tuple[Any, ...]:
        """Mid, where it is time for new quotes, the step, and the parameters as numbers."""
        one = one_market(self.name, candles)
        closes_ms = one.time + one.timeframe_ms
        return (
            self.reference(one),
            closes_ms // max(self.refresh, 1) != (closes_ms - one.timeframe_ms) // max(self.refresh, 1),
            self.step(one),
            self.edge,
            self.amount,
            self.target,
            np.inf if self.most is None else self.most,
            self.aware,
            self.mode == "infinite",
            self.risk_aversion,
            self.min_spread or -np.inf,
            self.post_only,
            self.may_short,
        )

    @property
    def edge(self) -> float:
        """ln(1 + γ/k)/γ, in quote currency: half the spread of a maker with nothing to fear."""
        return float(np.log1p(self.risk_aversion / self.depth) / self.risk_aversion)

    def step(self, candles: Candles) -> FloatArray | float:
        """What one unit of inventory moves the quotes by, in quote currency; of "infinite", (q_max + 1)² instead."""
        if self.mode == "infinite":
            return (1.0 + (self.most or 0.0)) ** 2
        variance = self.variance(candles)
        if self.mode == "stationary":
            ratio = self.risk_aversion / self.depth
            slope = (1.0 + ratio) ** (1.0 + 1.0 / ratio) / (2.0 * self.depth * (self.intensity or np.nan))
            return np.sqrt(variance * self.risk_aversion * slope)
        return self.risk_aversion * variance * (self.remaining(candles) if self.aware else 0.5)

    def variance(self, candles: Candles) -> FloatArray | float:
        """σ², in quote currency squared per `horizon`; measured, it is NaN in the first `length` rows."""
        if self.volatility is not None:
            return self.volatility**2
        changes = np.diff(candles.close, prepend=np.nan)
        return stddev(changes, self.length) ** 2 * (self.horizon / candles.timeframe_ms)

    def remaining(self, candles: Candles) -> FloatArray:
        """T − t at each close as a fraction of the session; 1 at the close with which the next one begins."""
        return 1.0 - (candles.time + candles.timeframe_ms) % self.horizon / self.horizon

    @staticmethod
    @compiled
    def decide(row, world, out):
        """Quote both sides, each as long as its inventory is not too large."""
        mid, step = row[REFERENCE], row[STEP]
        if row[DUE] == 0.0 or not (mid > 0.0 and step == step):
            return
        held = (world.position - row[TARGET]) / row[AMOUNT]
        units = held * row[AWARE]
        for level in range(2):
            side = BUY if level == 0 else SELL
            away = shift(side, units, step, row[ENDLESS], row[AVERSION]) + row[EDGE]
            out[level].action, out[level].side, out[level].sizing = Action.QUOTE, side, Sizing.BASE
            out[level].kind = OrderKind.POST_ONLY if row[POST_ONLY] > 0.0 else OrderKind.LIMIT
            out[level].price = mid - side * max(away, row[NEAREST] * mid)
            out[level].size = row[AMOUNT] if side * held < row[MOST] else 0.0
            if side < 0 and row[MAY_SHORT] == 0.0:
                out[level].size = min(out[level].size, world.position)

    def check(self) -> None:
        """Refuse a mode without what it needs."""
        super().check()
        needed = {"stationary": "intensity", "infinite": "most"}.get(self.mode)
        if needed is not None and getattr(self, needed) is None:
            raise ConfigError(f'{self.name}: `mode` is "{self.mode}" and `{needed}` None. Give `{needed}`.')
        if self.horizon <= 0:
            raise ConfigError(f'{self.name}: `horizon` is {self.horizon}. Give a time above 0, such as "1d".')


@compiled
def shift(side, units, step, endless, aversion):
    """How far beyond the edge a quote lies from mid, for the sake of the units held."""
    lean = 1.0 + 2.0 * side * units
    if endless == 0.0:
        return 0.5 * lean * step
    return -side * np.log(1.0 - side * lean / (step - units * units)) / aversion
