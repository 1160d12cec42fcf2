"""What has happened, kept: the only room that knows SQLAlchemy.

The trial ledger counts every backtest, so that a search cannot be forgotten: `trials.record` costs microseconds and
never breaks a run, `Ledger` reads them back. It can be added to and not wound back.

The journal of a run is what happened in it: `Journal` is written by its runner, `Past` read by everybody.
docs/journal.md tells how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.journal import trials

if TYPE_CHECKING:
    from workbench.journal.codec import from_text
    from workbench.journal.database import database_url, laying_out, open_database
    from workbench.journal.entries import Entry
    from workbench.journal.journal import Journal
    from workbench.journal.ledger import Count, Ledger
    from workbench.journal.past import Past
    from workbench.journal.rescuing import Account, rescue
    from workbench.journal.stores import NotWritten, version_of
    from workbench.journal.verifying import Verdict

__all__ = [
    "Account", "Count", "Entry", "Journal", "Ledger", "NotWritten", "Past", "Verdict", "database_url", "from_text",
    "laying_out", "open_database", "rescue", "trials", "version_of",
]  # fmt: skip
HOMES = {
    "codec": "from_text",
    "database": "database_url laying_out open_database",
    "entries": "Entry",
    "journal": "Journal",
    "ledger": "Count Ledger",
    "past": "Past",
    "rescuing": "Account rescue",
    "stores": "NotWritten version_of",
    "verifying": "Verdict",
}
HOME = {name: home for home, names in HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """SQLAlchemy is loaded when something is read back, not when it is recorded."""
    if name not in HOME:
        raise AttributeError(f"workbench.journal has no {name!r}. It offers {', '.join(__all__)}.")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{HOME[name]}"), name)
