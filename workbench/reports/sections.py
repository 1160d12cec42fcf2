"""The parts of a report's page, each a piece of HTML: months, round trips, drawdowns, refusals, and what was run."""

from __future__ import annotations

from html import escape
from typing import Any

import polars as pl

from workbench.reports import words
from workbench.reports.html import facts, table
from workbench.reports.marks import plain
from workbench.reports.material import Material
from workbench.reports.tables import MONTHS, drawdown_table, monthly_table, trip_statistics, yearly_table

HOTTEST = 60  # per cent of colour in the best and the worst month


def months_section(material: Material) -> str:
    """Returns by month and year, coloured by how large they are; the number says the same as the colour."""
    months, years = monthly_table(material.equity), yearly_table(material.equity)
    if months.is_empty():
        return "<p>No month has a value of equity.</p>"
    largest = months["return"].abs().fill_nan(None).max()
    head = "".join(f'<th scope="col">{name}</th>' for name in (*MONTHS, "Year"))
    rows = "".join(
        month_row(year, largest if isinstance(largest, float) else 0.0) for year in years.iter_rows(named=True)
    )
    return (
        f'<div class="wide"><table class="heat"><caption>{escape(say_partial(months))}</caption>'
        f'<thead><tr><th scope="col" class="text">Year</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def month_row(year: dict[str, Any], largest: float) -> str:
    cells = "".join(heat_cell(year[name], largest) for name in MONTHS)
    return f'<tr><th scope="row">{year["year"]}</th>{cells}{heat_cell(year["return"], 0.0, "year")}</tr>'


def heat_cell(value: float | None, largest: float, kind: str = "") -> str:
    if value is None or value != value:
        return f"<td>{words.NONE if value is not None else ''}</td>"
    way = "up" if value > 0 else "down" if value < 0 else ""
    heat = round(HOTTEST * abs(value) / largest) if largest else 0
    return f'<td class="{way} {kind}" style="--heat:{heat}">{words.percent(value, signed=True)}</td>'


def say_partial(months: pl.DataFrame) -> str:
    """Which months at the edges are not whole, and how the others are reckoned."""
    said = "Return of each month (UTC), compounded; a year multiplies its months."
    cut = [
        f"{MONTHS[month - 1]} {year}" for year, month in months.filter("partial").select("year", "month").iter_rows()
    ]
    return f"{said} Only in part covered by the run: {', '.join(cut)}." if cut else said


def trips_section(material: Material) -> str:
    """Round trips counted by side, close type and instrument."""
    if material.round_trips.is_empty():
        return "<p>No round trip was completed.</p>"
    statistics = trip_statistics(material.round_trips)
    if statistics.filter(pl.col("by") == "instrument").height < 2:
        statistics = statistics.filter(pl.col("by") != "instrument")
    head = (
        "Round trips",
        "Count",
        "Won",
        "Net PnL",
        "Mean return",
        "Median",
        "Best",
        "Worst",
        "Profit factor",
        "Mean holding",
    )
    rows = [trip_row(row, material.quote) for row in statistics.iter_rows(named=True)]
    return table("Net of fees. A profit factor is gains over losses.", head, rows)


def trip_row(row: dict[str, Any], quote: str) -> list[str]:
    returns = [words.percent(row[name], signed=True) for name in ("mean_return", "median_return", "best", "worst")]
    return [
        plain(row["group"]) if row["by"] != "instrument" else row["group"],
        f"{row['count']:,}",
        words.percent(row["win_rate"], 1),
        words.money(row["pnl"], quote, signed=True),
        *returns,
        words.number(row["profit_factor"]),
        words.duration(row["mean_holding"]),
    ]


def drawdowns_section(material: Material) -> str:
    """The deepest falls of equity, and how long they lasted."""
    falls = drawdown_table(material.equity)
    if falls.is_empty():
        return "<p>Equity never fell below its peak.</p>"
    head = ("From", "Depth", "Peak", "Trough", "Lowest at", "Falling for", "Recovered at", "Recovering for")
    rows = [drawdown_row(row, material.quote) for row in falls.iter_rows(named=True)]
    return table("Falls from a running peak of equity, deepest first.", head, rows)


def drawdown_row(row: dict[str, Any], quote: str) -> list[str]:
    return [
        words.stamp(row["peak_time"]),
        words.percent(row["depth"]),
        words.money(row["peak_equity"], quote),
        words.money(row["trough_equity"], quote).replace(words.MINUS, "-"),
        words.stamp(row["trough_time"]),
        words.duration(row["falling"]),
        words.stamp(row["recovered_time"]) if row["recovered_time"] else "not yet",
        words.duration(row["recovering"]),
    ]


def refusals_section(material: Material) -> str:
    """Orders that risk or the account refused, by reason."""
    if material.refusals.is_empty():
        return "<p>No order was refused.</p>"
    rows = [
        [plain(reason), f"{count:,}"]
        for reason, count in material.refusals.select("reason", "count").sort("count", descending=True).iter_rows()
    ]
    return table("Orders that were not sent, or that the market could not fill, by reason.", ("Reason", "Count"), rows)


def run_section(material: Material) -> str:
    """Parameters and models as they were given, and the card to unfold."""
    shown = facts("The bot and the models.", material.parameters) if material.parameters else "<p>Not given.</p>"
    if not material.card:
        return shown
    card = facts("Fingerprints of data, code and environment.", material.card)
    return f"{shown}<details><summary>The card: what it takes to run it again</summary>{card}</details>"
