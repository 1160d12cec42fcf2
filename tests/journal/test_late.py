"""An order's entries are committed before their rows: whoever looks or starts in between finds nothing missing."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.journal.runs import ENTRIES_OF_A_TRADE, fill, intent, plan, trade
from workbench.connectors import Bar
from workbench.journal import Journal, Past
from workbench.trading import Life, Report

BEFORE = 2 + ENTRIES_OF_A_TRADE


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql").database())
    return f"sqlite:///{tmp_path / 'journal.sqlite'}"


def begin(journal: Journal) -> None:
    """An order that was traded, and one whose entries are committed alone."""
    plan(journal)
    trade(journal)
    journal.append("intent", {"intent": intent("late")}, time_ms=20)
    journal.append("sent", {"client_id": "late"}, time_ms=21)
    journal.commit_entries()


def die(url: str) -> None:
    begin(Journal.open(url, run="btc"))
    os.kill(os.getpid(), signal.SIGKILL)


def kill_between(url: str) -> None:
    """Leave the journal of a process that died between the entries and their rows."""
    child = multiprocessing.get_context("spawn").Process(target=die, args=(url,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def written(url: str) -> Any:
    """What is in the table of orders itself, whatever a reader makes of it."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text("SELECT client_id, status FROM orders ORDER BY 1"))]
    engine.dispose()
    return found


def test_a_kill_between_entries_and_rows_is_made_good_by_the_next_start_once(url):
    kill_between(url)
    assert written(url) == [("o0", "FILLED")]
    with Past.open(url, run="btc") as past:
        assert past.orders().select("client_id", "status").rows() == [("late", "SENT"), ("o0", "FILLED")]
        assert past.table("order_statuses")["number"].to_list()[-2:] == [BEFORE + 1, BEFORE + 2]
        looked = {name: past.table(name, exact=True).rows() for name in past.verify().rows}
    with Journal.open(url, run="btc") as journal:
        assert journal.number == BEFORE + 2
    assert written(url) == [("late", "SENT"), ("o0", "FILLED")]
    with Past.open(url, run="btc") as past:
        assert {name: past.table(name, exact=True).rows() for name in past.verify().rows} == looked
    with Journal.open(url, run="btc") as journal:
        report = Report("BTC/USDT", "late", "v9", Life.OPEN, fill("9").amount, 22)
        journal.append("report", {"report": report}, time_ms=22)
        journal.append("fill", {"fill": fill("9/1", "late", "0.10", "v9")}, time_ms=23)
        journal.commit()
    assert written(url) == [("late", "FILLED"), ("o0", "FILLED")]
    with Past.open(url, run="btc") as past:
        assert past.verify().rows["fills"] == 3


def test_a_reader_of_a_run_at_work_sees_the_order_before_its_row_and_the_same_after(url):
    with Journal.open(url, run="btc") as journal:
        begin(journal)
        assert written(url) == [("o0", "FILLED")]
        with Past.open(url, run="btc") as past:
            before = {name: past.table(name, exact=True).rows() for name in past.verify().rows}
            assert len(before["orders"]) == 2
            journal.settle()
            assert written(url) == [("late", "SENT"), ("o0", "FILLED")]
            assert {name: past.table(name, exact=True).rows() for name in past.verify().rows} == before


def test_rows_that_lag_are_those_that_the_table_will_have(url):
    """Numbers, bars and changes of a row that is there come out of a reader as they do out of the table."""
    with Journal.open(url, run="btc") as journal:
        begin(journal)
        journal.settle()
        bar = Bar("BTC/USDT", "1m", 60_000, 1.0, 2.0, 0.5, 1.5, 10.0)
        journal.append("bar", {"m": 0, "bar": bar}, time_ms=30)
        journal.append("fill", {"fill": fill("7/1", "late", "0.04", "v7")}, time_ms=31)
        journal.append("equity", {"time_ms": 30, "cash": 1.0, "equity": 2.0}, time_ms=32)
        journal.commit_entries()
        with Past.open(url, run="btc") as past:
            lagging = {name: past.table(name, exact=True).rows() for name in past.verify().rows}
            assert past.orders()["filled"].to_list() == [0.04, 0.1]
            assert past.equity()["equity"].to_list() == [2.0]
            journal.settle()
            assert {name: past.table(name, exact=True).rows() for name in past.verify().rows} == lagging


def test_a_journal_that_ends_in_order_owes_no_rows(tmp_path):
    file = Path(tmp_path) / "journal.sqlite"
    with Journal.open(file, run="btc") as journal:
        begin(journal)
    assert written(f"sqlite:///{file}") == [("late", "SENT"), ("o0", "FILLED")]
