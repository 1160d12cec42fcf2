"""Part E of the catalogue: process, storage, restart; each row is a real runner at a venue of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from tests.live import crashes, spoiling
from tests.live.bench import PERPETUAL, SPOT, Bench, bench
from tests.live.running import end_all, until, with_client
from workbench.journal import Account, Journal, rescue
from workbench.live.process import find_process
from workbench.live.runner import REFUSED

WARM = crashes.WARM
TESTS = {
    66: "tests/live/test_supervisor.py::test_a_runner_whose_loop_stands_still_is_replaced",
    67: "tests/live/test_supervisor.py::test_a_run_that_dies_too_often_stays_down_with_nothing_open_and_says_so",
    71: "tests/live/test_control.py::test_a_runner_of_another_version_is_named",
}
NOT_AUTOMATED: dict[int, str] = {}


def quick(home: Path, **more: Any) -> Any:
    """A bench of one spot market whose time runs fast."""
    return bench(home, pace=crashes.PACE, rate=6.0, prices=more.pop("prices", ((SPOT, 60_000),)), **more)


def at_work(b: Bench, rows: int = 2, **parameters: Any) -> dict[str, Any]:
    """Start a run that does one thing, and wait until it does."""
    b.write(b.market, parameters=parameters or {"doing": "amend"})
    b.start()
    return b.until(lambda status: status["row"] > WARM + rows)


def row_58(home: Path) -> str:
    """kill -9 anywhere"""
    chosen = ("J6", "amend", "full")
    case = next(one for one in crashes.cases(0) if (one.point, one.doing, one.downtime) == chosen)
    wrong = crashes.play(case, home)
    assert wrong == [], wrong
    return f"{case}: both ledgers agree after recovery; `python -m tests.live.crashes` kills at every other point"


def row_59(home: Path) -> str:
    """restart with open orders"""
    with quick(home, prices=((PERPETUAL, 60_000),)) as b:
        at_work(b, doing="cancel")
        n = len(b.until(lambda status: len([one for one in status["orders"] if one["life"] == "OPEN"]) == 2)["orders"])
        b.kill()
        with b.past() as past:
            last = past.last()
        b.start()
        b.until(lambda status: status["is_ready"])
        b.kill()
        with b.past() as past:
            kinds = [one.kind for one in past.entries(after=last)]
        before = kinds[: kinds.index("ready")]
        assert "intent" not in before, before
        return f"{n} open orders were known before the bot spoke; before `ready` there were only {sorted(set(before))}"


def row_60(home: Path) -> str:
    """order sent, database insert fails: a trade would be lost"""
    said = []
    with quick(home) as b:
        at_work(b)
        b.kill()
        for fault in spoiling.FAULTS:
            b.start(spoil=partial(spoiling.fail_commits, fault, 60))
            code = b.ended(90.0)
            assert code == 1, code
            with b.past() as past:
                ours = {one["client_id"] for one in past.orders().to_dicts()}
            unknown = {one["client_id"] for one in b.venue.control.orders()} - ours
            assert not unknown, f"sent without being written down: {unknown}"
            said.append(fault)
        b.start()
        b.until(lambda status: status["state"] == "running" and not crashes.old_doubts(status))
        b.client.stop(hold=False)
        b.ended()
        wrong = b.invariants()
        assert wrong == [], wrong
    return f"{', '.join(said)}: the runner ends with 1, no order is at the venue that was not written, a restart agrees"


def row_61(home: Path) -> str:
    """database locked by a second process"""
    with quick(home) as b:
        at_work(b)
        other = sqlite3.connect(b.folder.path / "journal.sqlite", isolation_level=None, timeout=20.0)
        row = b.status()["row"]
        other.execute("BEGIN IMMEDIATE")
        time.sleep(2.0)
        other.execute("COMMIT")
        b.until(lambda status: status["row"] > row + 3)
        other.execute("BEGIN IMMEDIATE")
        code = b.ended(60.0)
        other.execute("COMMIT")
        other.close()
        assert code == 1
        wrong = crashes._recover(b, crashes.cases(0)[0]) + b.invariants()
        assert wrong == [], wrong
    return "2 s are sat out; longer than its patience of 5 s ends the runner with 1, and a restart agrees"


def row_62(home: Path) -> str:
    """disk short, then full"""
    with quick(home) as b:
        b.write(b.market, parameters={"doing": "amend"})
        b.start(spoil=partial(spoiling.little_room, 1 << 62))
        status = b.until(lambda status: status["state"] == "paused" and not status["orders"])
        assert any("are free where the run writes" in one["text"] for one in status["warnings"]), status["warnings"]
        b.kill()
        b.start(spoil=partial(spoiling.full_until_given_up, b.folder.path / "reserve", 60))
        b.until(lambda status: status["is_ready"])
        b.client.resume()
        row = b.until(lambda status: not spoiling_is_left(b))["row"]
        b.until(lambda status: status["row"] > row + 2)
        b.client.stop(hold=False)
        assert b.ended() == 0
        wrong = b.invariants()
        assert wrong == [], wrong
    return "under 100 MB it opens nothing and says so, quotes are withdrawn; full, 16 MB kept for that carry it on"


def spoiling_is_left(b: Bench) -> bool:
    """Has the reserve not been given up yet?"""
    return not (b.folder.path / "given_up").exists()


def row_63(home: Path) -> str:
    """database of a newer schema, or damaged"""
    with quick(home) as b:
        at_work(b)
        b.client.stop(hold=False)
        b.ended()
        file = b.folder.path / "journal.sqlite"
        with contextlib.closing(sqlite3.connect(file)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            other.execute("UPDATE workbench_run_version SET version_num = '9999'")
            other.commit()
        b.start()
        assert b.ended() == REFUSED
        assert "a newer one made it. Update workbench; nothing was changed" in b.log()
        with contextlib.closing(sqlite3.connect(file)) as other:
            other.execute("UPDATE workbench_run_version SET version_num = '0001'")
            other.commit()
        content = bytearray(file.read_bytes())
        for page in range(4, len(content) // 4096):
            content[page * 4096 : page * 4096 + 100] = b"\xff" * 100
        file.write_bytes(content)
        b.start()
        assert b.ended() in (1, REFUSED)
        assert "damaged" in b.log(), b.log()[-600:]
        n = _rebuilt(b, home / "rebuilt.sqlite")
    return f"refused in a sentence, with 2; a damaged one too, and {n} entries were rebuilt from the venue beside it"


def _rebuilt(b: Bench, target: Path) -> int:
    async def ask(client: Any) -> Account:
        fills = await client.fills(b.market, 0)
        return Account("binance", "main", await client.open_orders(b.market), fills, (),
                       (await client.balances()).values())  # fmt: skip

    found = with_client(b.venue, b.market, ask)
    n = rescue(target, [found], run=b.plan.run, time_ms=1, old=b.folder.path / "journal.sqlite")
    theirs = len(b.their_trades(perpetual=False))
    with Journal.open(target, run=b.plan.run) as again:
        told = len([one for one in again.entries() if one.kind == "fill"])
    assert told == theirs, (told, theirs)
    return n


def row_64(home: Path) -> str:
    """two runners on one run; a stale lock after kill -9"""
    with quick(home) as b:
        at_work(b)
        first = b.run
        b.start()
        assert b.ended() == REFUSED
        assert "is at work already: process" in b.log()
        b.run = first
        b.kill()
        assert (b.folder.path / "runner.lock").read_text()
        b.start()
        b.until(lambda status: status["state"] == "running")
    return "the second ends with 2 and names the first; a lock whose holder was killed is nobody's"


STARTER = """
import sys, time
import workbench as wb
run = wb.paper(wb.controllers.Bollinger(length=20), "binance", "BTC/USDT", simulated=sys.argv[1], name="kept")
print(run.wait("running", seconds=240)["state"], flush=True)
time.sleep(600)
"""


def row_65(home: Path) -> str:
    """the notebook's kernel dies, or a cell is interrupted again and again"""
    from workbench.live import Run, run_folder

    with quick(home) as b:
        environment = {**os.environ, "WORKBENCH_HOME": str(home)}
        kernel = subprocess.Popen(
            [sys.executable, "-c", STARTER, str(b.venue.control_url)], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env=environment, start_new_session=True,
        )  # fmt: skip
        try:
            assert kernel.stdout is not None
            assert kernel.stdout.readline().strip() == "running"
            folder = run_folder(home, "kept")
            pids = [find_process(folder, "runner"), find_process(folder, "supervisor")]
            for _ in range(20):
                os.killpg(kernel.pid, signal.SIGINT)
            kernel.kill()
            kernel.wait()
            run = Run(folder)
            assert run.wait("running", seconds=20.0)["state"] == "running"
            assert [find_process(folder, "runner"), find_process(folder, "supervisor")] == pids
            sessions = {os.getsid(pid) for pid in pids if pid}
            assert kernel.pid not in sessions
            run.stop()
        finally:
            kernel.kill()
            end_all(home)
    return "20 interrupts and a SIGKILL of the kernel: runner and supervisor, sessions of their own, are the same"


def row_68(home: Path) -> str:
    """descriptors leak over reconnections; memory"""
    with quick(home) as b:
        at_work(b)
        assert b.run is not None
        fds = Path(f"/proc/{b.run.pid}/fd")
        before = len(list(fds.iterdir()))
        for _ in range(6):
            row = b.status()["row"]
            b.venue.control.cut_sockets()
            b.until(lambda status, row=row: status["row"] > row + 4)
        after = until(lambda: (n := len(list(fds.iterdir()))) <= before + 2 and n, 20.0, "few descriptors")
    return f"{before} descriptors, {after} after 6 reconnections; memory over 30 days: `python -m tests.live.measure`"


def row_69(home: Path) -> str:
    """a clean stop that the venue does not let be clean"""
    with quick(home) as b:
        at_work(b, doing="limit", near=0.4)  # a tenth away: no price comes there
        b.venue.control.keep_on_cancel(times=10_000)
        b.until(lambda status: [one for one in status["orders"] if one["life"] == "OPEN"])
        start = time.monotonic()
        left = b.client.stop()["left"]
        took = time.monotonic() - start
        b.ended()
        assert sum("open at binance" in one for one in left) >= 1, left
        assert took < 45.0
    return f"after {took:.0f} s it ends and says what is left: {len(left)} lines, the venue's open orders by name"


def row_70(home: Path) -> str:
    """the dead-man's switch fires because the run is gone, and is not left armed by a planned stop"""
    with quick(home, prices=((PERPETUAL, 60_000),)) as b:
        at_work(b, doing="cancel")
        b.until(lambda status: len([one for one in status["orders"] if one["life"] == "OPEN"]) == 2)
        b.kill()
        until(lambda: not b.still_open(), 60.0, "the venue's countdown")
        b.start()
        b.until(lambda status: status["state"] == "running" and not crashes.old_doubts(status))
        b.client.stop(hold=False)
        assert b.ended() == 0
        wrong = b.invariants(perpetual=True)
        assert wrong == [], wrong
        assert not b.countdowns(), b.countdowns()
    return "60 s after the death the venue had cancelled, the next start knew it; a planned stop disarms"
