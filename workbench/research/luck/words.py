"""What the tests say, in words."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.research.luck.deflated import Deflation
    from workbench.research.luck.spa import Superiority
    from workbench.research.luck.verdict import Significance

OPENINGS = {
    "real": "More than luck, as far as these numbers can tell",
    "unclear": "Not settled",
    "luck": "Could well be luck",
    "unknown": "Unknown how much is luck",
}
MARKS = {True: "yes", False: "no", None: "unknown"}


def line(found: Significance) -> str:
    """One line: the verdict, and what it rests on."""
    if not found.sampled:
        return f"{OPENINGS['unknown']}: no combination ever traded."
    if found.verdict == "unknown":
        reason = found.notes[-1] if found.notes else "the trials are not known"
        return f"{OPENINGS['unknown']}: {reason}. Sharpe ratio {sharpe(found)}."
    parts = [f"deflated Sharpe {percent(found.deflated_sharpe)}"]
    parts += [f"SPA p {p_value(found.p)}"] if found.flat else []
    if found.overfitting:
        parts += [f"loss out of sample {percent(found.loss)}", f"PBO {percent(found.pbo)} (noise: about 50 %)"]
    return (
        f"{OPENINGS[found.verdict]}: Sharpe ratio {sharpe(found)} is the best of {trials(found)}, and luck alone would "
        f"show {number(found.luck_sharpe)}; {', '.join(parts)}."
    )


def text(found: Significance) -> str:
    """The line, every check in a row of its own, and the notes."""
    rows = [f"  {MARKS[check.passed]:<8}{check.name + ':':<27}{check.words}" for check in found.checks]
    notes = [f"  Note: {note}." for note in found.notes]
    return "\n".join([found.line, *rows, *notes])


def html(found: Significance) -> str:
    """The same as a table."""
    style = "text-align:left; vertical-align:top"
    rows = "".join(
        f"<tr><td style='{style}'>{MARKS[check.passed]}</td><th style='{style}; white-space:nowrap'>"
        f"{escape(check.name)}</th><td style='{style}'>{escape(check.words)}</td></tr>"
        for check in found.checks
    )
    notes = "".join(f"<div>{escape(note)}.</div>" for note in found.notes)
    return f"<div><b>{escape(found.line)}</b><table>{rows}</table>{notes}</div>"


def unknowns(deflation: Deflation) -> tuple[str, ...]:
    """Why nothing could be deflated."""
    if deflation.count.trials is None:
        return ("nobody counted the trials",)
    if deflation.count.trials <= 1:
        return ("one trial only, so there is no search to judge",)
    return ()


def trials(found: Significance) -> str:
    """961 trials, about 214 independent (mean correlation 0.78)."""
    if found.trials is None or found.independent is None or found.deflation is None:
        return "an unknown number of trials"
    how = found.deflation.count.how
    return f"{found.trials:,.0f} trials (about {found.independent:,.0f} independent: {how})"


def deflated(found: Significance) -> str:
    """The first question."""
    if math.isnan(found.deflated_sharpe):
        return "needs the number of trials, and more than one of them"
    return (
        f"{percent(found.deflated_sharpe)} sure that it is above the {number(found.luck_sharpe)} that luck shows as "
        f"the best of {trials(found)}; {percent(found.probabilistic_sharpe)} if there had been no search"
    )


def superiority(test: Superiority | None, other: str) -> str:
    """A test against a benchmark."""
    if test is None:
        return f"not tested against {other}"
    return (
        f"luck does as well against {other} in {percent(test.p)} of resamples (between {percent(test.lower)} and "
        f"{percent(test.upper)}; {percent(test.naive)} if it had been the only one)"
    )


def losses(found: Significance) -> str:
    """The choice out of sample: three numbers that belong together."""
    if found.overfitting is None:
        return "not tested"
    rank = "falls below the middle there"
    return (
        f"the best of one half loses money in the other in {percent(found.loss)} of {len(found.overfitting.logits):,} "
        f"splits, and {rank} in {percent(found.pbo)} (PBO; noise: about 50 %, ± 14); slope {number(found.slope)}"
    )


def length(found: Significance) -> str:
    """The record against the search."""
    if math.isnan(found.trials_allowed):
        return f"{found.years:.1f} years"
    return (
        f"your {found.years:.1f} years allow {many(found.trials_allowed)} independent trials before luck alone is "
        f"expected to show this Sharpe ratio; you ran {found.trials:,.0f}, about {found.independent:,.0f} of them "
        f"independent, which ask for {found.years_needed:.1f} years"
    )


def fees(found: Significance) -> str:
    """How much more trading could cost."""
    if math.isnan(found.break_even_fee):
        return "break-even fee not known"
    paid = "" if math.isnan(found.fee) else f", you paid {100 * found.fee:.3f} %"
    return f"it would have made nothing at a fee of {100 * found.break_even_fee:.3f} %{paid}"


def audit(verdict: Any) -> str:
    """The look-ahead verdict, if there is one."""
    return "not looked at: give the best's backtest as `run`" if verdict is None else str(verdict)


def bounds(path: Any) -> str:
    """The profit on the worst path, if it is known."""
    return "not looked at: give the best's backtest as `run`" if path is None else str(path)


def sharpe(found: Significance) -> str:
    """1.31 [−0.20 … 2.80]."""
    interval = found.sharpe
    shown = number(interval.estimate)
    if math.isnan(interval.lower):
        return shown
    return f"{shown} [{number(interval.lower)} … {number(interval.upper)}]"


def number(value: float) -> str:
    """Two digits and a true minus sign; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.2f}".replace("-", "−")


def percent(value: float) -> str:
    """0.614 as 61 %."""
    if math.isnan(value):
        return "–"
    return f"{100 * value:.1f} %" if 0.0 < value < 0.1 or 0.9 < value < 1.0 else f"{100 * value:.0f} %"


def p_value(value: float) -> str:
    """Three digits, but never 0.000: so many resamples do not show that."""
    return "–" if math.isnan(value) else "below 0.001" if value < 0.001 else f"{value:.3f}"


def many(value: float) -> str:
    """A count that may be very large."""
    return f"{value:,.0f}" if value < 1e9 else "more than a billion"
