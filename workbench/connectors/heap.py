"""What the garbage collector looks at in a process that trades."""

from __future__ import annotations

import gc


def freeze_heap() -> None:
    """Collect once, and have the garbage collector pass over all that lives now.

    A full collection stops the event loop for as long as it takes to look at everything: 50 ms after ccxt alone has
    been imported, several times that with a big venue's instruments loaded, every few seconds when messages are many.
    Call it in a process that does nothing but trade, once its connectors have started; what lives then and forms
    cycles stays until the process ends, so that a notebook's kernel is no place for it.
    """
    gc.collect()
    gc.freeze()
