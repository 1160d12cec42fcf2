"""Market data: a store of candles in Parquet, filled from files and venues, read in milliseconds.

It checks and reports, and never repairs silently. It has no opinions on what the numbers mean.
"""

from workbench.data.downloading import download
from workbench.data.ingesting import audit, ingest
from workbench.data.querying import candles, catalog
from workbench.data.sampling import sample

__all__ = ["audit", "candles", "catalog", "download", "ingest", "sample"]
