"""Recordings of order books: depth, trades and quotes, checked and put into the order in which a venue told them.

Columns are those that `wb.data.record` writes. A venue's stamps say when something happened, ours when we heard of it;
the two clocks may differ, so ours is shifted until the fastest message took `feed_ms`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError, DataError
from workbench.market import BUY, MESSAGE, SELL, Instrument, MessageKind, Moment, Recording, as_time

if TYPE_CHECKING:
    import polars as pl

    Source = str | Path | pl.DataFrame | None

Array = npt.NDArray[Any]
NS = 1_000_000
NEEDED = {
    "depth": ("local_ns", "event_ms", "first_update_id", "final_update_id", "side", "price", "qty", "is_snapshot"),
    "trades": ("local_ns", "event_ms", "trade_id", "price", "qty", "buyer_is_maker"),
    "quotes": ("local_ns", "bid", "bid_qty", "ask", "ask_qty"),
}
STAMPS = ("transact_ms", "trade_ms", "event_ms")  # the venue's, the best first
NO_ID = -1


def book(
    venue: str,
    instrument: str | Instrument,
    *,
    depth: Source = None,
    trades: Source = None,
    quotes: Source = None,
    start: Moment | None = None,
    end: Moment | None = None,
    feed_ms: int = 0,
    root: Path | None = None,
) -> Recording:
    """A recorded book, for `wb.backtest`.

    Parameters
    ----------
    venue, instrument : str, str or Instrument
        What was recorded; an `Instrument` with its tick and lot rounds orders as the venue does.
    depth, trades, quotes : path or polars.DataFrame, optional
        Tables with the columns of `wb.data.record`. Without `depth`, all three are what was recorded into the store;
        with it, what is left out is not there: without quotes the best prices are as old as the last change of the
        book, without trades a resting order fills only where the book passes it.
    start, end : moment, optional
        By our own clock; the range must hold a snapshot.
    feed_ms : int
        How long the fastest message took to reach us; the clocks are set by it.
    root : Path, optional
        The store.

    Raises
    ------
    DataError
        If rows are unsorted or no prices, if there is no snapshot, if changes are missing by their numbers, or if the
        book is crossed; the message says where.
    """
    kind = Instrument.parse(instrument)
    if isinstance(feed_ms, bool) or not isinstance(feed_ms, int) or not 0 <= feed_ms <= 60_000:
        raise ConfigError(f"`feed_ms` is {feed_ms!r}. Give whole milliseconds, from 0 to a minute.")
    tables = _tables(venue, kind, {"depth": depth, "trades": trades, "quotes": quotes}, root)
    told = {name: _told(f"{venue} {kind} {name}", name, _cut(one, start, end)) for name, one in tables.items()}
    shift = _shift(told.values(), feed_ms)
    prices = np.unique(np.concatenate([column for one in told.values() for column in one.prices]))
    changes, kept, starts = _changes(told["depth"], shift)
    known_ms = int(changes["heard_ms"][0])
    parts = [changes]
    if "trades" in told:
        parts.append(_trades(told["trades"], shift, prices))
    if "quotes" in told:
        parts.append(_quotes(told["quotes"], shift, prices, changes))
    messages = np.concatenate([parts[0], *(_since(part, known_ms) for part in parts[1:])])
    is_book = messages["kind"] != MessageKind.TRADE  # a trade is what changes a book: it comes first
    messages = messages[np.lexsort((messages["id"], is_book, messages["time_ms"]))]
    messages["first"], messages["last"], rows = _renumbered(messages, starts)
    levels, amounts = _levels(told["depth"], kept[rows], prices)
    made = Recording(venue, kind, _locked(messages), levels, amounts, _locked(prices), _missing(told.get("trades")))
    made.tops(), made.tops(with_quotes=False)
    return made


def _since(messages: Array, known_ms: int) -> Array:
    """What counts once a book is known: trades from then on, and of quotes all, though no earlier than that."""
    if len(messages) and messages["kind"][0] == MessageKind.TRADE:
        return messages[messages["time_ms"] > known_ms]
    for name in ("time_ms", "heard_ms"):
        messages[name] = np.maximum(messages[name], known_ms)
    return messages


@dataclass(frozen=True, slots=True)
class Told:
    """One table: its columns, the venue's stamps (or none), ours, and what its prices are."""

    where: str
    columns: dict[str, Array]
    stamp_ms: Array | None
    local_ms: Array
    prices: tuple[Array, ...]


# Reading --------------------------------------------------------------------------------------------------------


def _tables(venue: str, instrument: Instrument, given: dict[str, Source], root: Path | None) -> dict[str, pl.DataFrame]:
    import polars as pl

    if given["depth"] is None:
        if any(one is not None for one in given.values()):
            raise ConfigError("`trades` or `quotes` are given without `depth`. Give the book that they belong to.")
        return _stored(venue, instrument, root)
    found = {}
    for name, one in given.items():
        if isinstance(one, pl.DataFrame):
            found[name] = one
        elif one is not None:
            try:
                found[name] = pl.read_parquet(one)
            except (pl.exceptions.PolarsError, OSError) as broken:
                raise DataError(f"{one} cannot be read as Parquet ({broken}). Give a table of `wb.data.record`.") from (
                    broken
                )
    return found


def _stored(venue: str, instrument: Instrument, root: Path | None) -> dict[str, pl.DataFrame]:
    from workbench.data.recorder import recorded

    found = {"depth": recorded(venue, instrument, "depth", root=root)}
    for name in ("trades", "quotes"):
        try:
            found[name] = recorded(venue, instrument, name, root=root)
        except DataError:
            continue
    return found


def _cut(table: pl.DataFrame, start: Moment | None, end: Moment | None) -> pl.DataFrame:
    import polars as pl

    if "local_ns" not in table.columns:
        return table
    if start is not None:
        table = table.filter(pl.col("local_ns") // NS >= as_time(start))
    return table if end is None else table.filter(pl.col("local_ns") // NS < as_time(end))


def _told(where: str, name: str, table: pl.DataFrame) -> Told:
    """The columns of a table, once each row is one that can have been."""
    lacking = [column for column in NEEDED[name] if column not in table.columns]
    if lacking:
        raise DataError(f"{where}: there is no column {lacking[0]!r}. A table needs {', '.join(NEEDED[name])}.")
    if not len(table):
        raise DataError(f"{where}: there are no rows. Give a range in which something was recorded.")
    columns = {one: _column(table[one]) for one in table.columns if table[one].null_count() < len(table)}
    named = ("bid", "ask") if name == "quotes" else ("price",)
    amounts = ("bid_qty", "ask_qty") if name == "quotes" else ("qty",)
    for one in named:
        _check(where, one, columns[one], (columns[one] > 0.0) & (columns[one] < np.inf), "a price above 0")
    for one in amounts:
        least = columns[one] >= 0.0 if name == "depth" else columns[one] > 0.0
        _check(where, one, columns[one], least & (columns[one] < np.inf), "an amount")
    if name == "depth":
        _check(where, "side", columns["side"], np.isin(columns["side"], ("b", "a")), "'b' or 'a'")
    if name == "quotes":
        _check(where, "ask", columns["ask"], columns["ask"] > columns["bid"], "above the bid: the quote is crossed")
    _check_sorted(where, "local_ns", columns["local_ns"])
    stamps = next((columns[one] for one in STAMPS if one in columns and name_has(table, one, name)), None)
    return Told(where, columns, stamps, columns["local_ns"] // NS, tuple(columns[one] for one in named))


def name_has(table: pl.DataFrame, stamp: str, name: str) -> bool:
    """Does every row but those of snapshots have this stamp?"""
    import polars as pl

    rows = table.filter(~pl.col("is_snapshot")) if name == "depth" else table
    return bool(rows[stamp].null_count() == 0) and bool((rows[stamp] > 0).all())


def _column(series: Any) -> Array:
    import polars as pl

    if series.dtype == pl.String:
        return series.to_numpy()
    return series.fill_null(NO_ID).to_numpy() if series.dtype.is_integer() else series.to_numpy()


def _check(where: str, name: str, values: Array, good: Array, wanted: str) -> None:
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(f"{where}, row {row:,}: `{name}` is {values[row]}, and not {wanted}. Repair the recording.")


def _check_sorted(where: str, name: str, values: Array) -> None:
    if (values[1:] < values[:-1]).any():
        row = int(np.argmax(values[1:] < values[:-1])) + 1
        raise DataError(
            f"{where}, row {row:,}: `{name}` goes back from {values[row - 1]} to {values[row]}. Sort the recording as "
            f"it was heard."
        )


def _shift(told: Any, feed_ms: int) -> int:
    """What is added to our clock, in ms, so that the fastest message took `feed_ms`."""
    lags = []
    for one in told:
        if one.stamp_ms is not None:
            known = one.stamp_ms > 0
            lags.append(int((one.local_ms - one.stamp_ms)[known].min()))
    return feed_ms - min(lags) if lags else 0


# Messages -------------------------------------------------------------------------------------------------------


def _changes(told: Told, shift: int) -> tuple[Array, Array, Array]:
    """Messages of depth that build a book, the rows of each after each other, and where each begins in them."""
    columns = told.columns
    ids, whole = columns["final_update_id"], columns["is_snapshot"]
    new = np.r_[True, (ids[1:] != ids[:-1]) | (whole[1:] != whole[:-1]) | (np.diff(columns["local_ns"]) != 0)]
    first = np.flatnonzero(new)
    last = np.r_[first[1:], len(ids)]
    order = _in_order(told, first)
    messages = np.zeros(len(order), MESSAGE)
    at = first[order]
    messages["id"], messages["heard_ms"] = ids[at], told.local_ms[at] + shift
    messages["kind"] = np.where(whole[at], MessageKind.SNAPSHOT, MessageKind.CHANGES)
    # What was told before the snapshot came is known with it.
    messages["heard_ms"] = np.maximum.accumulate(messages["heard_ms"])
    stamps = messages["heard_ms"] if told.stamp_ms is None else told.stamp_ms[at]
    stamps = np.where(whole[at], messages["heard_ms"], stamps)
    _check_sorted(told.where, "the venue's stamp", stamps[~whole[at]])
    messages["time_ms"] = np.maximum.accumulate(stamps)
    kept = np.concatenate([np.arange(first[k], last[k]) for k in order])
    starts = np.r_[0, np.cumsum(last[order] - first[order])]
    return messages, kept, starts


def _in_order(told: Told, first: Array) -> Array:
    """Places of messages: each snapshot, then what is newer than it, without a gap in the venue's numbers."""
    columns = told.columns
    ids, whole = columns["final_update_id"][first], columns["is_snapshot"][first]
    snapshots = np.flatnonzero(whole)
    if not len(snapshots):
        raise DataError(
            f"{told.where}: changes of a book, and no snapshot that they change. Record one with them (`is_snapshot`)."
        )
    order: list[int] = []
    for k, at in enumerate(snapshots):
        until = snapshots[k + 1] if k + 1 < len(snapshots) else len(ids)
        since = 0 if k == 0 else int(snapshots[k - 1])  # what came while the snapshot was on its way
        mine = np.flatnonzero(~whole[since:until] & (ids[since:until] > ids[at])) + since
        _check_chain(told, first[mine], int(ids[at]))
        order += [int(at), *mine.tolist()]
    return np.array(order)


def _check_chain(told: Told, rows: Array, snapshot: int) -> None:
    """Refuse changes of which some are missing: each must follow the one before, the first the snapshot."""
    columns = told.columns
    final, first = columns["final_update_id"][rows], columns["first_update_id"][rows]
    before = columns.get("prev_final_update_id", np.full(len(columns["local_ns"]), NO_ID))[rows]
    earlier = np.r_[snapshot, final[:-1]]
    follows = np.where(before > 0, before == earlier, (first <= 0) | (first == earlier + 1)) & (final >= earlier)
    if len(rows):  # the first one may overlap the snapshot
        follows[0] = before[0] <= snapshot if before[0] > 0 else first[0] <= snapshot + 1
    if not follows.all():
        at = int(np.argmin(follows))
        raise DataError(
            f"{told.where}, row {int(rows[at]):,}: the change with the number {int(final[at])} does not follow "
            f"{int(earlier[at])}: {int((~follows).sum()):,} gap(s) in the numbers. Changes were lost there: cut the "
            f"recording, or record a snapshot after the gap."
        )


def _trades(told: Told, shift: int, prices: Array) -> Array:
    columns, ids = told.columns, told.columns["trade_id"]
    messages = np.zeros(len(ids), MESSAGE)
    messages["kind"], messages["heard_ms"] = MessageKind.TRADE, told.local_ms + shift
    messages["time_ms"] = messages["heard_ms"] if told.stamp_ms is None else told.stamp_ms
    if ids.dtype.kind == "i":
        _check_sorted(told.where, "trade_id", ids)
    _check_sorted(told.where, "the venue's stamp", messages["time_ms"])
    messages["id"] = np.arange(len(ids))
    messages["bid"] = np.searchsorted(prices, columns["price"])
    messages["bid_amount"] = columns["qty"]
    messages["side"] = np.where(columns["buyer_is_maker"], SELL, BUY)
    return messages


def _quotes(told: Told, shift: int, prices: Array, changes: Array) -> Array:
    """Quotes; one without a stamp happened no later than the first change of the book that has a higher number."""
    columns = told.columns
    messages = np.zeros(len(told.local_ms), MESSAGE)
    messages["kind"], messages["heard_ms"] = MessageKind.QUOTE, told.local_ms + shift
    messages["time_ms"] = messages["heard_ms"] if told.stamp_ms is None else told.stamp_ms
    messages["id"] = columns.get("update_id", NO_ID)
    if "update_id" in columns:
        _check_sorted(told.where, "update_id", columns["update_id"])
        if told.stamp_ms is None:
            after = np.searchsorted(changes["id"], messages["id"])
            bound = np.append(changes["time_ms"], np.iinfo(np.int64).max)[after]
            messages["time_ms"] = np.maximum.accumulate(np.minimum(messages["time_ms"], bound))
    else:
        # Without numbers a quote is as new as the change before it, and a little newer.
        latest = np.searchsorted(changes["time_ms"], messages["time_ms"], side="right") - 1
        messages["id"] = changes["id"][np.maximum(latest, 0)] + 1
    for side in ("bid", "ask"):
        messages[side] = np.searchsorted(prices, columns[side])
        messages[f"{side}_amount"] = columns[f"{side}_qty"]
    return messages


def _renumbered(messages: Array, starts: Array) -> tuple[Array, Array, Array]:
    """Where the changes of each message are, once all are in order; and the rows in that order."""
    is_change = messages["kind"] <= MessageKind.CHANGES
    count = np.zeros(len(messages), np.int64)
    count[is_change] = np.diff(starts)
    first = np.cumsum(count) - count
    return first, first + count, np.arange(int(starts[-1]))


def _levels(told: Told, rows: Array, prices: Array) -> tuple[Array, Array]:
    place = np.searchsorted(prices, told.columns["price"][rows]).astype(np.int32)
    is_bid = told.columns["side"][rows] == "b"
    return _locked(np.where(is_bid, place, ~place)), _locked(np.ascontiguousarray(told.columns["qty"][rows]))


def _missing(told: Told | None) -> int:
    """Trades between the first and the last that have a number and are not there."""
    if told is None or told.columns["trade_id"].dtype.kind != "i":
        return 0
    ids = told.columns["trade_id"]
    return int(ids[-1] - ids[0] + 1 - len(np.unique(ids)))


def _locked(array: Array) -> Array:
    view = np.ascontiguousarray(array)
    view.flags.writeable = False
    return view
