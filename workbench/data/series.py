"""One series on disk: bars of one venue, instrument and timeframe, a Parquet file a month.

A part is never changed. A commit writes new parts beside the old ones, then one new manifest that names them, then
removes what nobody names any more: whenever a writer is killed, the manifest shows the bars as they were or as they
should be.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import numpy as np

from workbench.data.files import remove_others, write_whole
from workbench.data.lock import locked
from workbench.data.manifest import NAME, Manifest, Part, read_manifest
from workbench.errors import ConfigError, DataError
from workbench.market import COLUMNS, FloatArray, Instrument, TimeArray, show_time, timeframe_ms

if TYPE_CHECKING:
    import polars as pl

Bars = tuple[TimeArray, dict[str, FloatArray]]

SUFFIX = ".parquet"
_VENUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_PART = re.compile(r"(\d{4}-\d{2})\.[0-9a-f]{12}\.parquet")


@dataclass(frozen=True, slots=True)
class Series:
    """Where the bars of one venue, instrument and timeframe lie: venue/instrument/timeframe under the store."""

    root: Path
    venue: str
    instrument: Instrument
    timeframe: str

    @property
    def folder(self) -> Path:
        return self.root / check_venue(self.venue) / folder_name(self.instrument) / self.timeframe

    @property
    def name(self) -> str:
        return f"{self.venue} {self.instrument} {self.timeframe}"

    def manifest(self) -> Manifest:
        """What is stored; rebuilt from the parts if the manifest was lost or cannot be read."""
        found = read_manifest(self.folder)
        if found is None and _is_series(self.folder):
            with locked(self.folder):
                found = self._open()
        return found or self._empty()

    def read(self, start_ms: int | None = None, end_ms: int | None = None) -> Bars:
        """Bars whose open lies in [start, end), in order; only the months that hold any are touched.

        Raises
        ------
        DataError
            If a part is missing or damaged.
        """
        return self._read(start_ms, end_ms, COLUMNS)

    def times(self, start_ms: int, end_ms: int) -> TimeArray:
        """Only the stamps of `read`, for a fraction of the memory."""
        return self._read(start_ms, end_ms, ())[0]

    def _read(self, start_ms: int | None, end_ms: int | None, names: tuple[str, ...]) -> Bars:
        for _ in range(3):  # a writer may replace parts between our look at the manifest and at the files
            parts = [p for p in self.manifest().parts if _overlap(p, start_ms, end_ms)]
            fault = next(filter(None, (self._fault(part) for part in parts)), None)
            if fault is None:
                return _cut(self._load(parts, names), start_ms, end_ms)
        raise DataError(
            f"{fault}. Delete that file and {NAME} beside it, then ingest or download the month again: "
            f"the manifest is rebuilt from the other parts."
        )

    def commit(
        self, bars: Bars, *, where: str, replace_rows: bool = False, absent: tuple[tuple[int, int], ...] = ()
    ) -> Manifest:
        """Merge checked bars into what is stored, all of them or, after a kill, none.

        A bar that is stored already with the same values stays; with other values it is a `DataError` that names the
        first one, unless `replace_rows`. `absent` adds to the stretches known to be empty at the venue.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder):
            manifest = self._open()
            keep = {part.file for part in manifest.parts}
            try:
                changed = [
                    part for month in _months(bars) if (part := self._merge(manifest, *month, where, replace_rows))
                ]
                new = manifest.with_parts(changed)
                new = replace(new, instrument=self._instrument(manifest), absent=_union((*manifest.absent, *absent)))
                if new != manifest:
                    new.save(self.folder)
                keep = {part.file for part in new.parts}
                return new
            finally:
                remove_others(self.folder, keep, SUFFIX)

    def _open(self) -> Manifest:
        # A part without a manifest means that the manifest was lost: the first one is written before the first part.
        found = read_manifest(self.folder)
        if found is None:
            found = self._rebuilt()
            found.save(self.folder)
        return found

    def _rebuilt(self) -> Manifest:
        files = [path for path in self.folder.iterdir() if _PART.fullmatch(path.name)]
        newest = {path.name[:7]: path for path in sorted(files, key=lambda p: (p.stat().st_mtime_ns, p.name))}
        return self._empty().with_parts([self._describe(path) for path in newest.values()])

    def _describe(self, path: Path) -> Part:
        bars = _arrays(read_parquet([path]))
        part = _part(bars, path.name[:7], path, timeframe_ms(self.timeframe))
        if part.file != path.name:
            raise DataError(
                f"{path}: the bars are not those that its name was made from. Delete it and fetch the month again."
            )
        return part

    def _merge(self, manifest: Manifest, month: str, bars: Bars, where: str, replace_rows: bool) -> Part | None:
        old = next((part for part in manifest.parts if part.month == month), None)
        if old is not None:
            fault = self._fault(old)
            if fault:
                raise DataError(f"{fault}. Delete that file and {NAME} beside it, then do this again.")
            bars = merge_bars(self._load([old]), bars, f"{where}: {self.name}", replace_rows=replace_rows)
        if old is not None and fingerprint(bars) == old.fingerprint:
            return None
        path = self.folder / f"{month}.{fingerprint(bars)[:12]}{SUFFIX}"
        write_whole(path, lambda half: _frame(bars).write_parquet(half, compression="lz4", statistics=True))
        return _part(bars, month, path, timeframe_ms(self.timeframe))

    def _load(self, parts: list[Part], names: tuple[str, ...] = COLUMNS) -> Bars:
        if not parts:
            return np.empty(0, np.int64), {name: np.empty(0) for name in names}
        return _arrays(read_parquet([self.folder / part.file for part in parts], names), names)

    def _fault(self, part: Part) -> str | None:
        path = self.folder / part.file
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return f"{path}: the manifest lists this part, but it is not there"
        return (
            None
            if size == part.bytes
            else f"{path}: {size:,} bytes long, but {part.bytes:,} were written, so it is damaged"
        )

    def _instrument(self, manifest: Manifest) -> Instrument:
        mine = self.instrument
        return mine if mine.tick or mine.lot or mine.min_amount or mine.min_notional else manifest.instrument

    def _empty(self) -> Manifest:
        return Manifest(self.venue, self.instrument, self.timeframe)


def stored_series(root: Path, venue: str = "*", instrument: str = "*") -> list[tuple[Series, Manifest]]:
    """Every series that holds bars, by venue, instrument and length of bar; the names are those of folders."""
    folders = [path for path in root.glob(f"{venue}/{instrument}/*") if _is_series(path)] if root.is_dir() else []
    found = [Series(root, *_read_path(path)) for path in folders]
    found.sort(key=lambda series: (series.venue, series.instrument.symbol, timeframe_ms(series.timeframe)))
    both = [(series, series.manifest()) for series in found]
    return [(series, manifest) for series, manifest in both if manifest.parts]


def check_venue(venue: str) -> str:
    """The venue's name, if it can be the name of a folder."""
    if not isinstance(venue, str) or not _VENUE.fullmatch(venue):
        raise ConfigError(f'{venue!r} is no name of a venue. Use letters, digits, "_", "." and "-", such as "binance".')
    return venue


def folder_name(instrument: Instrument) -> str:
    """BTC-USDT for BTC/USDT, BTC-USDT-USDT for BTC/USDT:USDT."""
    assets = (instrument.base, instrument.quote, instrument.settle)
    return "-".join(quote(asset, safe="") for asset in assets if asset)


def merge_bars(old: Bars, new: Bars, where: str, *, replace_rows: bool) -> Bars:
    """Both tables as one, each stamp once; a stamp with two different bars is an error, or the new bar wins."""
    time = np.concatenate([old[0], new[0]])
    columns = {name: np.concatenate([old[1][name], new[1][name]]) for name in COLUMNS}
    order = np.argsort(time, kind="stable")
    twice = np.flatnonzero(time[order][1:] == time[order][:-1])
    if not replace_rows:
        _refuse_conflict(time, columns, order[twice], order[twice + 1], where)
    rows = np.delete(order, twice)
    return time[rows], {name: column[rows] for name, column in columns.items()}


def fingerprint(bars: Bars) -> str:
    """SHA-256 over the bits of the bars, as hex digits."""
    digest = hashlib.sha256(f"part 1|{len(bars[0])}".encode())
    for array in (bars[0], *bars[1].values()):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def read_parquet(paths: list[Path], names: tuple[str, ...] = COLUMNS) -> pl.DataFrame:
    """Read our own parts; a damaged one is a `DataError` that names it."""
    import polars as pl

    try:
        return pl.read_parquet(paths, columns=["time", *names]).rechunk()
    except (pl.exceptions.PolarsError, OSError) as broken:
        for path in paths if len(paths) > 1 else []:
            read_parquet([path])
        raise DataError(
            f"{paths[0]}: cannot be read as Parquet ({broken}). Delete it and {NAME} beside it, then fetch it again."
        ) from broken


def _refuse_conflict(
    time: TimeArray, columns: dict[str, FloatArray], old: TimeArray, new: TimeArray, where: str
) -> None:
    for name in COLUMNS if len(old) else ():
        stored, given = columns[name][old], columns[name][new]
        differs = (stored != given) & ~(np.isnan(stored) & np.isnan(given))
        if differs.any():
            first = int(np.flatnonzero(differs)[0])
            raise DataError(
                f"{where}, {show_time(time[old[first]])}: {name} is {float(stored[first])!r} in the store and "
                f"{float(given[first])!r} in the new data ({int(differs.sum()):,} such bars). "
                f"Pass `replace=True` to take the new ones."
            )


def _months(bars: Bars) -> Iterator[tuple[str, Bars]]:
    time, columns = bars
    months = time.view("datetime64[ms]").astype("datetime64[M]")
    edges = [0, *(np.flatnonzero(months[1:] != months[:-1]) + 1), len(time)]
    for start, end in pairwise(edges):
        if end > start:
            cut = slice(start, end)
            yield str(months[start]), (time[cut], {name: column[cut] for name, column in columns.items()})


def _part(bars: Bars, month: str, path: Path, length_ms: int) -> Part:
    time, mark = bars[0], fingerprint(bars)
    gaps = int((np.diff(time) > length_ms).sum())
    name = f"{month}.{mark[:12]}{SUFFIX}"
    return Part(month, name, len(time), int(time[0]), int(time[-1]), gaps, path.stat().st_size, mark)


def _frame(bars: Bars) -> pl.DataFrame:
    import polars as pl

    time = pl.Series("time", bars[0]).cast(pl.Datetime("ms", "UTC"))
    return pl.DataFrame({"time": time, **bars[1]})


def _arrays(frame: pl.DataFrame, names: tuple[str, ...] = COLUMNS) -> Bars:
    return frame["time"].to_physical().to_numpy(), {name: frame[name].to_numpy() for name in names}


def _cut(bars: Bars, start_ms: int | None, end_ms: int | None) -> Bars:
    time, columns = bars
    first = 0 if start_ms is None else int(np.searchsorted(time, start_ms))
    last = len(time) if end_ms is None else int(np.searchsorted(time, end_ms))
    return time[first:last], {name: column[first:last] for name, column in columns.items()}


def _overlap(part: Part, start_ms: int | None, end_ms: int | None) -> bool:
    return (end_ms is None or part.first_ms < end_ms) and (start_ms is None or part.last_ms >= start_ms)


def _union(stretches: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _is_series(folder: Path) -> bool:
    # Parts without a manifest count too: it was lost, and is rebuilt from them.
    return folder.is_dir() and any(path.name == NAME or _PART.fullmatch(path.name) for path in folder.iterdir())


def _read_path(folder: Path) -> tuple[str, Instrument, str]:
    assets = [unquote(asset) for asset in folder.parent.name.split("-")]
    symbol = "/".join(assets[:2]) + (f":{assets[2]}" if len(assets) > 2 else "")
    return folder.parent.parent.name, Instrument.parse(symbol), folder.name
