"""Did the run do as a backtest over the same bars does? Decisions row by row, fills side by side, and why they differ.

The backtest walks the run's own bars from its first decision on, with the run's terms (`twin`). What is wanted at a
close is compared row by row. Fills are laid beside the backtest's, order by order; what each difference is worth by the
end is put down to price, time, amount, fee or a fill that is missing, and the parts add up to the gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.controllers import Controller
from workbench.live.picture import GAP, LIVE, MODEL, finish
from workbench.live.plan import Plan
from workbench.live.twin import Traded, Twin
from workbench.market import show_time
from workbench.trading import Purpose

if TYPE_CHECKING:
    import polars as pl

CAUSES = ("price", "time", "amount", "fee", "missing")
CLOSE = 1e-7  # of a number: below it lie the eight decimals that venues cut money to
COLUMNS = ("time", "instrument", "side", "purpose", "amount_live", "amount_backtest", "price_live", "price_backtest",
           "fee_live", "fee_backtest", "cause", "effect")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parity:
    """How a run compares with a backtest over its bars. Printing it gives the verdict.

    Attributes
    ----------
    rows : int
        Closes at which the run decided.
    first : dict or None
        The first decision that differs: `row`, `time_ms`, `instrument`, `quantity`, `cause`, what the run wanted
        (`live`) and what the backtest did (`backtest`); None: none differs.
    equity : list of (time_ms, live, backtest)
        At each of those closes.
    orders : list of dict
        Every order that traded on either side, with the columns of `fills`.
    notes : list of str
        Bars that came late or differ from the candles given, and orders that the run's gate refused.
    """

    rows: int
    first: dict[str, Any] | None
    equity: list[tuple[int, float, float]] = field(default_factory=list, repr=False)
    orders: list[dict[str, Any]] = field(default_factory=list, repr=False)
    notes: list[str] = field(default_factory=list, repr=False)

    @property
    def is_equal(self) -> bool:
        """Is there nothing that differs, in decisions or fills?"""
        return self.first is None and not any(one["cause"] for one in self.orders)

    @property
    def gap(self) -> dict[str, float]:
        """What each cause is worth in quote currency at the end, the run less the backtest; `other` is the rest."""
        parts = dict.fromkeys(CAUSES, 0.0)
        for one in self.orders:
            for cause, worth in one["parts"].items():
                parts[cause] += worth
        whole = self.equity[-1][1] - self.equity[-1][2] if self.equity else 0.0
        return {**parts, "other": whole - sum(parts.values()), "whole": whole}

    @property
    def fills(self) -> pl.DataFrame:
        """Orders that traded on either side, a row each: what they came to here and there, the cause, the effect."""
        import polars as pl

        rows = [{name: one[name] for name in COLUMNS} for one in self.orders]
        kinds = dict.fromkeys(COLUMNS[4:10], pl.Float64)
        schema: dict[str, Any] = {name: kinds.get(name, pl.String) for name in COLUMNS} | {"effect": pl.Float64}
        return pl.DataFrame(rows, schema=schema)

    @property
    def first_fill(self) -> dict[str, Any] | None:
        """The first order that came to something else than in the backtest."""
        return next((one for one in self.orders if one["cause"]), None)

    @property
    def table(self) -> pl.DataFrame:
        """Causes: how many orders, and what they are worth."""
        import polars as pl

        gap = self.gap
        counts = {cause: sum(cause in one["cause"].split(", ") for one in self.orders) for cause in CAUSES}
        rows = [{"cause": cause, "orders": counts[cause], "worth": gap[cause]} for cause in CAUSES]
        rows += [
            {"cause": "other", "orders": 0, "worth": gap["other"]},
            {"cause": "whole", "orders": 0, "worth": gap["whole"]},
        ]
        return pl.DataFrame(rows, schema={"cause": pl.String, "orders": pl.Int64, "worth": pl.Float64})

    @property
    def verdict(self) -> str:
        """All of it in one line."""
        if not self.rows:
            return "The run has decided nothing yet, so there is nothing to compare."
        return f"{self._decided()} {self._traded()}"

    def _decided(self) -> str:
        if self.first is None:
            return f"{self.rows:,} decisions, and a backtest over the same bars takes every one of them."
        said = self.first
        quantity = "" if said.get("quantity") is None else f", {said['quantity']:.10g}"
        return (
            f"Of {self.rows:,} decisions the first that differs is at row {said['row']} ({show_time(said['time_ms'])}, "
            f"{said.get('instrument', '')}{quantity}): {said.get('cause', '')}; the run wanted {said['live']}, the "
            f"backtest {said['backtest']}."
        )

    def _traded(self) -> str:
        odd = [one for one in self.orders if one["cause"]]
        if not self.orders:
            return "Neither traded."
        if not odd:
            many = f"All {len(self.orders):,} orders that traded are equal."
            return many if len(self.orders) > 1 else "The one order that traded is equal."
        gap, first = self.gap, odd[0]
        parts = ", ".join(f"{cause} {gap[cause]:+,.4g}" for cause in CAUSES if gap[cause])
        return (
            f"{len(odd):,} of {len(self.orders):,} orders that traded differ, the first {first['time']} on "
            f"{first['instrument']} in {first['cause']}; live − backtest = {gap['whole']:+,.4g} "
            f"({parts or 'no effect'})."
        )

    def __str__(self) -> str:
        return self.verdict

    def plot(self) -> Any:
        """Both curves, and the gap between them below, as a plotly figure."""
        from datetime import UTC, datetime

        from plotly.subplots import make_subplots

        figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.05)
        times = [datetime.fromtimestamp(time_ms / 1_000, UTC) for time_ms, _, _ in self.equity]
        live, model = [one for _, one, _ in self.equity], [one for _, _, one in self.equity]
        figure.add_scatter(x=times, y=live, name="run", line={"color": LIVE}, row=1, col=1)
        figure.add_scatter(x=times, y=model, name="backtest", line={"dash": "dot", "color": MODEL}, row=1, col=1)
        gap = [one - other for one, other in zip(live, model, strict=True)]
        figure.add_scatter(x=times, y=gap, name="gap", fill="tozeroy", line={"color": GAP}, row=2, col=1)
        figure.update_yaxes(title_text="equity", row=1, col=1)
        figure.update_yaxes(title_text="run − backtest", row=2, col=1)
        return finish(figure, self.verdict, height=480)


def compare(entries: Iterable[Any], plan: Plan, bot: Controller, *, candles: Mapping[str, Any] | None = None) -> Parity:
    """Compare what a journal says was decided and filled with a backtest over its bars.

    Parameters
    ----------
    entries : iterable
        Of the run's journal.
    candles : mapping of instrument to Candles, optional
        Of the same time from elsewhere, such as the store; a bar of the run that is another there is named.
    """
    twin = Twin(plan, bot, candles)
    for entry in entries:
        twin.hear(entry)
    return parity_of(twin)


def parity_of(twin: Twin) -> Parity:
    """What a twin has found so far."""
    notes = [*twin.odd_bars, *(f"the bar of {show_time(one)} came late" for one in sorted(twin.late)), *twin.unsent]
    if not twin.decided:
        return Parity(0, None, notes=notes)
    return Parity(twin.decided, twin.first, list(twin.equity), list(_orders(twin)), notes)


def _orders(twin: Twin) -> Iterable[dict[str, Any]]:
    """Orders of both sides, laid beside each other; those that traded on neither are left out."""
    assert twin.walker is not None
    lasts = [float(price) for price in twin.walker.world["markets"]["last"][0]]
    found = []
    for key in {**twin.live.orders, **twin.model.orders}:
        ours = [one for one in twin.live.orders.get(key, []) if one.amount and one.row < twin.next_row]
        theirs = [one for one in twin.model.orders.get(key, []) if one.amount]
        for place in range(max(len(ours), len(theirs))):
            mine = ours[place] if place < len(ours) else None
            other = theirs[place] if place < len(theirs) else None
            found.append(_beside(twin, key, mine, other, lasts[key[0]]))
    return sorted(found, key=lambda one: one["time_ms"])


def _beside(
    twin: Twin, key: tuple[Any, ...], ours: Traded | None, theirs: Traded | None, last: float
) -> dict[str, Any]:
    m, purpose, side, *_ = key
    one, other = ours or Traded(), theirs or Traded()
    parts = _parts(side, one, other, last)
    time_ms = min(each.time_ms for each in (ours, theirs) if each is not None)
    causes = [cause for cause in CAUSES if cause in parts]
    return {
        "time_ms": time_ms, "time": show_time(time_ms), "instrument": twin.plan.markets[m].instrument,
        "side": "buy" if side > 0 else "sell", "purpose": Purpose(purpose).name.lower(), "amount_live": one.amount,
        "amount_backtest": other.amount, "price_live": one.price, "price_backtest": other.price, "fee_live": one.fee,
        "fee_backtest": other.fee, "cause": ", ".join(causes), "effect": sum(parts.values()), "parts": parts,
    }  # fmt: skip


def _parts(side: int, one: Traded, other: Traded, last: float) -> dict[str, float]:
    """What an order is worth here and not there, by cause; in sum exactly the difference of what both came to.

    An order came to `side · amount · (last − price) − fee` by the end. A price of another row is put down to time.
    """
    if not one.amount or not other.amount:
        each, sign = (one, 1.0) if one.amount else (other, -1.0)
        return {"missing": sign * (side * each.amount * (last - each.price) - each.fee)}
    found = {}
    if not _near(one.price, other.price) or one.row != other.row:
        found["time" if one.row != other.row else "price"] = -side * one.amount * (one.price - other.price)
    if not _near(one.amount, other.amount):
        scaled = other.fee * one.amount / other.amount
        found["amount"] = side * (one.amount - other.amount) * (last - other.price) - (scaled - other.fee)
    else:
        scaled = other.fee
    rate, usual = one.fee / one.value, other.fee / other.value
    if not _near(rate, usual):
        found["fee"] = -(one.fee - scaled)
    return found


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= CLOSE * max(abs(one), abs(other))
