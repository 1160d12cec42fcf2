"""The n-th call fails, n = 1, 2, … until nothing fails any more: `python -m tests.live.nth_call`.

Files: everything that a run, its supervisor or a start writes into a folder; the n-th call of the operating system
fails, with a full disk, an error, or a lock. What lies there afterwards is the old or the new, whole; and the same
again, without a fault, goes through. Databases: the n-th commit of a run at work fails, once; the run goes on or ends,
is started again, and both ledgers agree. (The journal alone: `tests/journal/test_faults.py`; the vault:
`tests/settings/test_vault.py`.)
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.live import spoiling
from tests.live.bench import Bench, bench
from tests.live.crashes import PACE, SPOT, old_doubts
from workbench.controllers import Bollinger
from workbench.errors import WorkbenchError
from workbench.live import Plan, RunFolder
from workbench.live.admission import ensure_token
from workbench.live.disk import RESERVE_BYTES, Disk
from workbench.live.noting import note_end, read_end
from workbench.live.starting import _lay_out
from workbench.live.together import Together
from workbench.settings import load_config, set_value

CALLS = ("open", "fdopen", "write", "pwrite", "fsync", "replace", "ftruncate", "posix_fallocate", "mkdir", "chmod",
         "unlink")  # fmt: skip
FAULTS = (OSError(28, "No space left on device"), OSError(5, "Input/output error"),
          BlockingIOError(11, "Resource temporarily unavailable"))  # fmt: skip
MOST = 200


@dataclass(frozen=True, slots=True)
class Writing:
    """Something that is written: how it is prepared, done, and whether what lies there is whole."""

    name: str
    prepare: Callable[[Path], None]
    do: Callable[[Path], object]
    is_whole: Callable[[Path], bool]
    is_done: Callable[[Path], bool]


def plan(length: int = 20) -> Plan:
    """One of two plans."""
    return Plan.make(Bollinger(length=length), "binance", SPOT, name="run", mode="paper", run="run-1")


def length_of(folder: Path) -> int:
    """Which of them lies there."""
    return int(Plan.read(folder).bot.parameters["length"])


def writings() -> list[Writing]:
    """Every kind of file."""
    new, folder = plan(21), RunFolder
    return [
        Writing("plan", lambda p: _drop(plan().write(p)), lambda p: new.write(p), lambda p: length_of(p) in (20, 21),
                lambda p: length_of(p) == 21),
        Writing("start", lambda p: _lay_out(plan(), folder(p), None), lambda p: _lay_out(new, folder(p), "x = 1"),
                lambda p: length_of(p) in (20, 21) and len(ensure_token(p / "token")) >= 32,
                lambda p: length_of(p) == 21 and (p / "bot.py").read_text() == "x = 1"),
        Writing("token", _nothing, lambda p: ensure_token(p / "token"),
                lambda p: not (p / "token").exists() or len(ensure_token(p / "token")) >= 32,
                lambda p: len(ensure_token(p / "token")) >= 32),
        Writing("end", lambda p: note_end(folder(p), "stopped", "", 1), lambda p: note_end(folder(p), "killed", "", 2),
                lambda p: state_of(p) in ("stopped", "killed"), lambda p: state_of(p) == "killed"),
        Writing("settings", lambda p: _drop(set_value("logs.keep", "5", p)), lambda p: set_value("logs.keep", "6", p),
                lambda p: load_config(p).logs.keep in (5, 6), lambda p: load_config(p).logs.keep == 6),
        Writing("earned", lambda p: Together(p, plan()).tell(1.0), lambda p: Together(p, plan()).tell(2.0),
                lambda p: earned(p) in (1.0, 2.0), lambda p: earned(p) == 2.0),
        Writing("reserve", _nothing, lambda p: Disk(p).keep_reserve(), lambda p: Disk(p).free() > 0,
                lambda p: (p / "reserve").stat().st_size == RESERVE_BYTES),
    ]  # fmt: skip


def _drop(_: object) -> None:
    """What it gives is not wanted."""


def _nothing(_: Path) -> None:
    """Nothing lies there before."""


def state_of(folder: Path) -> str:
    """How the run ended, by its note."""
    return str((read_end(RunFolder(folder)) or {}).get("state"))


def earned(folder: Path) -> float:
    """What the other runs are told."""
    other = Plan.make(Bollinger(), "binance", SPOT, name="other", mode="paper")
    return Together(folder, other).others()["run-1"]


@contextlib.contextmanager
def nth(n: int, fault: OSError) -> Iterator[list[int]]:
    """Let the n-th call fail, before it is done."""
    left, real = [n], {name: getattr(os, name) for name in CALLS}

    def failing(name: str) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise fault
            return real[name](*given, **named)

        return call

    try:
        for name in CALLS:
            setattr(os, name, failing(name))
        yield left
    finally:
        for name, call in real.items():
            setattr(os, name, call)


def try_all(writing: Writing, root: Path) -> tuple[int, list[str]]:
    """Each n with each fault until none fires; how many calls there were, and what was wrong."""
    wrong: list[str] = []
    for n in range(1, MOST):
        fired = False
        for number, fault in enumerate(FAULTS):
            folder = root / f"{writing.name}-{n}-{number}"
            folder.mkdir(mode=0o700)
            writing.prepare(folder)
            with nth(n, fault) as left, contextlib.suppress(WorkbenchError, OSError):
                writing.do(folder)
            fired = fired or left[0] <= 0
            wrong += _judge(writing, folder, f"{writing.name}, call {n}, {fault.strerror}")
        if not fired:
            return n - 1, wrong
    return MOST, [*wrong, f"{writing.name}: it never went through"]


def _judge(writing: Writing, folder: Path, where: str) -> list[str]:
    """Whole after the fault, and done when it is done again."""
    try:
        if not writing.is_whole(folder):
            return [f"{where}: what lies there is neither the old nor the new"]
        writing.do(folder)
        return [] if writing.is_done(folder) else [f"{where}: the next try did not do it"]
    except (WorkbenchError, OSError, ValueError, KeyError) as error:
        return [f"{where}: {type(error).__name__}: {error}"]


# --- databases -------------------------------------------------------------------------------------------------------


def fail_commit(n: int, home: Path, *, surely: bool = False) -> tuple[bool, list[str]]:
    """The n-th commit of a run fails, once; whether it came to that, and what is wrong after all.

    A few rows are waited for, in which a run that is short of time has fewer commits; `surely`: that commit too.
    """
    fault = list(spoiling.FAULTS)[n % len(spoiling.FAULTS)]
    with bench(home, pace=PACE, rate=6.0, prices=((SPOT, 60_000),)) as b:
        b.write(SPOT, parameters={"doing": "limit"})
        b.start(spoil=partial(spoiling.fail_commit, fault, n, str(b.folder.path / "fired")))
        fired = _worked(b, surely=surely)
        if b.run is not None and b.run.poll() is None:
            b.kill()
        b.start()
        b.until(lambda status: status["state"] == "running" and not old_doubts(status))
        b.client.stop(hold=False)
        wrong = [f"ended with {code}" for code in [b.ended()] if code]
        return fired, wrong + b.invariants()


def _worked(b: Bench, *, surely: bool) -> bool:
    """Let it trade a few rows, or end; did the fault come?"""
    mark = b.folder.path / "fired"
    while b.run is not None and b.run.poll() is None:
        if b.status().get("row", 0) >= 36 and (mark.exists() or not surely):
            break
        with contextlib.suppress(TimeoutError):
            b.run.wait(0.1)
    return mark.exists()


def main() -> None:
    """Everything, and what was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", action="store_true", help="no runs")
    parser.add_argument("--first", type=int, default=1, help="n to begin with")
    given = parser.parse_args()
    failed = 0
    for writing in writings():
        with tempfile.TemporaryDirectory(prefix="nth-") as root:
            n, wrong = try_all(writing, Path(root))
        failed += bool(wrong)
        print(f"{writing.name}: {n} calls x {len(FAULTS)} faults: {'; '.join(wrong) or 'whole each time'}", flush=True)  # noqa: T201
    n = given.first
    while not given.files:
        with tempfile.TemporaryDirectory(prefix="nth-") as root:
            fired, wrong = fail_commit(n, Path(root))
        failed += bool(wrong)
        came = "failed" if fired else "was never reached"
        print(f"commit {n} {came}: {'; '.join(wrong) or 'both ledgers agree'}", flush=True)  # noqa: T201
        if not fired:
            break
        n += 1
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
