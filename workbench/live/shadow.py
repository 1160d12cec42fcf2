"""The shadow of a run at work: its twin, which reads the journal as it is written and says when the two part."""

from __future__ import annotations

from itertools import islice
from typing import Any

from workbench.controllers import Controller
from workbench.live.canary import Step
from workbench.live.parity import Parity, parity_of
from workbench.live.plan import Plan
from workbench.live.twin import Twin

MOST = 2_000  # entries at a time: a long journal is caught up with little by little
DRIFT = 0.01  # of the run's cash, between its equity and the twin's


class Shadow:
    """A twin that follows a journal.

    Parameters
    ----------
    url : str
        Of the run's journal; it is only read.
    """

    def __init__(self, plan: Plan, bot: Controller, url: str) -> None:
        self.plan, self.url, self.twin = plan, url, Twin(plan, bot)
        self.alarms: list[str] = []
        self.began_ms = 0
        self.filled = 0
        self.funded = False
        self._told: set[str] = set()

    def look(self) -> list[str]:
        """Follow what was written since the last time; alarms that are new."""
        from workbench.journal import Past

        with Past.open(self.url, run=self.plan.run) as past:
            for entry in islice(past.entries(after=self.twin.number), MOST):
                self.hear(entry)
        return self._alarms()

    def hear(self, entry: Any) -> None:
        """One entry."""
        if entry.kind == "ready":
            self.began_ms = self.began_ms or entry.time_ms
        self.filled += entry.kind == "fill"
        self.funded = self.funded or entry.kind == "funded"
        self.twin.hear(entry)

    @property
    def parity(self) -> Parity:
        """What was found so far."""
        return parity_of(self.twin)

    @property
    def differs(self) -> str:
        """The first decision that differs, in words."""
        first = self.twin.first
        return f"row {first['row']}, {first['instrument']}: {first['cause']}" if first else ""

    @property
    def drift(self) -> float:
        """The run's equity less the twin's at the last close, as a fraction of the run's cash."""
        if not self.twin.equity:
            return 0.0
        _, live, twin = self.twin.equity[-1]
        return (live - twin) / self.plan.first_cash

    def staging(self) -> bool:
        """Is a canary still small?"""
        return not self.funded

    def judge(self, now_ms: int) -> tuple[Step, str]:
        """What follows for a canary, now."""
        canary = self.plan.canary
        if canary is None or not self.twin.equity:
            return Step.WAIT, "it has decided nothing yet"
        _, live, twin = self.twin.equity[-1]
        age_ms = now_ms - self.began_ms
        return canary.judge(cash=self.plan.first_cash, age_ms=age_ms, filled=self.filled, live=live, twin=twin,
                            differs=self.differs)  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """For the status: how many decisions, whether all are the twin's, how far apart the two are."""
        return {"rows": self.twin.decided, "equal": not self.differs, "drift": self.drift, "alarms": self.alarms[-3:]}

    def _alarms(self) -> list[str]:
        found = {}
        if self.differs:
            found["decision"] = f"SHADOW: the run decided otherwise than its backtest ({self.differs})."
        if abs(self.drift) > DRIFT:
            found["drift"] = f"SHADOW: the run's equity lies {self.drift:+.2%} of its cash from its backtest's."
        new = [said for name, said in found.items() if name not in self._told]
        self._told |= set(found)
        self.alarms += new
        return new
