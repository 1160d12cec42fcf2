"""What the look-ahead audit found, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.market import show_time

NEAR, MIDDLING = 3, 64


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """What the look-ahead audit found. `str()` says it in words.

    Attributes
    ----------
    clean : bool
        No row depended on bars after it, in all that was checked.
    kind : str or None
        "prefix": a row changes when later bars are taken away. "scrambled future": when they are replaced. "length": a
        column has not one row per bar. "not repeatable": two calls on the same bars differ. "error": the strategy fails
        on a part of the bars.
    column, first_bar, time_ms
        The column to blame, the first row of it that moved, and that row's stamp.
    values : (with, without)
        What that row held with the later bars, and without them or with others.
    reach : int or None
        How many bars after the row it took until it came out as it did; −1: all there were; None: not known.
    detail : str
        For "length" and "error": what happened, and on how many bars.
    rows, stretches, longest, cuts, scrambles, bars : int
        Rows there are; stretches that were cut, and rows of the longest; prefixes and scrambled futures compared;
        the sum of all rows computed.
    unchecked : tuple of str
        What was left out, and why.
    seconds : float
        What the audit took.
    """

    clean: bool
    kind: str | None = None
    column: str | None = None
    first_bar: int | None = None
    time_ms: int | None = None
    values: tuple[Any, Any] | None = None
    reach: int | None = None
    detail: str = ""
    rows: int = 0
    stretches: int = 0
    longest: int = 0
    cuts: int = 0
    scrambles: int = 0
    bars: int = 0
    unchecked: tuple[str, ...] = ()
    seconds: float = 0.0

    def __str__(self) -> str:
        if self.kind == "length":
            return (
                f"`{self.column}` has {self.detail}. Return one row per bar for any number of bars, NaN or 0 where "
                f"there is nothing."
            )
        if self.kind == "error":
            return (
                f"The strategy fails on a part of the bars: {self.detail}. A live run sees one bar more each time, so "
                f"it must work with any number of them."
            )
        if self.kind == "not repeatable":
            return (
                f"{self._where()} differs between two calls on the same bars{self._held('then')}. Look for random "
                f"numbers without a seed, or for state kept between calls."
            )
        return self._all_clear() if self.clean else self._leak()

    __repr__ = __str__

    def _leak(self) -> str:
        done, otherwise = (
            ("replaced", "with others") if self.kind == "scrambled future" else ("taken away", "without them")
        )
        return (
            f"Look-ahead: {self._where()} changes when later bars are {done}{self._held(otherwise)}, so it knew the "
            f"future.{self._settled()} Look for {self._suspects()}."
        )

    def _settled(self) -> str:
        if self.reach is None:
            return ""
        bars = {-1: "all later bars", 1: "one more bar"}.get(self.reach, f"{self.reach:,} more bars")
        return f" It takes {bars} for it to come out as it did."

    def _where(self) -> str:
        if self.first_bar is None:
            return f"`{self.column}`" if self.column else "What the strategy says"
        return f"`{self.column}` in row {self.first_bar:,} ({show_time(self.time_ms or 0)} UTC)"

    def _held(self, otherwise: str) -> str:
        return "" if self.values is None else f" ({_shown(self.values[0])}, {otherwise} {_shown(self.values[1])})"

    def _suspects(self) -> str:
        if self.reach is None:
            return "shift(-1), a centred window, or a statistic over all rows"
        if 0 <= self.reach <= NEAR:
            return "shift(-1), values[t + 1], np.gradient, or a window that is centred"
        if 0 <= self.reach <= MIDDLING:
            return "a centred window, coarser bars joined at their open, or an extreme marked before it was confirmed"
        return (
            "a mean, deviation, quantile, rank, minimum or maximum over all rows, a backward fill, len(candles), "
            "close[-1], or a day's high used before the day was over"
        )

    def _all_clear(self) -> str:
        return (
            f"No look-ahead found: {self.cuts} cuts and {self.scrambles} scrambled futures, in {self.stretches} "
            f"stretches of {self.rows:,} bars (the longest: {self.longest:,}), left every earlier row as it was."
            f"{self._left_out()}"
        )

    def _left_out(self) -> str:
        return f" Not checked: {'; '.join(self.unchecked)}." if self.unchecked else ""


def _shown(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
