"""Market making in which each level averages down."""

from __future__ import annotations

from workbench.controllers.executors import Executor
from workbench.controllers.fields import Field, Fraction
from workbench.controllers.ladders import Laddered
from workbench.controllers.market_making import MarketMaking


class DmanMaker(MarketMaking, Laddered):
    """Quote both sides, and let each level be a ladder of entries with one average price.

    A level is not an order but a DCA executor: its entries lie `dca_spreads` beyond the level's own spread, with
    growing amounts, and barriers count from the average of what has filled. A swing that takes several entries needs
    only a part of the way back to be closed with a gain, so almost every round trip is one. What pays for that are the
    moves that take all entries and go on: a maker's stop loss counts once the ladder is whole, and then it is the
    largest position of all that ends at a loss. Look at the worst trade, not at the win rate.

    Parameters
    ----------
    dca_spreads, dca_amounts, dca_mode
        The ladder of each level, as `Laddered` has it, beyond the price of the level.

    References
    ----------
    Fields and defaults as in Hummingbot's `dman_maker_v2`.
    """

    buy_spreads: tuple[float, ...] = Field((0.01,), hot=True)
    sell_spreads: tuple[float, ...] = Field((0.01,), hot=True)
    stop_loss: Fraction | None = Field(0.05, hot=True)

    def level(self, side: int) -> Executor:
        """A ladder."""
        return self.ladder(side)
