"""The verdict on a search: its numbers, the questions they answer, and one line of words."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from workbench.research.luck import words
from workbench.research.luck.bootstrap import Interval
from workbench.research.luck.deflated import Deflation
from workbench.research.luck.overfitting import Overfitting
from workbench.research.luck.spa import Superiority

CONFIDENCE = 0.95  # of the deflated Sharpe ratio
SIZE = 0.05  # of the test of superior ability
MOST_LOSSES = 0.25  # of choices that lose money out of sample

Verdict = Literal["real", "unclear", "luck", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """One question to a result; `passed` is None where it could not be answered, and `words` say why."""

    name: str
    passed: bool | None
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Significance:
    """How much of the best result of a search is luck. Print it, or read its numbers; NaN and None mean unknown.

    Attributes
    ----------
    verdict : "real", "unclear", "luck" or "unknown"
        "real" if the deflated Sharpe ratio is at least 95 %, luck does as well in at most 5 % of resamples, and at
        most a quarter of the choices lose money out of sample; "luck" if the first two both fail; "unknown" if one of
        them could not be computed. PBO takes no part: where all combinations share an edge, it is about a half.
    line : str
        The same in one line of plain words.
    checks : tuple of Check
        Every question, those beyond the verdict too.
    best : int
        Column of the matrix that was judged.
    sharpe : Interval
        Annualised, with its bootstrap bounds, which know nothing of the search.
    luck_sharpe : float
        Annual Sharpe ratio that the best of so many trials without skill is expected to show.
    deflation : Deflation or None
        The deflated Sharpe ratio with all that it is made of, per period.
    overfitting : Overfitting or None
        PBO by CSCV, chance of a loss out of sample, slope.
    flat, hold : Superiority or None
        The best against an account that does nothing, and against buy-and-hold.
    years, years_needed, trials_allowed : float
        Length of the record; length below which luck alone is expected to show this Sharpe ratio; independent trials
        after which it is, in the years there are.
    break_even_fee, fee : float
        Fee rate at which the best would have made nothing, and the one that was paid.
    idle : int
        Combinations that never traded; they count as trials.
    sampled : int
        Columns that the tests looked at.
    notes : tuple of str
        What could not be computed, and why.
    """

    verdict: Verdict
    checks: tuple[Check, ...]
    best: int
    sharpe: Interval
    luck_sharpe: float
    deflation: Deflation | None
    overfitting: Overfitting | None
    flat: Superiority | None
    hold: Superiority | None
    years: float
    years_needed: float
    trials_allowed: float
    break_even_fee: float
    fee: float
    idle: int
    sampled: int
    notes: tuple[str, ...]

    @property
    def line(self) -> str:
        """The verdict and what it rests on."""
        return words.line(self)

    @property
    def is_ticked(self) -> bool:
        """Was every question answered, and well? The only green tick there is."""
        return all(check.passed for check in self.checks)

    @property
    def trials(self) -> float | None:
        """Combinations that were tried, as far as anybody counted."""
        return self.deflation.count.trials if self.deflation else None

    @property
    def independent(self) -> float | None:
        """Independent trials that they amount to."""
        return self.deflation.count.independent if self.deflation else None

    @property
    def deflated_sharpe(self) -> float:
        """Probability that the true Sharpe ratio is above what luck shows; NaN if unknown."""
        return self.deflation.deflated if self.deflation else math.nan

    @property
    def probabilistic_sharpe(self) -> float:
        """Probability that it is above 0, as if there had been no search."""
        return self.deflation.probabilistic if self.deflation else math.nan

    @property
    def pbo(self) -> float:
        """Probability of backtest overfitting; its null is about 0.5."""
        return self.overfitting.pbo if self.overfitting else math.nan

    @property
    def loss(self) -> float:
        """Probability that the choice loses money out of sample."""
        return self.overfitting.loss if self.overfitting else math.nan

    @property
    def slope(self) -> float:
        """Of scores out of sample on those in sample."""
        return self.overfitting.slope if self.overfitting else math.nan

    @property
    def p(self) -> float:
        """Hansen's consistent p-value of the best against doing nothing."""
        return self.flat.p if self.flat else math.nan

    @property
    def p_hold(self) -> float:
        """The same against buy-and-hold."""
        return self.hold.p if self.hold else math.nan

    def facts(self) -> dict[str, Any]:
        """Every number by name, as plain values."""
        plain = {name: getattr(self, name) for name in NUMBERS}
        bounds = {"sharpe": self.sharpe.estimate, "sharpe_lower": self.sharpe.lower, "sharpe_upper": self.sharpe.upper}
        counted = self.deflation.count.how if self.deflation else ""
        return {"verdict": self.verdict, "line": self.line, **bounds, "counted": counted, **plain}

    def plot(self) -> Any:
        """Histogram of the logits of CSCV, as a plotly figure; left of 0 is overfit."""
        from workbench.research.luck.picture import logit_histogram

        return logit_histogram(self)

    def __str__(self) -> str:
        return words.text(self)

    def __repr__(self) -> str:
        return f"Significance: {self.line}"

    def _repr_html_(self) -> str:
        return words.html(self)


NUMBERS = (
    "trials", "independent", "luck_sharpe", "deflated_sharpe", "probabilistic_sharpe", "pbo", "loss", "slope", "p",
    "p_hold", "years", "years_needed", "trials_allowed", "break_even_fee", "fee", "idle", "sampled",
)  # fmt: skip


def judged(found: Significance, run: Any = None) -> Significance:
    """The same with its checks and verdict; `run` is a backtest of the best."""
    checks = (*verdict_checks(found), *further_checks(found, run))
    deflated, beats, keeps = (check.passed for check in checks[:3])
    if deflated is None or beats is None:
        verdict: Verdict = "unknown"
    elif deflated and beats and keeps is not False:
        verdict = "real"
    else:
        verdict = "unclear" if deflated or beats else "luck"
    return replace(found, verdict=verdict, checks=checks)


def verdict_checks(found: Significance) -> tuple[Check, Check, Check]:
    """The three questions that the verdict rests on."""
    return (
        Check("deflated Sharpe ratio", _at_least(found.deflated_sharpe, CONFIDENCE), words.deflated(found)),
        Check("better than doing nothing", _at_least(SIZE, found.p), words.superiority(found.flat, "doing nothing")),
        Check("keeps out of sample", _at_least(MOST_LOSSES, found.loss), words.losses(found)),
    )


def further_checks(found: Significance, run: Any) -> tuple[Check, ...]:
    """What a green tick needs besides."""
    enough = _at_least(found.trials_allowed, found.independent or math.nan)
    audit, bounds = getattr(run, "audit", None), getattr(run, "bounds", None)
    return (
        Check("better than holding", _at_least(SIZE, found.p_hold), words.superiority(found.hold, "holding")),
        Check("long enough a record", enough, words.length(found)),
        Check("fee", _at_least(found.break_even_fee, found.fee), words.fees(found)),
        Check("no look-ahead", None if audit is None else bool(audit.clean), words.audit(audit)),
        Check("whatever the path", None if bounds is None else bounds.worst > 0.0, words.bounds(bounds)),
    )


def _at_least(number: float, bar: float) -> bool | None:
    return None if math.isnan(number) or math.isnan(bar) else number >= bar
