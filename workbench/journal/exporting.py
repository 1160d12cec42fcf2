"""A run's tables as files: Parquet or CSV, with every digit that was written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workbench.errors import ConfigError
from workbench.journal.records import TABLES

if TYPE_CHECKING:
    from workbench.journal.past import Past

FORMATS = ("parquet", "csv")


def export(past: Past, folder: Path, format: Literal["parquet", "csv"] = "parquet") -> list[Path]:
    """Write every table that has rows, and the entries, into a folder; returns the files.

    Amounts are texts, so that no digit is lost; times are moments in UTC. A file that is there is replaced.

    Raises
    ------
    ConfigError
        If the format is none of these, or the folder cannot be written.
    """
    if format not in FORMATS:
        raise ConfigError(f"{format!r} is no format for a table. Use {' or '.join(FORMATS)}.")
    frames = {"entries": past.events(), **{name: past.table(name, exact=True) for name in TABLES}}
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in frames.items():
            if frame.is_empty():
                continue
            path, draft = folder / f"{name}.{format}", folder / f".{name}.{format}.new"
            if format == "csv":
                frame.write_csv(draft, datetime_format="%Y-%m-%dT%H:%M:%S%.3fZ")
            else:
                frame.write_parquet(draft)
            draft.replace(path)
            written.append(path)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written ({error.strerror or error}). Name another folder.") from error
    return written
