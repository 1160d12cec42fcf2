"""The summary of a run: its numbers in groups, each with its unit, and what to know before believing them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from workbench.metrics import METRICS
from workbench.reports import words
from workbench.reports.material import Material
from workbench.reports.picture import say_run
from workbench.reports.remarks import Mood, Remark, remarks

GROUPS = {
    "Return": ("net_profit", "total_return", "cagr", "buy_and_hold", "alpha", "beta"),
    "Risk": (
        *("max_drawdown", "max_drawdown_days", "average_drawdown", "average_drawdown_days", "ulcer_index"),
        *("annual_volatility", "sharpe", "sortino", "calmar", "omega", "tail_ratio", "skew", "kurtosis"),
    ),
    "Trades": (
        *("round_trips", "win_rate", "profit_factor", "expectancy", "average_trade", "best_trade", "worst_trade"),
        *("average_trade_days", "longest_trade_days", "exposure_time", "sqn", "kelly"),
    ),
    "Costs": ("fees", "fee_share", "break_even_fee", "volume_traded", "turnover"),
    "Honesty": ("probabilistic_sharpe", "observations", "periods_per_year"),
}
COLUMNS = (("Return", "Costs"), ("Risk",), ("Trades", "Honesty", "Others"))
SIGNED = {
    *("net_profit", "total_return", "cagr", "buy_and_hold", "alpha", "expectancy", "average_trade", "best_trade"),
    *("worst_trade", "kelly"),
}
NO_TRIPS = {"win_rate", "expectancy", "average_trade", "best_trade", "worst_trade", "average_trade_days",
            "longest_trade_days"}  # fmt: skip
REASONS = {
    "profit_factor": "nothing was lost",
    "kelly": "needs wins and losses",
    "sqn": "round trips do not differ",
    "cagr": "the account was ruined",
    "calmar": "no drawdown, or ruined",
    "average_drawdown": "none, or the account was ruined",
    "average_drawdown_days": "none, or the account was ruined",
    "fee_share": "no profit before fees",
    "break_even_fee": "nothing was traded",
    "turnover": "equity was not above zero",
    "omega": "no losing period",
    "sortino": "no losing period",
    "alpha": "the benchmark does not vary",
    "beta": "the benchmark does not vary",
}
WIDTH = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One number of a summary: what it is called, how it reads, what it means, and why it is missing if it is."""

    label: str
    value: str
    meaning: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """A run in numbers and sentences: text in a terminal, a table in a notebook."""

    title: str
    subtitle: str
    groups: dict[str, list[Line]]
    remarks: list[Remark]

    def __str__(self) -> str:
        return as_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self)


def summary(material: Material) -> Summary:
    """Sum a run up.

    Returns
    -------
    Summary
        `str()` is aligned text for a terminal; a notebook shows it as tables. Its `groups` and `remarks` are what
        both are made from.
    """
    groups = {name: lines_of(keys, material.metrics, material.quote) for name, keys in named_groups(material.metrics)}
    said = {name: lines for name, lines in groups.items() if lines}
    return Summary(material.title, say_run(material), said, remarks(material))


def named_groups(metrics: Mapping[str, float]) -> list[tuple[str, tuple[str, ...]]]:
    """The groups, and under "Others" whatever number belongs to none of them."""
    placed = {key for keys in GROUPS.values() for key in keys} | {"days"}
    return [*GROUPS.items(), ("Others", tuple(key for key in metrics if key not in placed))]


def lines_of(keys: Iterable[str], metrics: Mapping[str, float], quote: str) -> list[Line]:
    return [line_of(key, metrics, quote) for key in keys if key in metrics]


def line_of(key: str, metrics: Mapping[str, float], quote: str) -> Line:
    value, metric = float(metrics[key]), METRICS.get(key)
    if metric is None:
        return Line(key.replace("_", " ").capitalize(), words.number(value, 4))
    said = say(value, metric.unit, quote, signed=key in SIGNED)
    return Line(metric.label, said, metric.meaning, why_missing(key, metrics) if math.isnan(value) else "")


def say(value: float, unit: str, quote: str, *, signed: bool) -> str:
    """A value with its unit: 0.05 as "5.00 %", 3.5 days as "3 d 12 h"."""
    if unit == "quote":
        return words.money(value, quote, signed=signed)
    if unit == "fraction":
        return words.percent(value, 2 if abs(value) >= 0.001 or value == 0 else 4, signed=signed)
    if unit == "days":
        return words.duration(value * 86_400_000.0)
    return words.number(value, 0 if unit == "count" and value == round(value) else 2)


def why_missing(key: str, metrics: Mapping[str, float]) -> str:
    if key in NO_TRIPS or (key in ("profit_factor", "kelly", "sqn") and not metrics.get("round_trips", 0)):
        return "no round trips"
    if metrics.get("observations", math.inf) < 2 and key not in REASONS:
        return "fewer than two returns"
    if key == "fee_share" and not metrics.get("fees", 1):
        return "no fees"
    return REASONS.get(key, "returns do not vary")


def as_text(told: Summary) -> str:
    """Aligned text, at most 100 characters wide."""
    every = [line for lines in told.groups.values() for line in lines]
    label = max((len(line.label) for line in every), default=0)
    value = max((len(line.value) for line in every), default=0)
    parts = [told.title, told.subtitle]
    for name, lines in told.groups.items():
        parts += ["", name, *(text_line(line, label, value) for line in lines)]
    return "\n".join([*parts, *([""] if "Honesty" not in told.groups else []), *map(text_remark, told.remarks)])


def text_line(line: Line, label: int, value: int) -> str:
    reason = f"  ({line.reason})" if line.reason else ""
    return f"  {line.label:<{label}}  {line.value:>{value}}{reason}"


def text_remark(remark: Remark) -> str:
    mark = {Mood.GOOD: "+", Mood.NEUTRAL: "·", Mood.BAD: "!"}[remark.mood]
    said = f"{remark.heading}: {remark.text}"
    return textwrap.fill(said, WIDTH, initial_indent=f"  {mark} ", subsequent_indent="    ")


STYLE = """
.wb-summary { color: var(--jp-ui-font-color1, inherit); font: 13px/1.45 system-ui, sans-serif; max-width: 1100px;
  font-variant-numeric: tabular-nums; }
.wb-summary .wb-title { font-size: 17px; font-weight: 700; }
.wb-summary .wb-quiet { opacity: 0.72; }
.wb-summary .wb-groups { display: grid; grid-template-columns: repeat(auto-fit, minmax(250px, 1fr)); gap: 0 28px;
  margin: 10px 0; }
.wb-summary table { table-layout: auto !important; border-collapse: collapse; width: 100%; margin: 0 0 12px;
  color: inherit; font-size: 13px; }
.wb-summary caption { caption-side: top; text-align: left; font-weight: 700; padding: 0 0 3px; color: inherit; }
.wb-summary tr, .wb-summary tr:nth-child(even), .wb-summary tr:hover { background: transparent !important; }
.wb-summary th, .wb-summary td { padding: 2px 0; border-bottom: 1px solid rgba(128,134,145,0.28); color: inherit; }
.wb-summary th { text-align: left !important; font-weight: 400; }
.wb-summary td { text-align: right; font-weight: 600; padding-left: 12px; white-space: nowrap; }
.wb-summary small { display: inline-block; white-space: normal; line-height: 1.2; font-weight: 400; }
.wb-summary ul { list-style: none; margin: 0 !important; padding: 0 !important; display: grid; gap: 6px; }
.wb-summary li { border-left: 4px solid rgba(128,134,145,0.6); padding: 1px 10px; margin: 0; }
.wb-summary li.wb-good { border-left-color: #0f9d8a; }
.wb-summary li.wb-bad { border-left-color: #e2572b; }
"""


def as_html(told: Summary) -> str:
    """Tables with their own style, which takes its colours from the page around it, light or dark."""
    return (
        f'<div class="wb-summary"><style>{STYLE}</style><div class="wb-title">{escape(told.title)}</div>'
        f'<div class="wb-quiet">{escape(told.subtitle)}</div><div class="wb-groups">{html_groups(told)}</div>'
        f"<ul>{''.join(html_remark(remark) for remark in told.remarks)}</ul></div>"
    )


def html_groups(told: Summary) -> str:
    """The groups in three columns of about the same height."""
    stacks = (
        "".join(html_group(name, told.groups[name]) for name in names if name in told.groups) for names in COLUMNS
    )
    return "".join(f"<div>{stack}</div>" for stack in stacks)


def html_group(name: str, lines: Iterable[Line]) -> str:
    rows = "".join(
        f'<tr title="{escape(line.meaning)}"><th scope="row">{escape(line.label)}</th>'
        f"<td>{escape(line.value)}{html_reason(line)}</td></tr>"
        for line in lines
    )
    return f"<table><caption>{escape(name)}</caption><tbody>{rows}</tbody></table>"


def html_reason(line: Line) -> str:
    return f'<br><small class="wb-quiet quiet">{escape(line.reason)}</small>' if line.reason else ""


def html_remark(remark: Remark, more: str = "") -> str:
    kind = f"wb-{remark.mood.name.lower()} {remark.mood.name.lower()} {more}".strip()
    return f'<li class="{kind}"><b>{escape(remark.heading)}</b> {escape(remark.text).replace(" %", "&nbsp;%")}</li>'
