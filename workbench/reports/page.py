"""One HTML file of a run that opens anywhere, without a network: plotly is inside, once."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

from workbench.errors import ConfigError
from workbench.reports import sections
from workbench.reports.digest import Summary, html_groups, html_remark, summary
from workbench.reports.histograms import holding_histogram, return_histogram
from workbench.reports.material import Material
from workbench.reports.picture import parts_of, subtitle
from workbench.reports.remarks import headline
from workbench.reports.traces import draw

HERE = Path(__file__).parent
BARS = 3000
ESCAPED = "\\u003c"


def report(material: Material, path: str | Path) -> Path:
    """Write a run as one HTML file that needs no network.

    The file is written under another name and renamed once it is whole; one that was there is replaced.

    Parameters
    ----------
    path : str or Path
        Where to; its folder has to be there.

    Returns
    -------
    Path
        The file, as an absolute path.

    Raises
    ------
    ConfigError
        If the folder is not there or cannot be written to, or the path is a folder itself.
    """
    target = Path(path).expanduser().absolute()
    check_target(target)
    write_whole(target, page(material))
    return target


def check_target(target: Path) -> None:
    if not target.parent.is_dir():
        raise ConfigError(f"The report cannot be written to {target}: there is no folder {target.parent}. "
                          f"Make it first, or give another path.")  # fmt: skip
    if target.is_dir():
        raise ConfigError(f"The report cannot be written to {target}: that is a folder. Give a file in it, "
                          f'such as "{target.name}/report.html".')  # fmt: skip


def write_whole(target: Path, text: str) -> None:
    """Write under another name, then rename: whoever looks sees the old file or the new one, never half of one."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    except OSError as failed:
        part.unlink(missing_ok=True)
        raise ConfigError(f"The report cannot be written to {target}: {failed.strerror or failed}. "
                          f"Give a path in a folder that you may write to.") from failed  # fmt: skip


def page(material: Material) -> str:
    """The whole page as text."""
    import plotly.graph_objects as go
    from plotly.offline import get_plotlyjs

    told = summary(material)
    drawing = draw(material, bars=BARS)
    shown = subtitle(material, drawing)
    chart = go.Figure(parts_of(material, drawing)).update_layout(title=None, margin={"t": 84})
    charts = {"chart": chart}
    if material.round_trips.height:
        charts["returns"] = return_histogram(material.round_trips)
        charts["holding"] = holding_histogram(material.round_trips)
    data = "".join(script(name, made.to_json()) for name, made in charts.items())
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(material.title)}</title>'
        f"<style>\n{(HERE / 'page.css').read_text('utf-8')}</style></head>\n<body>{body(material, told, shown)}\n"
        f"<script>{get_plotlyjs()}</script>\n{data}\n<script>\n{(HERE / 'page.js').read_text('utf-8')}</script>\n"
        f"</body></html>\n"
    )


def script(name: str, json: str) -> str:
    """A figure's JSON in the page, written so that no tag inside a text can end it early."""
    return f'<script type="application/json" id="{name}">{json.replace("<", ESCAPED)}</script>'


def body(material: Material, told: Summary, shown: str) -> str:
    """Verdicts first, then numbers, the chart, and the tables."""
    first = headline(material)
    verdicts = html_remark(first, "result") if first else ""
    verdicts += "".join(html_remark(remark) for remark in told.remarks)
    numbers = html_groups(told).replace("<table>", '<table class="facts">')
    spread = histograms() if material.round_trips.height else ""
    parts = {
        "Numbers": f'<div class="numbers">{numbers}</div>',
        "Prices, trades and equity": f'<p class="quiet">{escape(shown)}</p>{price_chart()}',
        "Months": sections.months_section(material),
        "Round trips": spread + sections.trips_section(material),
        "Largest drawdowns": sections.drawdowns_section(material),
        "Refused orders": sections.refusals_section(material),
        "What was run": sections.run_section(material),
    }
    whole = "\n".join(f"<section><h2>{escape(name)}</h2>{part}</section>" for name, part in parts.items())
    return (
        f'<header><h1>{escape(told.title)}</h1><p class="quiet">{escape(told.subtitle)}</p>'
        f'<ul class="verdicts">{verdicts}</ul></header>\n<main>{whole}</main>\n'
        f"<footer>Simulated: no order of this run was sent to a venue. Times are UTC.</footer>"
    )


def chart(name: str, label: str, *, zoom: bool = False) -> str:
    zooms = " data-zoom" if zoom else ""
    return f'<div class="chart" data-figure="{name}" role="img" aria-label="{escape(label)}"{zooms}></div>'


def price_chart() -> str:
    return chart("chart", "Prices with trades marked, equity, drawdown and exposure", zoom=True)


def histograms() -> str:
    returns = chart("returns", "Histogram of the net return of round trips")
    return f'<div class="pair">{returns}{chart("holding", "Histogram of the time round trips were held")}</div>'
