"""What is stored of one series: its instrument, its parts and their fingerprints, and where the venue has nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from workbench.data.files import write_whole
from workbench.errors import DataError
from workbench.market import Instrument, timeframe_ms

NAME = "manifest.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One month of bars in one file; `fingerprint` is over the bars, not over the file."""

    month: str
    file: str
    rows: int
    first_ms: int
    last_ms: int
    gaps: int
    bytes: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is stored of one venue, instrument and timeframe.

    `absent` are stretches [start, end) in milliseconds for which the venue was asked twice and had no bar.
    """

    venue: str
    instrument: Instrument
    timeframe: str
    parts: tuple[Part, ...] = ()
    absent: tuple[tuple[int, int], ...] = ()

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)

    @property
    def first_ms(self) -> int:
        return self.parts[0].first_ms

    @property
    def last_ms(self) -> int:
        return self.parts[-1].last_ms

    @property
    def gaps(self) -> int:
        """How often two neighbouring bars are further apart than one bar."""
        length = timeframe_ms(self.timeframe)
        seams = zip(self.parts, self.parts[1:], strict=False)
        return sum(p.gaps for p in self.parts) + sum(b.first_ms - a.last_ms > length for a, b in seams)

    def with_parts(self, changed: list[Part]) -> Manifest:
        """The same series with these months put in, or put in place of what was there."""
        parts = {part.month: part for part in (*self.parts, *changed)}
        return replace(self, parts=tuple(parts[month] for month in sorted(parts)))

    def save(self, folder: Path) -> None:
        """Write it into `folder`, whole or not at all."""
        text = json.dumps({"version": VERSION, **asdict(self)}, indent=1)
        write_whole(folder / NAME, lambda half: _write(half, text))


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a series folder; None if there is none or it cannot be read (see `rebuild`)."""
    try:
        found = json.loads((folder / NAME).read_text("utf-8"))
        if found["version"] > VERSION:
            raise DataError(
                f"{folder / NAME}: written by a newer workbench (version {found['version']}). Update this one."
            )
        return Manifest(
            venue=found["venue"],
            instrument=Instrument(**found["instrument"]),
            timeframe=found["timeframe"],
            parts=tuple(Part(**part) for part in found["parts"]),
            absent=tuple((start, end) for start, end in found["absent"]),
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (KeyError, TypeError, ValueError) as broken:
        if isinstance(broken, DataError):
            raise
        return None


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
