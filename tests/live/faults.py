"""The failure catalogue, parts E to G, of live runs: `python -m tests.live.faults` injects faults and prints a table.

Numbers are those of the reliability notes, part 2; A to D are `python -m tests.connectors.catalogue`. A row is a
function here, or tests that are run for it, or says why it cannot be automated. Rows of A to D come again where a whole
run has to behave: those are numbered as there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.live import rows_operator, rows_process, rows_security

PARTS = (rows_process, rows_operator, rows_security)
ROOT = Path(__file__).parents[2]
SAID = {
    66: "runner hangs, alive but not looping", 67: "crash loop", 71: "version skew between notebook and runner",
    80: "kill switch when everything else is dead", 83: "keys in a notebook that is committed",
}  # fmt: skip


@dataclass(slots=True)
class Seen:
    """What came of a row; `passed` is None where it cannot be automated."""

    number: int
    fault: str
    behaviour: str
    passed: bool | None
    seconds: float = 0.0


def functions() -> dict[int, Callable[[Path], str]]:
    """Rows that are played here, by number."""
    named = [(name, thing) for part in PARTS for name, thing in vars(part).items() if name.startswith("row_")]
    return {int(name.removeprefix("row_")): thing for name, thing in named}


def tests() -> dict[int, str]:
    """Rows that tests are run for: which."""
    return {number: names for part in PARTS for number, names in part.TESTS.items()}


def not_automated() -> dict[int, str]:
    """Rows that no fault can be injected for here, and why."""
    return {number: why for part in PARTS for number, why in part.NOT_AUTOMATED.items()}


def numbers() -> list[int]:
    """Every row."""
    return sorted({*functions(), *tests(), *not_automated()})


def see(number: int, home: Path, *, loud: bool = False) -> Seen:
    """Run one row."""
    start = time.monotonic()
    if number in not_automated():
        return Seen(number, "", not_automated()[number], None)
    if number in tests():
        behaviour, passed = _test(tests()[number])
        return Seen(number, SAID[number], behaviour, passed, time.monotonic() - start)
    row = functions()[number]
    fault = (row.__doc__ or "").strip()
    try:
        behaviour, passed = row(home), True
    except Exception as error:
        behaviour, passed = f"{type(error).__name__}: {str(error)[-300:]}", False
        if loud:
            traceback.print_exc()
    return Seen(number, fault, behaviour, passed, time.monotonic() - start)


def _test(names: str) -> tuple[str, bool]:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", *names.split()]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    last = done.stdout.strip().rpartition("\n")[2]
    short = ", ".join(name.rpartition("::")[2] or name for name in names.split())
    return f"{short}: {last}", done.returncode == 0


def main() -> None:
    """Print the table; fails if a row does."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("rows", nargs="*", type=int, help="numbers; left out: all")
    options.add_argument("--loud", action="store_true", help="show where a row failed")
    given = options.parse_args()
    table = []
    for number in given.rows or numbers():
        with tempfile.TemporaryDirectory(prefix="fault-") as home:
            seen = see(number, Path(home), loud=given.loud)
        table.append(seen)
        verdict = {True: "pass", False: "FAIL", None: "-"}[seen.passed]
        said = f"{seen.fault:<66.66}  {seen.behaviour}" if seen.passed is not None else seen.behaviour
        print(f"{seen.number:>3}  {verdict:<4}  {seen.seconds:5.1f} s  {said}", flush=True)  # noqa: T201
    passed, failed = (sum(seen.passed is value for seen in table) for value in (True, False))
    print(f"\n{passed} of {passed + failed} automated rows pass; {len(table) - passed - failed} say why they are not.")  # noqa: T201
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
