"""Quotes at fixed distances from the close."""

from __future__ import annotations

from workbench.controllers.market_making import MarketMaking


class PmmSimple(MarketMaking):
    """Quote at fixed spreads around the close; the plainest of market makers, and the one to compare others with.

    All of it is in `MarketMaking`: the reference price is the last close and spreads are what was asked for. A fixed
    spread is too narrow on a wild day and too wide on a quiet one, which is what `PmmDynamic` sets out to mend.

    References
    ----------
    Hummingbot's `pmm_simple`.
    """
