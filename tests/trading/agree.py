"""The compiled engine against the plain one, on as many random cases as wanted.

`python -m tests.trading.agree --from 0 --count 100000` prints each case in which they differ, and ends with 1 if
there was one.
"""

# ruff: noqa: T201 — it talks to a person

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from .agreement import difference
from .scenarios import Scenario, scenario
from .scenarios_executors import executor_scenario
from .scenarios_purses import purse_scenario
from .scenarios_together import together_scenario
from .scenarios_venue import venue_scenario

CASES: dict[str, Callable[[int], Scenario]] = {
    "plain": scenario,
    "executors": executor_scenario,
    "venue": venue_scenario,
    "purses": purse_scenario,
    "together": together_scenario,
}
CHUNK = 500  # seeds that a process takes at once
MOST_SHOWN = 20


def main() -> int:
    """Read the command line, run the cases, print what came of them."""
    args = command_line()
    print(
        f"seeds {args.start} to {args.start + args.count - 1} over {args.processes} processes, {args.cases}", flush=True
    )
    began, found = time.perf_counter(), 0
    for done, differences in enumerate(all_differences(args.start, args.count, args.processes, args.cases), start=1):
        for line in differences[: max(MOST_SHOWN - found, 0)]:
            print(line, flush=True)
        found += len(differences)
        say_progress(min(done * CHUNK, args.count), args.count, found)
    print(f"{args.count} cases, {found} differences, {time.perf_counter() - began:.0f} s")
    return 1 if found else 0


def command_line() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.trading.agree", description=__doc__)
    parser.add_argument("--from", dest="start", type=int, default=0, help="first seed")
    parser.add_argument("--count", type=int, default=100_000, help="how many seeds")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cases", choices=CASES, default="plain", help="which kind of cases to draw")
    parser.add_argument("--executors", dest="cases", action="store_const", const="executors", help="created executors")
    return parser.parse_args()


def all_differences(start: int, count: int, processes: int, cases: str = "plain") -> Iterator[list[str]]:
    """What differs, a chunk of seeds at a time, in order of seed."""
    difference(CASES[cases](start))  # compiles the engine, so that the processes find it on disk
    stop = start + count
    chunks = [range(first, min(first + CHUNK, stop)) for first in range(start, stop, CHUNK)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield from pool.map(partial(differences_in, cases=cases), chunks)


def differences_in(seeds: range, cases: str = "plain") -> list[str]:
    """What differs in each of some seeds, if anything."""
    return [found for found in map(difference, map(CASES[cases], seeds)) if found]


def say_progress(done: int, count: int, found: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done}/{count}, {found} differ", end="" if done < count else "\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
