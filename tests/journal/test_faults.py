"""Whatever a database does at any call: nothing is lost, nothing is twice, and what was not said to be done is not."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.journal.runs import ENTRIES_OF_A_TRADE, plan, trade
from workbench.errors import BrokenInvariant
from workbench.journal import Journal, NotWritten, Past

FAULTS: list[Callable[[], BaseException]] = [
    lambda: sqlite3.OperationalError("database is locked"),
    lambda: sqlite3.OperationalError("database or disk is full"),
    lambda: sqlite3.OperationalError("disk I/O error"),
    KeyboardInterrupt,
]
CALLS = ("do_execute", "do_executemany", "do_commit", "do_rollback")


class Fuse:
    """Lets the n-th call of the database's driver fail, before it is done or after; everything else is real."""

    def __init__(self, journal: Journal, n: int, fault: Callable[[], BaseException], *, after: bool) -> None:
        self.left, self.fault, self.after = n, fault, after
        self.dialect = journal._engine.dialect
        self.real = {name: getattr(self.dialect, name) for name in CALLS}
        for name in CALLS:
            setattr(self.dialect, name, self._wrapped(self.real[name]))

    def _wrapped(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self.after:
                raise self.fault()
            done = call(*args, **kwargs)
            if self.left == 0:
                raise self.fault()
            return done

        return wrapped

    @property
    def has_blown(self) -> bool:
        return self.left <= 0

    def take_out(self) -> None:
        for name in CALLS:
            setattr(self.dialect, name, self.real[name])


def live_through(journal: Journal, seen: list[int]) -> None:
    """A small run, each step tried again when it was not written, as a runner does; `seen` is what was acted on."""

    def surely(step: Callable[[], Any]) -> None:
        said: list[str] = []
        for _ in range(3):
            try:
                seen.extend(entry.number for entry in step() or ())
                return
            except (NotWritten, KeyboardInterrupt) as error:
                said.append(repr(error))
        pytest.fail(f"a single fault was not got over: {said}")

    real, alone = journal.commit, journal.commit_entries
    journal.commit = lambda: surely(real)  # type: ignore[assignment,method-assign,return-value,func-returns-value]
    journal.commit_entries = lambda: surely(alone)  # type: ignore[assignment,method-assign,return-value,func-returns-value]
    plan(journal)
    trade(journal)
    surely(lambda: journal.keep_snapshot(5, b"state"))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_fault_at_the_nth_call_loses_and_doubles_nothing(tmp_path, after):
    """n = 1, 2, … until a run ends without a fault; the faults take turns, and so does doing the call all the same."""
    made = tmp_path / "made.sqlite"
    Journal.open(made, run="btc").close()
    last = 2 + ENTRIES_OF_A_TRADE
    for n in itertools.count(1):
        file = tmp_path / f"{n}.sqlite"
        shutil.copyfile(made, file)
        seen: list[int] = []
        with Journal.open(file, run="btc") as journal:
            fuse = Fuse(journal, n, FAULTS[n % len(FAULTS)], after=after)
            try:
                live_through(journal, seen)
            finally:
                fuse.take_out()
        assert seen == [*range(1, last + 1)], n
        with Past.open(file, run="btc") as past:
            verdict = past.verify()
            assert (verdict.entries, verdict.rows["fills"], verdict.rows["orders"]) == (last, 2, 1), n
            assert past.orders()["status"].to_list() == ["FILLED"]
        with Journal.open(file, run="btc") as again:
            assert again.number == last
            assert again.snapshot() in ((5, b"state"), None)
        if not fuse.has_blown:
            assert n > 25
            return


def test_a_batch_that_was_written_although_it_was_not_said_is_not_written_twice(tmp_path):
    """The commit was done, and its answer lost; meanwhile more was appended."""
    with Journal.open(tmp_path / "j.sqlite", run="btc") as journal:
        plan(journal)
        journal.append("warning", "one", time_ms=3)
        fuse = Fuse(journal, 1, FAULTS[2], after=True)
        real = fuse.real["do_commit"]
        journal._engine.dialect.do_execute = fuse.real["do_execute"]  # only the commit's answer is lost
        journal._engine.dialect.do_executemany = fuse.real["do_executemany"]
        with pytest.raises(NotWritten):
            journal.commit()
        journal._engine.dialect.do_commit = real
        journal.append("warning", "two", time_ms=4)
        assert [entry.body for entry in journal.commit()] == ["one", "two"]
        assert [entry.body for entry in journal.entries(after=2)] == ["one", "two"]


def test_a_journal_that_another_process_wrote_to_is_not_written_on(tmp_path):
    file = tmp_path / "j.sqlite"
    journal = Journal.open(file, run="btc")
    plan(journal)
    for lock in tmp_path.glob("*.lock"):  # as on a file system that knows no locks
        lock.unlink()
    with Journal.open(file, run="btc") as other:
        other.append("warning", "theirs", time_ms=3)
        other.commit()
    journal.append("warning", "ours", time_ms=3)
    with pytest.raises((NotWritten, BrokenInvariant)):
        journal.commit()
    with pytest.raises(BrokenInvariant, match="by another process at entry 3"):
        journal.commit()
    journal.close()
    assert [entry.body for entry in Past.open(file, run="btc").entries(after=2)] == ["theirs"]


def fill_up(file: Path, room: int) -> None:
    """Write until no file may grow any more; then room is made."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = Journal.open(file, run="btc")
    plan(journal)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        for n in range(10_000):
            trade(journal, n)
    except NotWritten as error:
        sys.stdout.write(f"{error}\n")
    else:
        raise AssertionError("never full")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    sys.stdout.write(f"{journal.commit()[-1].number}\n")
    journal.close()


@pytest.mark.skipif(os.name == "nt", reason="needs a limit on the size of files, which Windows has not")
def test_a_file_that_may_not_grow_is_said_and_goes_on_when_there_is_room(tmp_path):
    file = tmp_path / "j.sqlite"
    code = f"""
from pathlib import Path
from tests.journal.test_faults import fill_up
fill_up(Path({str(file)!r}), 1_500_000)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    said, number = done.stdout.strip().splitlines()
    assert "until then nothing may be opened, only cancelled" in said
    assert Past.open(file, run="btc").verify().entries == int(number)


def test_a_writer_killed_at_any_moment_leaves_whole_entries(tmp_path):
    """SIGKILL in the middle of commits, five times over, each time going on where the last one ended."""
    file = tmp_path / "j.sqlite"
    code = f"""
import itertools
from tests.journal.runs import trade
from workbench.journal import Journal
journal = Journal.open({str(file)!r}, run='btc')
for n in itertools.count(journal.number):
    trade(journal, n)
    print(journal.number, flush=True)"""
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(4)]
        process.kill()
        said += [int(line) for line in process.communicate()[0].splitlines()]
        with Past.open(file, run="btc") as past:
            assert past.verify().entries >= said[-1]


# --- damage ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "j.sqlite"
    with Journal.open(path, run="btc") as journal:
        plan(journal)
        for n in range(3):
            trade(journal, n)
    return path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("UPDATE fills SET price = '1' WHERE trade_id = '1/1'", r"`fills`.*has price 1 where it should be 100.0"),
        ("DELETE FROM fills WHERE trade_id = '1/1'", "`fills`"),
        ("DELETE FROM funding WHERE payment_id = 'p2'", "`funding` of 'btc' has 2 rows, but the entries say 3"),
        ("UPDATE orders SET status = 'OPEN'", "`orders`.*status OPEN where it should be FILLED"),
        ("UPDATE runs SET starts = 9", "`runs`.*starts 9 where it should be 1"),
        ("DROP TRIGGER entries_are_kept_on_delete; DELETE FROM entries WHERE number > 20", "ends at entry 20.*cut off"),
        ("DROP TRIGGER entries_are_kept_on_delete; DELETE FROM entries WHERE number = 4", "after entry 3 comes 5"),
        ("DROP TRIGGER entries_are_kept_on_update; UPDATE entries SET time_ms = 1 WHERE number = 9", "at entry 9"),
    ],
)
def test_verify_names_what_was_changed(file, words, said):
    with sqlite3.connect(file) as other:
        other.executescript(words)
    with Past.open(file, run="btc") as past, pytest.raises(BrokenInvariant, match=said):
        past.verify()


def test_tables_that_were_changed_are_made_again(file):
    with sqlite3.connect(file) as other:
        other.executescript("UPDATE fills SET price = '1'; DELETE FROM orders; UPDATE runs SET why = 'x'")
    with Journal.open(file, run="btc") as journal:
        assert journal.rebuild() == 2 + 3 * ENTRIES_OF_A_TRADE
        trade(journal, 7)
    assert Past.open(file, run="btc").verify().rows["orders"] == 4


def test_a_damaged_page_is_found(file):
    content = bytearray(file.read_bytes())
    for page in range(4, len(content) // 4096):
        content[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    file.write_bytes(content)
    with pytest.raises((BrokenInvariant, NotWritten)) as found, Past.open(file, run="btc") as past:
        past.verify()
    assert "damaged" in str(found.value)
    assert "new" in str(found.value)
