"""Staged capital: a run begins with a share of its money, and gets the rest, or is rolled back, as it proves itself.

It is judged against its shadow twin (`shadow`), from the journal alone, so that a restart judges the same.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from workbench.controllers import Duration


class Step(StrEnum):
    """What follows for a canary."""

    WAIT = "wait"
    GROW = "grow"
    BACK = "roll back"


class Canary(BaseModel):
    """How a run's money is staged.

    Attributes
    ----------
    share : float
        Of its cash, which it begins with.
    after : duration
        How long it must have traded before it gets the rest.
    fills : int
        How many orders must have been filled by then.
    max_drift : float
        How far its equity may lie from the twin's, as a fraction of what it began with; beyond it is rolled back.
    max_loss : float
        How much of that it may lose; beyond it is rolled back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    after: Duration = Field("1d")  # type: ignore[assignment]  # the default is read as a duration too
    fills: Annotated[int, Field(ge=0)] = 10
    max_drift: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.01
    max_loss: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1

    def judge(
        self, *, cash: float, age_ms: int, filled: int, live: float, twin: float, differs: str
    ) -> tuple[Step, str]:
        """What follows, and why.

        Parameters
        ----------
        cash : float
            What it began with.
        live, twin : float
            Equity of the run and of its twin at the last close.
        differs : str
            The first decision that differs, in words; empty: none does.
        """
        drift, loss = abs(live - twin) / cash, (cash - live) / cash
        if differs:
            return Step.BACK, f"it decided otherwise than its backtest: {differs}"
        if drift > self.max_drift:
            return Step.BACK, f"its equity lies {drift:.2%} from its backtest's, more than {self.max_drift:.2%}"
        if loss > self.max_loss:
            return Step.BACK, f"it lost {loss:.2%} of its share, more than {self.max_loss:.2%}"
        if age_ms < int(self.after) or filled < self.fills:
            return Step.WAIT, f"{filled} of {self.fills} fills, {age_ms / 3.6e6:.1f} of {int(self.after) / 3.6e6:.1f} h"
        return Step.GROW, f"{filled} fills, {drift:.2%} from its backtest"

    def in_words(self, cash: float) -> str:
        """One line for the screen."""
        return (
            f"{self.share:.0%} first ({self.share * cash:,.2f}); the rest after {int(self.after) / 3.6e6:g} h and "
            f"{self.fills} fills; rolled back and flattened beyond a drift of {self.max_drift:.1%} or a loss of "
            f"{self.max_loss:.0%}"
        )
