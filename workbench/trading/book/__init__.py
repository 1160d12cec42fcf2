"""How a recorded book answers orders: queues, levels that are taken, and the order of events; docs/books.md.

A run on recordings has a world of its own, which begins like one with purses; kernels of such a world call the
functions here in place of those that walk bars.
"""

from workbench.trading.book.records import BOOK_WORLD, CAREFUL, as_book_world
from workbench.trading.book.walking import walk_messages

__all__ = ["BOOK_WORLD", "CAREFUL", "as_book_world", "walk_messages"]
