"""The failure catalogue, parts A to D: `python -m tests.connectors.catalogue` injects faults and prints what is seen.

Numbers are those of the reliability notes. Every fault happens to real sockets on loopback: unmodified ccxt, our
connector, our tracker, and the simulated venue, whose ledger is the oracle.
"""

from __future__ import annotations

import argparse
import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from . import rows_account, rows_data, rows_limits, rows_orders

PARTS = (rows_orders, rows_data, rows_account, rows_limits)
AT_ONCE = 3


@dataclass(slots=True)
class Seen:
    """What came of one row; `passed` is None where it cannot be automated."""

    number: int
    fault: str
    behaviour: str
    passed: bool | None
    seconds: float = 0.0


def rows() -> dict[int, Callable[[], Awaitable[str]]]:
    """Every automated row by its number."""
    named = [(name, thing) for part in PARTS for name, thing in vars(part).items() if name.startswith("row_")]
    return {int(name.removeprefix("row_")): thing for name, thing in sorted(named, key=lambda one: int(one[0][4:]))}


def not_automated() -> dict[int, str]:
    """Rows that no fault can be injected for here, and why."""
    return {number: why for part in PARTS for number, why in part.NOT_AUTOMATED.items()}


async def see(number: int, row: Callable[[], Awaitable[str]], *, loud: bool = False) -> Seen:
    """Run one row."""
    fault, start = (row.__doc__ or "").strip(), time.monotonic()
    try:
        async with asyncio.timeout(60):
            behaviour, passed = await row(), True
    except (AssertionError, Exception) as error:
        behaviour, passed = f"{type(error).__name__}: {str(error)[:120]}", False
        if loud:
            traceback.print_exc()
    return Seen(number, fault, behaviour, passed, time.monotonic() - start)


async def see_all(chosen: list[int], *, loud: bool) -> list[Seen]:
    """Run rows, a few at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Seen:
        async with gate:
            return await see(number, rows()[number], loud=loud)

    found = await asyncio.gather(*(one(number) for number in chosen if number in rows()))
    rest = [Seen(n, "", why, None) for n, why in not_automated().items() if n in chosen]
    return sorted([*found, *rest], key=lambda seen: seen.number)


def main() -> None:
    """Print the table; fails if a row does."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("rows", nargs="*", type=int, help="numbers; left out: all")
    options.add_argument("--loud", action="store_true", help="show where a row failed")
    given = options.parse_args()
    chosen = given.rows or sorted({*rows(), *not_automated()})
    table = asyncio.run(see_all(chosen, loud=given.loud))
    for seen in table:
        verdict = {True: "pass", False: "FAIL", None: "-"}[seen.passed]
        print(f"{seen.number:>3}  {verdict:<4}  {seen.seconds:5.1f} s  {seen.fault:<75.75}  {seen.behaviour}")  # noqa: T201
    passed, failed = (sum(seen.passed is value for seen in table) for value in (True, False))
    print(f"\n{passed} of {passed + failed} automated rows pass; {len(table) - passed - failed} say why they are not.")  # noqa: T201
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
