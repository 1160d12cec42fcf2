"""When the garbage of a runner is collected."""

from __future__ import annotations

import gc

from workbench.connectors import freeze_heap

YOUNG, OLD = 20, 2_400  # looks between two collections of the middle generation, and of all


class Garbage:
    """Collects what forms cycles between two events, rather than in the middle of an order.

    A collection begins by itself after so many allocations, and an order on its way allocates most.
    """

    def __init__(self) -> None:
        self._looks = 0

    def begin(self) -> None:
        """From now on nothing is collected by itself, and what lives now not at all."""
        freeze_heap()
        gc.disable()

    def look(self) -> None:
        """Collect the youngest; now and then the older ones too."""
        self._looks += 1
        gc.collect(2 if not self._looks % OLD else 1 if not self._looks % YOUNG else 0)

    def end(self) -> None:
        """As Python does it."""
        gc.enable()
