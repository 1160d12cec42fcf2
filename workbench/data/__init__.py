"""Market data: a store of candles in Parquet, filled from files and venues, read in milliseconds.

It checks and reports, and never repairs silently. It has no opinions on what the numbers mean.
"""

from typing import TYPE_CHECKING, Any

from workbench.data.books import book
from workbench.data.downloading import download
from workbench.data.ingesting import audit, ingest
from workbench.data.querying import candles, catalog
from workbench.data.sampling import sample

if TYPE_CHECKING:
    from workbench.data.recorder import record, recorded

__all__ = ["audit", "book", "candles", "catalog", "download", "ingest", "record", "recorded", "sample"]


def __getattr__(name: str) -> Any:
    if name not in ("record", "recorded"):  # they know venues, which candles do without
        raise AttributeError(f"workbench.data has no {name!r}. It offers {', '.join(__all__)}.")
    from workbench.data import recorder

    return getattr(recorder, name)
