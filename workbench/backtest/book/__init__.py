"""Backtests on recorded books: recordings in place of candles, and the rows of the loop walked on their messages."""

from workbench.backtest.book import walk
from workbench.backtest.book.feeds import Feeds, as_feeds, restored_feeds

__all__ = ["Feeds", "as_feeds", "restored_feeds", "walk"]
