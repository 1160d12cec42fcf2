"""The journal on a real PostgreSQL server holds what it holds on SQLite."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import Any

import psycopg
import pytest

from tests.journal.runs import ENTRIES_OF_A_TRADE, fill, plan, trade
from workbench.errors import BrokenInvariant, ConfigError, DataError
from workbench.journal import Journal, NotWritten, Past


@pytest.fixture
def url(postgresql) -> str:
    return postgresql.database()


def raw(url: str) -> Any:
    return psycopg.connect(url, autocommit=True)


def test_a_run_is_written_and_read_back_the_same_on_both(url, tmp_path):
    tables = {}
    for where in (url, tmp_path / "journal.sqlite"):
        with Journal.open(where, run="btc") as journal:
            plan(journal)
            for n in range(3):
                trade(journal, n)
            journal.keep_snapshot(journal.number, b"\x00state")
            assert journal.snapshot() == (2 + 3 * ENTRIES_OF_A_TRADE, b"\x00state")
            entries = list(journal.entries())
        with Past.open(where, run="btc") as past:
            assert list(past.entries()) == entries
            rows = past.verify().rows
            tables[where] = [entries, {name: past.table(name, exact=True).rows() for name in rows}]
    assert tables[url] == tables[tmp_path / "journal.sqlite"]
    assert tables[url][1]["orders"][0][-5:-1] == ("FILLED", "0.10", "0", "10.000")


def test_a_second_writer_is_refused_and_may_read(url):
    with Journal.open(url, run="btc") as journal:
        plan(journal)
        with pytest.raises(ConfigError, match="written by another connection"):
            Journal.open(url, run="btc")
        with Journal.open(url, run="eth") as other:
            plan(other)
        assert Past.open(url, run="btc").last() == 2
    Journal.open(url, run="btc").close()


def hold(url: str, pipe: Any) -> None:
    journal = Journal.open(url, run="btc")
    plan(journal)
    journal.append("warning", "not committed", time_ms=3)
    pipe.send(os.getpid())
    pipe.recv()


def test_the_lock_of_a_killed_process_is_no_lock(url):
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=hold, args=(url, theirs))
    child.start()
    os.kill(ours.recv(), signal.SIGKILL)
    child.join()
    with Journal.open(url, run="btc", patience_s=5) as journal:
        assert journal.number == 2


def test_a_database_that_another_program_locks_is_said_and_the_batch_is_kept(url):
    with Journal.open(url, run="btc", patience_s=0.1) as journal, raw(url) as other:
        plan(journal)
        journal.append("fill", {"fill": fill("t")}, time_ms=3)
        with other.transaction():
            other.execute("LOCK TABLE fills IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(NotWritten, match="another program holds the database"):
                journal.commit()
        assert [entry.number for entry in journal.commit()] == [3]
        assert Past.open(url, run="btc").verify().entries == 3


def test_a_server_that_was_away_is_found_again_with_the_lock(postgresql, url):
    with Journal.open(url, run="btc") as journal:
        plan(journal)
        journal.append("warning", "during", time_ms=3)
        postgresql.stop("immediate")
        try:
            with pytest.raises(NotWritten):
                journal.commit()
        finally:
            postgresql.start()
        journal.append("warning", "after", time_ms=4)
        assert [entry.number for entry in journal.commit()] == [3, 4]
        with pytest.raises(ConfigError, match="written by another connection"):
            Journal.open(url, run="btc")
        assert Past.open(url, run="btc").verify().entries == 4


def test_one_who_lost_the_lock_to_another_does_not_write(postgresql, url):
    slow = Journal.open(url, run="btc")
    plan(slow)
    with raw(url) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    with Journal.open(url, run="btc") as quick:
        quick.append("warning", "quick", time_ms=3)
        quick.commit()
        slow.append("warning", "slow", time_ms=3)
        with pytest.raises(NotWritten):
            slow.commit()
        with pytest.raises(ConfigError, match="written by another connection"):
            slow.commit()
    with pytest.raises(BrokenInvariant, match="by another process at entry 3"):
        slow.commit()
    slow.close()
    assert [entry.body for entry in Past.open(url, run="btc").entries(after=2)] == ["quick"]


def test_entries_are_kept_by_the_server_too(url):
    with Journal.open(url, run="btc") as journal:
        plan(journal)
    with raw(url) as other:
        for words in ("DELETE FROM entries", "UPDATE entries SET kind = 'x'"):
            with pytest.raises(psycopg.Error, match="the journal is kept"):
                other.execute(words)


def test_a_newer_database_is_left_alone(url):
    Journal.open(url, run="btc").close()
    with raw(url) as other:
        other.execute("UPDATE workbench_run_version SET version_num = '9001'")
    for open_it in (Journal.open, Past.open):
        with pytest.raises(DataError, match=r"version 9001.*Update workbench"):
            open_it(url, run="btc")


def open_one(url: str, run: str) -> int:
    with Journal.open(url, run=run) as journal:
        plan(journal)
        return journal.number


def test_runs_that_start_at_once_make_the_tables_once(url):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.starmap(open_one, [(url, f"run{n}") for n in range(3)]) == [2, 2, 2]


def test_a_server_that_is_not_there_is_said_without_the_password():
    with pytest.raises(DataError) as refused:
        Journal.open("postgresql://me:geheim@127.0.0.1:9/none", run="btc", patience_s=1)
    assert "geheim" not in str(refused.value)
    assert "did not answer" in str(refused.value)
