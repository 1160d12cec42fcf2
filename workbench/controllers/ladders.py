"""The ladder of a controller whose positions average down."""

from __future__ import annotations

from typing import Literal

from workbench.controllers.executors import Dca
from workbench.controllers.fields import Field
from workbench.controllers.guarded import Guarded
from workbench.errors import ConfigError
from workbench.market import LADDER


class Laddered(Guarded):
    """A position in several entries, each a spread away from the price at which the ladder is set.

    Parameters
    ----------
    dca_spreads : fractions of that price, one for each entry
    dca_amounts : numbers, as many, or None
        Shares of the entries in the ladder, in any unit. None: all alike.
    dca_mode : "maker" or "taker"
        A maker rests all entries, and its stop loss counts once they are whole; a taker buys when the price is there,
        and its stop loss is a share of the whole ladder.
    """

    dca_spreads: tuple[float, ...] = Field((0.01, 0.02, 0.04, 0.08), hot=True)
    dca_amounts: tuple[float, ...] | None = Field((0.1, 0.2, 0.4, 0.8), hot=True)
    dca_mode: Literal["maker", "taker"] = "maker"

    def ladder(self, side: int) -> Dca:
        """The ladder for a price and an amount of 1; an executor is made by scaling it."""
        shares = self.dca_amounts or (1.0,) * len(self.dca_spreads)
        return Dca(
            prices=tuple(1.0 - side * spread for spread in self.dca_spreads),
            amounts=tuple(share / sum(shares) for share in shares),
            mode=self.dca_mode,
            **self.barriers,
        )

    def check(self) -> None:
        """Refuse a ladder that cannot be."""
        super().check()
        spreads, amounts = self.dca_spreads, self.dca_amounts
        if not 1 <= len(spreads) <= LADDER or not all(0.0 <= spread < 1.0 for spread in spreads):
            raise ConfigError(f"{self.name}: `dca_spreads` is {spreads}. Give 1 to {LADDER} fractions below 1.")
        if amounts is not None and (len(amounts) != len(spreads) or min(amounts) <= 0.0):
            raise ConfigError(
                f"{self.name}: `dca_amounts` is {amounts} for {len(spreads)} entries. Give one number above 0 for each "
                f"of `dca_spreads`, or None."
            )
