"""Kill a run at every point of its life, start it again, and compare both ledgers: `python -m tests.live.crashes`.

Each case is a run of the busy bot at a venue of its own; what the venue does while the run is dead comes from the seed.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import ConfigError

from .bench import PERPETUAL, SPOT, Bench, bench

# Points of reliability.md 3.2. J16 and J17 lie in the journal, and are tested there; J19 is nowhere: a run sets no
# leverage, it only reads it.
POINTS = {
    "J0": "after the limits", "J1": "intent not committed", "J2": "intent committed", "J3": "before the request",
    "J4": "request answered", "J5": "answer read, not stored", "J6": "answer stored", "J7": "fill received",
    "J8": "fill not committed", "J9": "fill committed, not folded", "J10": "fill folded", "J11": "before the bot",
    "J12": "before a cancellation", "J13": "cancellation answered", "J14": "answer to a cancellation stored",
    "J15": "in reconciliation", "J18": "in a kill", "J20": "dead man's switch armed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One crash."""

    point: str
    times: int
    instrument: str
    seed: int

    def __str__(self) -> str:
        return f"{self.point}:{self.times} {'perpetual' if ':' in self.instrument else 'spot'} seed {self.seed}"


def cases(seed: int) -> list[Case]:
    """All of them: each point, early and late, on both kinds of account."""
    found = []
    for point in POINTS:
        for instrument in (SPOT, PERPETUAL):
            for times in (1, 3) if point == "J15" else (1,) if point in ("J18", "J20") else (2, 7):
                if not (point == "J20" and instrument == SPOT):  # spot has no such switch
                    found.append(Case(point, times, instrument, seed + len(found)))
    return found


def play(case: Case, home: Path) -> list[str]:
    """Crash, recover, stop; what is wrong then."""
    draw = random.Random(case.seed)
    with bench(home, seed=case.seed) as b:
        b.write(case.instrument)
        died = _crash(b, case)
        if not died:
            return ["the point was never passed"]
        is_perpetual = ":" in case.instrument
        _downtime(b, draw, is_perpetual)
        b.start()
        if case.point == "J18":  # the kill goes on by itself
            b.ended(60.0)
        else:
            row = b.until(lambda status: status["state"] == "running")["row"]
            b.until(lambda status: status["row"] > row + 2 and not unresolved(status))
            b.client.stop(hold=False)
        wrong = [f"ended with {code}" for code in [b.ended()] if code]
        wrong += b.invariants(perpetual=is_perpetual)
        return wrong + _twice(b)


def unresolved(status: dict[str, Any]) -> list[Any]:
    """Orders of which nobody knows yet whether they are there."""
    return [one for one in status["orders"] if one["life"] in ("SENT", "UNKNOWN")]


def _crash(b: Bench, case: Case) -> bool:
    run = b.start(f"{case.point}:{case.times}")
    deadline = time.monotonic() + 150.0
    while run.poll() is None and time.monotonic() < deadline:
        status = b.status() if case.point == "J18" else {"state": ""}
        if status["state"] == "running" and status["row"] > 35:
            with contextlib.suppress(ConfigError):  # it dies of it, as it should
                b.client.kill()
            break
        time.sleep(0.05)
    if run.poll() is None:
        b.kill()
        return False
    return run.wait() == -9


def _downtime(b: Bench, draw: random.Random, is_perpetual: bool) -> None:
    """While the run is dead its open orders are filled in part, whole, or not at all."""
    for one in b.venue.control.orders(perpetual=is_perpetual):
        share = draw.choice((0, 0.5, 1))
        if one["status"] in ("NEW", "PARTIALLY_FILLED") and share and one["kind"] == "LIMIT":
            amount = float(one["amount"] - one["filled"]) * share if share < 1 else 0
            b.venue.control.fill("BTCUSDT", one["id"], round(amount, 3), perpetual=is_perpetual)


def _twice(b: Bench) -> list[str]:
    """I9: another recovery changes nothing."""
    with b.past() as past:
        before = past.fills(exact=True)
        last = past.last()
    b.start()
    b.ended_or_idle()
    with b.past() as past:
        after = past.fills(exact=True)
        facts = list(itertools.takewhile(lambda kind: kind != "ready", (one.kind for one in past.entries(after=last))))
    wrong = [] if before.equals(after) else ["I9: a second recovery booked fills"]
    new = {"intent", "fill", "cancel", "report", "missing"} & set(facts)
    return wrong + ([f"I9: a second recovery wrote {sorted(new)}"] if new else [])


def main() -> None:
    """Play all cases, or a sample, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sample", type=int, default=0, help="so many cases, by chance of the seed; 0: all")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long, and say so")
    given = parser.parse_args()
    chosen = cases(given.seed)
    if given.sample:
        chosen = random.Random(given.seed).sample(chosen, given.sample)
    begun, failed, done = time.monotonic(), 0, 0
    for case in chosen:
        if time.monotonic() - begun > given.seconds:
            break
        with tempfile.TemporaryDirectory(prefix="crash-") as home:
            try:
                wrong = play(case, Path(home))
            except AssertionError as error:
                wrong = [str(error)[-600:]]
        failed, done = failed + bool(wrong), done + 1
        print(f"{case}: {POINTS[case.point]}: {'; '.join(wrong) or 'holds'}", flush=True)  # noqa: T201
    took = time.monotonic() - begun
    print(f"{done} of {len(chosen)} cases, {failed} failed, seed {given.seed}, {took:.0f} s", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
