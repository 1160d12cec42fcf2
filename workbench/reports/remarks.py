"""What a person should know before believing the numbers, each in a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain

import polars as pl

from workbench.reports import words
from workbench.reports.marks import plain
from workbench.reports.material import Material

FEW_TRIPS = 30
FEW_RETURNS = 30
YEAR_DAYS = 365.0


class Mood(IntEnum):
    """How a remark bears on the result: it speaks for it, is neutral, or speaks against it."""

    GOOD = 1
    NEUTRAL = 0
    BAD = -1


@dataclass(frozen=True, slots=True)
class Remark:
    """A heading of a word or two, a sentence, and whether it is good news."""

    heading: str
    text: str
    mood: Mood


def remarks(material: Material) -> list[Remark]:
    """Everything that is worth saying of a run, most important first."""
    parts = (on_path, on_lookahead, on_sample, on_account, on_orders)
    return list(chain.from_iterable(part(material) for part in parts))


def headline(material: Material) -> Remark | None:
    """What it comes to: profit, what holding would have made, and the fall to be borne."""
    profit, share = (material.metrics.get(name, math.nan) for name in ("net_profit", "total_return"))
    if math.isnan(profit) or math.isnan(share):
        return None
    said = [f"{words.percent(share, signed=True)} after fees"]
    for name, text, signed in (("buy_and_hold", "buy and hold", True), ("max_drawdown", "largest drawdown", False)):
        if name in material.metrics:
            said.append(f"{text} {words.percent(material.metrics[name], signed=signed)}")
    mood = Mood.GOOD if profit > 0 else Mood.BAD if profit < 0 else Mood.NEUTRAL
    return Remark(words.money(profit, material.quote, signed=True), f"{', '.join(said)}.", mood)


def on_path(material: Material) -> Iterator[Remark]:
    """What the unknown path of prices inside each bar leaves open."""
    bounds, quote = material.bounds, material.quote
    if bounds is None:
        yield Remark("Inside the bars", "Bounds were not computed for this run.", Mood.NEUTRAL)
        return
    worst, expected, best = (words.money(v, quote, signed=True) for v in (bounds.worst, bounds.expected, bounds.best))
    if bounds.bars_with_orders == 0:
        yield Remark(
            "Inside the bars", "Nothing was at stake: the path of prices inside decided nothing.", Mood.NEUTRAL
        )
        return
    bars = words.count(bounds.bars_with_orders, "bar")
    if bounds.ambiguous_bars == 0:
        text = f"None of the {bars} at stake was ambiguous: the net profit of {expected} stands on any path."
        yield Remark("Inside the bars", text, Mood.GOOD)
        return
    text = f"Net profit {worst} on the worst path of prices inside the bars, {expected} expected, {best} on the " \
           f"best; {bounds.ambiguous_bars:,} of {bars} at stake could have gone either way."  # fmt: skip
    if bounds.worst <= 0.0 < bounds.best:
        yield Remark("Inside the bars", f"{text} Even its sign depends on that.", Mood.BAD)
    else:
        yield Remark("Inside the bars", text, Mood.NEUTRAL)


def on_lookahead(material: Material) -> Iterator[Remark]:
    if material.verdict is None:
        yield Remark("Look-ahead", "Not checked in this run.", Mood.NEUTRAL)
    else:
        yield Remark("Look-ahead", str(material.verdict), Mood.GOOD if material.verdict.clean else Mood.BAD)


def on_sample(material: Material) -> Iterator[Remark]:
    """Whether there is enough of it to tell skill from luck."""
    trips = material.round_trips.height
    if trips == 0:
        yield Remark("Sample", "No round trip was completed: there is nothing to judge yet.", Mood.BAD)
    elif trips < FEW_TRIPS:
        yield Remark("Sample", f"Only {words.count(trips, 'round trip')}: too few to tell skill from luck.", Mood.BAD)
    days = material.metrics.get("days", math.nan)
    if days < YEAR_DAYS:
        yield Remark("Length", f"{words.duration(days * 86_400_000)} of data: numbers for a year are extrapolated "
                     f"from less than one.", Mood.NEUTRAL)  # fmt: skip
    returns = material.metrics.get("observations", math.nan)
    if returns < FEW_RETURNS:
        yield Remark("Returns", f"Sharpe ratio and its kin rest on {words.count(returns, 'return')} only.", Mood.BAD)


def on_account(material: Material) -> Iterator[Remark]:
    """Ruin, a position that is still open, borrowing, and fees that were left out."""
    ruined = material.equity.filter(pl.col("equity") <= 0.0)
    if len(ruined):
        when = words.stamp(ruined["time"][0])
        yield Remark("Ruin", f"Equity fell to zero or below at {when}; a venue would have liquidated the account "
                     f"before. Returns after that mean nothing.", Mood.BAD)  # fmt: skip
    exposure = material.equity["exposure"][-1]
    if exposure is not None and math.isfinite(exposure) and abs(exposure) > 1e-9:
        side = "long" if exposure > 0 else "short"
        yield Remark("Still open", f"The run ends {side} by {words.percent(abs(exposure), 1)} of equity. That position "
                     f"is in the equity, but in no round trip.", Mood.NEUTRAL)  # fmt: skip
    is_marked = "liquidation" in material.fills.columns
    closed = material.fills.filter(pl.col("liquidation")) if is_marked else material.fills.clear()
    if len(closed):
        yield Remark("Liquidation", f"The venue closed {words.count(len(closed), 'position')} whose margin ran out, "
                     f"the first at {words.stamp(closed['time'][0])}.", Mood.BAD)  # fmt: skip
    paid = material.metrics.get("funding", 0.0)
    if paid:
        verb = "paid" if paid > 0.0 else "received"
        amount = words.money(abs(paid), material.quote)
        yield Remark("Funding", f"{amount} of funding was {verb}. It is in no round trip.", Mood.NEUTRAL)
    gaps = material.card.get("funding", {}).get("gaps", [])
    if gaps:
        more = f", and in {len(gaps) - 1:,} other stretches" if len(gaps) > 1 else ""
        yield Remark("Funding", f"No funding is known, and none was paid, on {gaps[0]}{more}.", Mood.BAD)
    if "margin" in str(material.parameters.get("account", "")).lower():
        yield Remark("Margin", "Borrowing cost nothing in this run; a venue charges interest or funding.", Mood.NEUTRAL)
    if material.fills.height and not material.fills["fee"].sum():
        yield Remark("Fees", "No fees were charged. Give the venue's fees before believing a profit.", Mood.BAD)


def on_orders(material: Material) -> Iterator[Remark]:
    count = int(material.refusals["count"].sum())
    if count:
        rows = material.refusals.sort("count", descending=True).select("reason", "count").iter_rows()
        reasons = ", ".join(f"{plain(reason)} {number:,}" for reason, number in rows)
        yield Remark("Refused", f"{words.count(count, 'order')} refused: {reasons}.", Mood.NEUTRAL)
