"""What it costs to write a run's journal: append and commit on this disk, and reading it back.

python -m benchmarks.journal [--commits 500] [--url postgresql://…]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from workbench.journal import Journal
from workbench.market import BUY, OrderKind
from workbench.trading import Fill, Intent


def intent(n: int) -> Intent:
    price = Decimal("100.00")
    return Intent(f"wb{n:08d}", "BTC/USDT", BUY, OrderKind.LIMIT, Decimal("0.10"), price, created_ms=n)


def fill(n: int) -> Fill:
    return Fill("BTC/USDT", str(n), f"v{n}", BUY, Decimal("100.00"), Decimal("0.10"), n, f"wb{n:08d}")


def write_intent(journal: Journal, n: int) -> None:
    """What leaves before an order does: the intent, and that it may be sent."""
    facts = {"intent": intent(n), "executor": n, "order": n, "purpose": "ENTRY"}
    journal.append("intent", facts, time_ms=n)
    journal.append("sent", {"client_id": f"wb{n:08d}"}, time_ms=n)
    journal.commit()


def write_fill(journal: Journal, n: int) -> None:
    journal.append("fill", {"fill": fill(n)}, time_ms=n)
    journal.commit()


def write_bar(journal: Journal, n: int) -> None:
    bar = {"market": "BTC/USDT", "time_ms": n, "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 9.0}
    journal.append("bar", bar, time_ms=n)
    journal.commit()


def write_warning(journal: Journal, n: int) -> None:
    journal.append("warning", {"text": "slow"}, time_ms=n)
    journal.commit()


def timed(name: str, write: Callable[[Journal, int], None], journal: Journal, count: int) -> None:
    walls, cpus = [], []
    for n in range(count):
        wall, cpu = time.perf_counter(), time.process_time()
        write(journal, n)
        walls.append((time.perf_counter() - wall) * 1e3)
        cpus.append((time.process_time() - cpu) * 1e3)
    walls.sort()
    cpus.sort()
    print(f"{name:<22}{walls[count // 2]:8.2f}{walls[int(count * 0.99)]:8.2f}{cpus[count // 2]:8.2f}")


def sync(folder: Path, count: int) -> None:
    """What the disk itself takes for a write of a page and a sync."""
    walls = []
    with (folder / "plain").open("wb", buffering=0) as file:
        for _ in range(count):
            wall = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            walls.append((time.perf_counter() - wall) * 1e3)
    walls.sort()
    print(f"{'write and fsync':<22}{walls[count // 2]:8.2f}{walls[int(count * 0.99)]:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=500)
    parser.add_argument("--url", default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'ms':<22}{'p50':>8}{'p99':>8}{'cpu p50':>8}")
        sync(Path(folder), given.commits)
        with Journal.open(given.url or Path(folder) / "journal.sqlite", run=f"bench{os.getpid()}") as journal:
            for name, write in (("intent, sent, commit", write_intent), ("fill, commit", write_fill),
                                ("bar, commit", write_bar), ("warning, commit", write_warning)):  # fmt: skip
                timed(name, write, journal, given.commits)
            began, count = time.perf_counter(), sum(1 for _ in journal.entries())
            took = time.perf_counter() - began
            print(f"read back {count} entries in {took:.2f} s: {took / count * 1e6:.0f} µs each")


if __name__ == "__main__":
    main()
