"""A run's journal: what was committed has happened, what was not has not, and nobody changes it afterwards."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path

import pytest

from workbench.connectors import Balance, FundingPayment, MarginMode, Position
from workbench.errors import BrokenInvariant, ConfigError, DataError
from workbench.journal import Account, Journal, NotWritten, Past, rescue
from workbench.market import BUY, SELL, OrderKind
from workbench.trading import Fill, Intent, Life, Report

PLAN = {"bot": {"kind": "Dip", "parameters": {"length": 5}}, "venues": [{"venue": "binance", "account": "main"}]}


def intent(client_id: str, amount: str = "0.10") -> Intent:
    return Intent(client_id, "BTC/USDT", BUY, OrderKind.LIMIT, D(amount), D("100.0"), created_ms=5)


def fill(trade_id: str, client_id: str = "a", amount: str = "0.05", venue_id: str = "v1") -> Fill:
    return Fill("BTC/USDT", trade_id, venue_id, BUY, D("100.0"), D(amount), 8, client_id, D("0.0050"), "USDT")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "btc" / "journal.sqlite"


@pytest.fixture
def journal(file: Path) -> Iterator[Journal]:
    with Journal.open(file, run="btc") as opened:
        opened.append("planned", PLAN, time_ms=1)
        opened.commit()
        yield opened


# --- entries ---------------------------------------------------------------------------------------------------------


def test_an_entry_that_was_not_committed_has_not_happened(journal, file):
    journal.append("warning", {"said": "hello"}, time_ms=2)
    assert journal.number == 2
    journal.close()
    with Journal.open(file, run="btc") as again:
        assert again.number == 1
        assert [entry.kind for entry in again.entries()] == ["planned"]


def test_what_commit_returns_is_what_is_read_back(journal):
    body = {"intent": intent("a"), "many": (1, 2.5, None, True, "ü"), "digits": D("1.10"), 3: "three"}
    journal.append("intent", body, time_ms=5)
    journal.append("report", Report("BTC/USDT", "a", "v1", Life.OPEN, D("0.000"), 6), time_ms=6)
    committed = journal.commit()
    assert committed == list(journal.entries(after=1))
    assert committed[0].body == {
        **{k: v for k, v in body.items() if k != 3},
        "many": [1, 2.5, None, True, "ü"],
        "3": "three",
    }
    assert isinstance(committed[1].body.life, Life)
    assert str(committed[1].body.filled) == "0.000"


@pytest.mark.parametrize(
    "message",
    [
        FundingPayment("p", "BTC/USDT:USDT", "USDT", D("-0.10"), 5),
        Balance("USDT", D("1.00"), D("0.50")),
        Position("BTC/USDT:USDT", SELL, D("-1"), D("5"), None, None, D("3"), None, MarginMode.ISOLATED),
        Intent("x", "A/B", SELL, OrderKind.STOP, D("1E-8"), None, D("2.50"), "GTC", True, SELL, 7),
        fill("t"),
    ],
)
def test_messages_come_back_as_they_went(journal, message):
    journal.append("external", [message], time_ms=5)
    (entry,) = journal.commit()
    assert entry.body == [message]
    assert repr(entry.body) == repr([message])


@pytest.mark.parametrize("body", [{"gain": float("nan")}, {"gain": float("inf")}, {"what": object()}, {"set": {1}}])
def test_what_is_no_body_is_refused_and_leaves_nothing(journal, body):
    with pytest.raises(DataError, match="cannot be journalled"):
        journal.append("equity", body, time_ms=2)
    assert journal.commit() == []
    assert journal.number == 1


def test_numbers_have_no_holes_whoever_appends(journal):
    def work() -> None:
        for _ in range(10):
            journal.append("warning", "x", time_ms=1)
            journal.commit()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.number for entry in journal.entries()] == list(range(1, 42))


def test_a_journal_that_is_cut_anywhere_goes_on_from_there(tmp_path):
    for cut in range(1, 6):
        file = tmp_path / f"{cut}.sqlite"
        with Journal.open(file, run="x") as journal:
            for number in range(cut):
                journal.append("warning", number, time_ms=number)
            journal.commit()
        with Journal.open(file, run="x") as journal:
            journal.append("warning", "next", time_ms=9)
            assert journal.commit()[0].number == cut + 1
            assert len(list(journal.entries())) == cut + 1


def test_two_runs_in_one_database_keep_to_themselves(file):
    with Journal.open(file, run="one") as one, Journal.open(file, run="two") as two:
        for journal, said in ((one, "1"), (two, "2"), (one, "3")):
            journal.append("warning", said, time_ms=1)
            journal.commit()
        assert [entry.body for entry in one.entries()] == ["1", "3"]
        assert [entry.body for entry in two.entries()] == ["2"]


# --- snapshots -------------------------------------------------------------------------------------------------------


def test_the_latest_snapshot_that_is_whole_is_taken(journal, file):
    for number in range(2, 7):
        journal.append("warning", number, time_ms=number)
        journal.commit()
        journal.keep_snapshot(number, f"state {number}".encode())
    assert journal.snapshot() == (6, b"state 6")
    with sqlite3.connect(file) as other:
        other.execute("UPDATE snapshots SET blob = 'bent' WHERE number = 6")
        assert other.execute("SELECT COUNT(*) FROM snapshots").fetchone() == (3,)
    assert journal.snapshot() == (5, b"state 5")


def test_a_snapshot_of_what_has_not_happened_is_refused(journal):
    journal.append("warning", "x", time_ms=1)
    with pytest.raises(DataError, match="Commit first"):
        journal.keep_snapshot(2, b"")


def test_without_a_snapshot_all_is_folded(journal):
    assert journal.snapshot() is None


# --- tables ----------------------------------------------------------------------------------------------------------


def tell(journal: Journal) -> None:
    """An order that is sent, opened, and filled in two parts, one of which is told twice and one by the venue's id."""
    journal.append("intent", {"intent": intent("a"), "executor": 3, "order": 7, "purpose": "entry"}, time_ms=5)
    journal.append("sent", {"client_id": "a"}, time_ms=6)
    journal.append("fill", {"fill": fill("t2", client_id="")}, time_ms=7)
    journal.append(
        "answered", {"client_id": "a", "report": Report("BTC/USDT", "a", "v1", Life.OPEN, D(0), 7)}, time_ms=7
    )
    for _ in range(2):
        journal.append("fill", {"fill": fill("t1")}, time_ms=8)
    journal.commit()


def test_an_order_is_filled_by_each_trade_once(journal, file):
    tell(journal)
    past = Past.open(file, run="btc")
    (order,) = past.orders(exact=True).to_dicts()
    assert (order["status"], order["filled"], order["value"]) == ("FILLED", "0.10", "10.000")
    assert (order["venue"], order["account"], order["executor"], order["purpose"]) == ("binance", "main", 3, "entry")
    assert sorted(past.fills()["trade_id"]) == ["t1", "t2"]
    assert past.table("order_statuses")["status"].to_list() == ["INTENDED", "SENT", "OPEN"]


def test_amounts_keep_the_digits_of_the_venue(journal, file):
    journal.append("fill", {"fill": fill("t", amount="0.000000012300")}, time_ms=8)
    journal.commit()
    past = Past.open(file, run="btc")
    assert past.fills(exact=True)["amount"].to_list() == ["0.000000012300"]
    assert past.fills()["amount"].to_list() == [1.23e-8]


def test_the_same_trade_id_of_another_instrument_is_another_trade(journal, file):
    other = Fill("ETH/USDT", "t", "v", BUY, D(1), D(1), 8)
    journal.append("fill", {"fill": fill("t")}, time_ms=8)
    journal.append("fill", {"fill": other}, time_ms=8)
    journal.append("fill", {"account": "second", "fill": other}, time_ms=8)
    journal.append("fill", {"venue": "okx", "fill": other}, time_ms=8)
    journal.commit()
    assert len(Past.open(file, run="btc").fills()) == 4


def test_a_trade_in_which_two_orders_of_ours_met_is_booked_for_both(journal, file):
    journal.append("intent", {"intent": replace(intent("a"), amount=D("0.05"))}, time_ms=1)
    journal.append("intent", {"intent": replace(intent("b"), amount=D("0.05"), side=SELL)}, time_ms=1)
    for one in (fill("t", "a"), replace(fill("t", "b", venue_id="v2"), side=SELL)):
        journal.append("fill", {"fill": one}, time_ms=8)
        journal.append("fill", {"fill": one}, time_ms=9)
    journal.commit()
    past = Past.open(file, run="btc")
    assert past.fills().select("trade_id", "client_id", "side").rows() == [("t", "a", BUY), ("t", "b", SELL)]
    assert past.orders()["status"].to_list() == ["FILLED", "FILLED"]
    assert past.verify().rows["fills"] == 2


def test_a_strangers_trade_that_turns_out_to_be_ours_is_ours(journal, file):
    past = Past.open(file, run="btc")
    journal.append("external", {"fill": fill("t1")}, time_ms=8)
    journal.commit()
    assert past.fills().is_empty()
    assert len(past.fills(external=True)) == 1
    tell(journal)
    journal.append("external", {"fill": fill("t1")}, time_ms=9)
    journal.commit()
    assert len(past.fills()) == 2
    assert past.orders()["filled"].to_list() == [0.1]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ([("sent", {})], "SENT"),
        ([("sent", {}), ("answered", {"unanswered": True})], "UNKNOWN"),
        ([("sent", {}), ("answered", {"refused": True, "reason": "no money"})], "REJECTED"),
        ([("sent", {}), ("missing", {"asked_ms": 9})], "SENT"),
        ([("sent", {}), ("missing", {"asked_ms": 99_000, "proven": True})], "LOST"),
        ([("cancel", {}), ("cancelled", {"acknowledged": True})], "INTENDED"),
        ([("report", Life.OPEN), ("sent", {})], "OPEN"),
        ([("report", Life.CANCELLED), ("report", Life.OPEN)], "CANCELLED"),
        ([("report", Life.OPEN), ("answered", {"refused": True, "reason": "?"})], "OPEN"),
        ([("answered", {"refused": True, "reason": "?"}), ("report", Life.OPEN)], "OPEN"),
    ],
)
def test_an_orders_status_is_what_was_last_proven(journal, file, words, status):
    journal.append("intent", {"intent": intent("a")}, time_ms=5)
    for kind, said in words:
        body = {"client_id": "a", **said} if isinstance(said, dict) else Report("BTC/USDT", "a", "v1", said, D(0), 7)
        journal.append(kind, body, time_ms=7)
        journal.commit()
    assert Past.open(file, run="btc").orders()["status"].to_list() == [status]


def test_the_other_tables_say_what_was_told(journal, file):
    journal.append("started", {"pid": 1}, time_ms=2)
    journal.append("balances", {"balances": [Balance("USDT", D("10.0"), D("9"))]}, time_ms=3)
    journal.append("positions", [Position("BTC/USDT:USDT", 0, D("-1"), D("5"))], time_ms=3)
    journal.append("funding", {"funding": FundingPayment("p", "BTC/USDT:USDT", "USDT", D("-0.1"), 4)}, time_ms=4)
    journal.append("funding", {"funding": FundingPayment("p", "BTC/USDT:USDT", "USDT", D("-0.1"), 4)}, time_ms=5)
    bar = {"market": "BTC/USDT", "time_ms": 6, "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 9.0}
    journal.append("bar", bar, time_ms=6)
    journal.append("equity", {"cash": 1.0, "equity": 2.0, "markets": {"BTC/USDT": {"position": 1.0}}}, time_ms=6)
    journal.append("executor", {"executor": 1, "kind": "position", "status": "done", "extra": [1]}, time_ms=7)
    journal.append("updated", {"bot": {"kind": "Dip", "parameters": {"length": 8}}, "who": "me"}, time_ms=8)
    journal.append("stopped", {"why": "asked"}, time_ms=9)
    journal.commit()
    past = Past.open(file, run="btc")
    assert past.balances(exact=True)["total"].to_list() == ["10.0"]
    assert past.positions()["amount"].to_list() == [-1.0]
    assert past.funding()["amount"].to_list() == [-0.1]
    assert past.table("market_data")["close"].to_list() == [1.5]
    assert past.equity()["equity"].to_list() == [2.0]
    assert past.equity(markets=True)["market"].to_list() == ["", "BTC/USDT"]
    assert past.executors().select("executor", "status", "details").rows() == [(1, "done", '{"extra":[1]}')]
    assert past.table("controllers")["parameters"].to_list() == ['{"length":5}', '{"length":8}']
    assert past.table("runs").select("starts", "why").rows() == [(1, "asked")]
    assert past.events(["started", "stopped"])["kind"].to_list() == ["started", "stopped"]


def test_tables_are_the_same_when_they_are_made_again(journal, file):
    tell(journal)
    past = Past.open(file, run="btc")
    names = ("runs", "controllers", "orders", "order_statuses", "fills")
    before = {name: past.table(name, exact=True).rows() for name in names}
    with sqlite3.connect(file) as other:
        other.execute("UPDATE orders SET filled = '9'")
        other.execute("DELETE FROM fills")
    assert journal.rebuild() == 7
    assert {name: past.table(name, exact=True).rows() for name in names} == before


# --- one writer ------------------------------------------------------------------------------------------------------


def test_a_second_writer_is_refused_by_the_first_ones_process(journal, file):
    with pytest.raises(ConfigError, match=f"'btc' is being written by process {os.getpid()}: the run is at work"):
        Journal.open(file, run="btc")


def test_the_lock_of_a_killed_process_is_no_lock(file):
    code = f"""
from workbench.journal import Journal
journal = Journal.open({str(file)!r}, run='btc')
print('open', flush=True)
input()"""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    with pytest.raises(ConfigError, match=f"process {process.pid}"):
        Journal.open(file, run="btc")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert file.with_name("journal.sqlite.btc.lock").read_text() == f"{process.pid}\n"
    Journal.open(file, run="btc").close()


def test_past_is_read_while_the_run_is_at_work_and_after(journal, file):
    past = Past.open(file, run="btc")
    tell(journal)
    assert past.last() == 7
    journal.close()
    assert past.last() == Past.open(file, run="btc").last() == 7
    assert [entry.kind for entry in past.entries(after=6)] == ["fill"]


# --- bad input -------------------------------------------------------------------------------------------------------


def test_a_changed_entry_is_named(journal, file):
    tell(journal)
    with sqlite3.connect(file) as other:
        with pytest.raises(sqlite3.IntegrityError, match="the journal is kept"):
            other.execute("DELETE FROM entries")
        other.execute("DROP TRIGGER entries_are_kept_on_update")
        other.execute("UPDATE entries SET body = replace(body, '100.0', '1.0') WHERE number = 2")
    with pytest.raises(BrokenInvariant, match=r"damaged at entry 2 \(intent\)"):
        list(Past.open(file, run="btc").entries())


def test_a_removed_entry_is_named(journal, file):
    tell(journal)
    with sqlite3.connect(file) as other:
        other.execute("DROP TRIGGER entries_are_kept_on_delete")
        other.execute("DELETE FROM entries WHERE number = 3")
    with pytest.raises(BrokenInvariant, match="after entry 2 comes 4"):
        list(journal.entries())


def test_a_damaged_end_is_found_when_the_journal_is_opened(journal, file):
    tell(journal)
    journal.close()
    with sqlite3.connect(file) as other:
        other.execute("DROP TRIGGER entries_are_kept_on_update")
        other.execute("UPDATE entries SET body = 'null' WHERE number = 7")
    with pytest.raises(BrokenInvariant, match="damaged at entry 7"):
        Journal.open(file, run="btc")


def test_a_locked_database_is_said_and_the_batch_is_kept(file):
    with Journal.open(file, run="btc", patience_s=0.05) as journal:
        journal.append("warning", "first", time_ms=1)
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotWritten, match="another program holds the database"):
            journal.commit()
        other.execute("ROLLBACK")
        journal.append("warning", "second", time_ms=2)
        assert [entry.body for entry in journal.commit()] == ["first", "second"]
        assert [entry.body for entry in journal.entries()] == ["first", "second"]


def test_a_newer_database_is_left_alone(journal, file):
    journal.close()
    with sqlite3.connect(file) as other:
        other.execute("UPDATE workbench_run_version SET version_num = '9001'")
    for open_it in (Journal.open, Past.open):
        with pytest.raises(DataError, match=r"version 9001.*Update workbench"):
            open_it(file, run="btc")


def test_a_file_that_is_no_database_is_said(tmp_path):
    file = tmp_path / "journal.sqlite"
    file.write_text("no database at all, but long enough to be looked at as if it were one" * 20)
    with pytest.raises(DataError, match="no SQLite database"):
        Journal.open(file, run="btc")


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 101])
def test_a_name_that_is_none_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="no name for a run"):
        Journal.open(tmp_path / "j.sqlite", run=name)


@pytest.mark.parametrize("url", ["mysql://u:geheim@host/db", "postgresql://u:geheim@host", "://"])
def test_an_address_that_is_none_is_refused_without_its_password(url):
    with pytest.raises(ConfigError, match="address") as refused:
        Journal.open(url, run="btc")
    assert "geheim" not in str(refused.value)


def test_a_run_that_is_not_there_is_said(journal, file, tmp_path):
    with pytest.raises(DataError, match="nothing of 'eth'"):
        Past.open(file, run="eth")
    with pytest.raises(DataError, match="no journal at"):
        Past.open(tmp_path / "none.sqlite", run="eth")


def test_files_of_a_journal_are_the_owners_alone(journal, file):
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in file.parent.iterdir() if path.suffix != ".migration"} == {0o600}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("fill", {"fill": "no message"}), ("intent", None), ("executor", {"executor": "x"}), ("stopped", None),
        ("equity", {"markets": {"a": 5}}), ("bar", {"time_ms": "noon"}), ("answered", {"client_id": "nobody"}),
        ("planned", {"bot": 5, "markets": [7]}), ("equity", {"cash": "much"}), ("balances", [1, [2]]), ("new", 1),
    ],
)  # fmt: skip
def test_a_body_that_makes_no_row_is_written_all_the_same(journal, file, kind, body):
    journal.append(kind, body, time_ms=3)
    journal.append("fill", {"fill": fill("t")}, time_ms=4)
    assert journal.commit()[0].body == body
    past = Past.open(file, run="btc")
    assert len(past.fills()) == 1
    assert past.verify().entries == 3


def test_tables_are_exported_with_every_digit(journal, file, tmp_path):
    import polars as pl

    tell(journal)
    past = Past.open(file, run="btc")
    for form, read in (("parquet", pl.read_parquet), ("csv", pl.read_csv)):
        written = past.export(tmp_path / form, form)
        assert {path.name for path in written} >= {f"{name}.{form}" for name in ("entries", "orders", "fills", "runs")}
        fills = read(tmp_path / form / f"fills.{form}", **({"infer_schema": False} if form == "csv" else {}))
        assert fills["fee"].to_list() == ["0.0050", "0.0050"]
        assert len(read(tmp_path / form / f"entries.{form}")) == 7
    with pytest.raises(ConfigError, match="no format"):
        past.export(tmp_path, "xlsx")
    with pytest.raises(ConfigError, match="Name another folder"):
        past.export(file)


def test_a_journal_is_rebuilt_from_the_venue_into_a_new_file_and_labelled(journal, file, tmp_path):
    tell(journal)
    position = Position("BTC/USDT", 0, D("0.10"), D("100.0"))
    asked = Account("binance", "main", fills=[fill("t2"), fill("t1"), fill("t1")], positions=[position])
    fresh = tmp_path / "rebuilt.sqlite"
    assert rescue(fresh, [asked], run="btc", time_ms=99, old=file) == 7
    old, new = Past.open(file, run="btc"), Past.open(fresh, run="btc")
    assert sorted(new.fills(exact=True)["trade_id"]) == sorted(old.fills(exact=True)["trade_id"])
    assert new.table("runs")["label"].to_list() == ["rebuilt from the venue"]
    assert new.verify().rows["positions"] == 1
    with pytest.raises(ConfigError, match="Name a new file"):
        rescue(fresh, [asked], run="btc", time_ms=99)
    with pytest.raises(ConfigError, match="Name a new file"):
        rescue(file, [asked], run="btc", time_ms=99)
