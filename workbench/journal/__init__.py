"""What has happened, kept: the only room that knows SQLAlchemy.

The trial ledger counts every backtest, so that a search cannot be forgotten: `trials.record` costs microseconds and
never breaks a run, `Ledger` reads them back. It can be added to and not wound back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.journal import trials

if TYPE_CHECKING:
    from workbench.journal.database import database_url, open_database
    from workbench.journal.ledger import Count, Ledger

__all__ = ["Count", "Ledger", "database_url", "open_database", "trials"]
HOME = {"Count": "ledger", "Ledger": "ledger", "database_url": "database", "open_database": "database"}


def __getattr__(name: str) -> Any:
    """SQLAlchemy is loaded when something is read back, not when it is recorded."""
    if name not in HOME:
        raise AttributeError(f"workbench.journal has no {name!r}. It offers {', '.join(__all__)}.")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{HOME[name]}"), name)
