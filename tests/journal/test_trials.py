"""Trials are counted once each, whatever happens to processes, disks and locks, and cannot be wound back."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

import workbench as wb
from workbench.errors import BrokenInvariant, DataError
from workbench.journal import Ledger, database_url, open_database, spool, trials
from workbench.journal.lock import locked
from workbench.journal.spool import SPOOL, take
from workbench.journal.tables import HEAD, Row


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder that `_own_store` names, which nobody has made yet."""
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def _nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_complained", False)


def in_process(code: str, **kwargs: object) -> subprocess.Popen[str]:
    script = f"from workbench.journal import trials\n{code}"
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# --- counting --------------------------------------------------------------------------------------------------------


def test_a_combination_run_again_is_another_run_but_no_other_trial():
    trials.record("Dip", "a", data="BTC 1h")
    trials.record("Dip", "a", data="BTC 1h")
    trials.record("Dip", "b", data="BTC 1h")
    assert Ledger().count("Dip") == (3, 2)


def test_another_market_is_another_trial_and_another_strategy_counts_for_itself():
    trials.record("Dip", "a", data="BTC 1h")
    trials.record("Dip", "a", data="ETH 1h")
    trials.record("Bands", "a", data="BTC 1h")
    ledger = Ledger()
    assert ledger.count("Dip") == (2, 2)
    assert ledger.count("Dip", data="ETH 1h") == (1, 1)
    assert ledger.count("Bands") == (1, 1)
    assert ledger.count("nobody") == (0, 0)


def test_a_sweep_counts_with_all_its_combinations_and_once():
    for _ in range(2):
        trials.record("Dip", "grid", count=1_000, data="BTC 1h", kind="sweep")
    trials.record("Dip", "a", data="BTC 1h")
    assert Ledger().count("Dip") == (2_001, 1_001)


def test_the_table_shows_every_entry_in_order():
    trials.record("Dip", "a", data="BTC 1h")
    trials.record("Dip", "grid", count=7, kind="sweep")
    table = Ledger().table()
    assert table.select("number", "lineage", "kind", "count", "data").rows() == [
        (1, "Dip", "backtest", 1, "BTC 1h"), (2, "Dip", "sweep", 7, ""),
    ]  # fmt: skip
    assert abs(table["time"][0].timestamp() - time.time()) < 60
    assert Ledger().table().rows() == table.rows()


def test_edits_and_descendants_of_a_strategy_are_one_family():
    class Dip(wb.Controller):
        drop: wb.Fraction = 0.04

        def targets(self, candles):
            raise NotImplementedError

    class TurningDip(Dip):
        pass

    class Bands(wb.controllers.Bollinger):
        pass

    assert trials.lineage_of(TurningDip()) == trials.lineage_of(Dip) == Dip.__qualname__
    assert trials.lineage_of(Bands()) == "Bollinger"
    assert trials.lineage_of(wb.controllers.SmaCross()) == "SmaCross"


def test_a_run_is_counted_under_its_family_parameters_and_market():
    wb.data.sample(months=1)
    candles = wb.candles("sample", "BTC/USDT", "1d")
    for length in (20, 20, 30):
        trials.record_run(wb.controllers.Bollinger(length=length), [candles[:10]])
    trials.record_run(wb.controllers.Bollinger(length=20), [candles[10:]])
    ledger = Ledger()
    assert ledger.count("Bollinger") == (4, 2)
    assert set(ledger.table()["data"]) == {"sample BTC/USDT 1d"}


def test_runs_inside_a_search_that_is_counted_as_a_whole_are_not_counted_again():
    with trials.uncounted():
        trials.record("Dip", "a")
        with trials.uncounted():
            trials.record_run(wb.controllers.SmaCross(), [])
        trials.record("Dip", "b")
        other = threading.Thread(target=trials.record, args=("Dip", "another thread"))
        other.start()
        other.join()
    trials.record("Dip", "c")
    assert Ledger().table()["parameters"].to_list() == ["another thread", "c"]


def test_counting_never_breaks_a_run(capsys):
    class Broken:
        @property
        def fingerprint(self):
            raise RuntimeError("no source")

    trials.record_run(Broken(), [])  # type: ignore[arg-type]
    assert "not being counted" in capsys.readouterr().err


# --- cost ------------------------------------------------------------------------------------------------------------


def test_recording_takes_less_than_a_millisecond_and_loads_no_database(within):
    code = (
        "import sys, time\n"
        "took = []\n"
        "for n in range(200):\n"
        "    began = time.perf_counter()\n"
        "    trials.record('Dip', str(n))\n"
        "    took.append(time.perf_counter() - began)\n"
        "print(sorted(took)[100], took[0], 'sqlalchemy' in sys.modules, 'polars' in sys.modules)"
    )
    out, err = in_process(code).communicate(timeout=60)
    median, first, *loaded = out.split()
    assert not err
    assert loaded == ["False", "False"]
    within("a trial written down", float(median), 1e-3)
    within("the first trial of a process written down", float(first), 20e-3)
    assert Ledger().count("Dip").runs == 200


# --- many processes, and some that die -------------------------------------------------------------------------------


def test_several_processes_write_and_fold_at_once_and_nothing_is_lost_or_doubled(home):
    patient = "trials.PATIENCE_S = 60.0"  # the others may be held up while they have the file
    writer = "for n in range(400): trials.record('Dip', f'{me}-{n}')"
    reader = (
        "from workbench.journal import Ledger\n"
        "ledger = Ledger()\n"
        "while ledger.count('Dip').runs < 1200: pass\n"
        "print(ledger.verify())"
    )
    writers = [in_process(f"{patient}\nme = {n}\n{writer}") for n in range(3)]
    readers = [in_process(reader) for _ in range(2)]
    for process in writers + readers:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        assert out.strip() in ("", "1200")
    assert Ledger().count("Dip") == (1200, 1200)
    assert take(home) == []


def test_home_that_another_process_makes_at_that_moment_is_written_to(tmp_path, monkeypatch):
    home, real = tmp_path / "new", spool.locked

    def locked(*given: Any, **more: Any) -> Any:
        if not home.exists():
            home.mkdir()  # the other process, between our look and our next one
            raise FileNotFoundError(home)
        return real(*given, **more)

    monkeypatch.setattr(spool, "locked", locked)
    spool.append(home, ["a line"], patience_s=1.0)
    assert (home / spool.SPOOL).read_text() == "a line\n"


def test_what_was_recorded_before_a_kill_is_there():
    process = in_process("trials.record('Dip', 'a')\nprint('done', flush=True)\nimport time; time.sleep(60)")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert Ledger().count("Dip") == (1, 1)


def test_a_fold_that_died_after_its_commit_counts_nothing_twice(home):
    trials.record("Dip", "a")
    (taken,) = take(home)
    left_behind = taken.read_bytes()
    ledger = Ledger()
    assert ledger.fold() == 1
    taken.write_bytes(left_behind)  # as if the process had died before it removed the file
    assert ledger.fold() == 0
    assert ledger.count("Dip") == (1, 1)
    assert not taken.exists()


def test_a_fold_that_died_before_its_commit_loses_nothing(home):
    trials.record("Dip", "a")
    assert len(take(home)) == 1
    trials.record("Dip", "b")
    assert Ledger().count("Dip") == (2, 2)


def test_a_torn_line_is_put_aside_and_the_others_count(home):
    trials.record("Dip", "a")
    with (home / SPOOL).open("a") as spool:
        spool.write('{"id":"half a li\n')
    trials.record("Dip", "b")
    assert Ledger().count("Dip") == (2, 2)
    assert (home / "trials.unreadable").read_text() == '{"id":"half a li\n'


def test_a_forked_child_does_not_write_what_its_parent_holds(home, capfd):
    home.mkdir()
    with locked(home / SPOOL, os.O_RDWR, patience_s=1):
        trials.record("Dip", "parent")
        child = os.fork()
        if not child:
            trials.flush()
            os._exit(0)
        os.waitpid(child, 0)
    trials.record("Dip", "after")
    assert Ledger().count("Dip") == (2, 2)


# --- locks and disks -------------------------------------------------------------------------------------------------


def test_a_locked_file_delays_a_run_by_little_is_said_once_and_the_trials_follow(home, capsys, monkeypatch):
    home.mkdir()
    waited, real = [], spool.append

    def append(*given: Any, patience_s: float) -> None:
        waited.append(patience_s)
        real(*given, patience_s=patience_s)

    monkeypatch.setattr(spool, "append", append)
    with locked(home / SPOOL, os.O_RDWR, patience_s=1):
        for n in range(100):
            trials.record("Dip", str(n))
    assert waited == [0.05] + [0.0] * 99  # of a second: the first is patient, and nobody after it
    complaints = capsys.readouterr().err
    assert complaints.count("not being counted") == 1
    assert "another process holds trials.spool" in complaints
    assert Ledger().count("Dip") == (100, 100)


def test_a_full_disk_breaks_nothing_leaves_no_half_line_and_is_made_up_for(home, capsys):
    trials.record("Dip", "before")
    room = (home / SPOOL).stat().st_size + 50  # not enough for a line
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
        trials.record("Dip", "meanwhile")
        trials.record("Dip", "meanwhile too")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert (home / SPOOL).read_text().count("\n") == 1
    assert capsys.readouterr().err.count("not being counted") == 1
    trials.record("Dip", "after")
    assert Ledger().count("Dip") == (4, 4)


def test_a_home_that_cannot_be_is_said_and_breaks_nothing(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    trials.record("Dip", "a", home=tmp_path / "file" / "home")
    assert "not being counted" in capsys.readouterr().err
    trials.flush()
    assert "1 trials could not be written" in capsys.readouterr().err
    trials._waiting.clear()
    with pytest.raises(DataError, match="cannot be opened"):
        Ledger(tmp_path / "file" / "home")


# --- not wound back --------------------------------------------------------------------------------------------------

SAME, FIRST = "time_ms, lineage, parameters, data, kind", "FROM trial_ledger LIMIT 1"


@pytest.mark.parametrize(
    "winding",
    [
        "UPDATE trial_ledger SET count = 1",
        "DELETE FROM trial_ledger",
        f"INSERT OR REPLACE INTO trial_ledger SELECT number, entry, {SAME}, 1, previous, hash {FIRST}",
        f"INSERT INTO trial_ledger SELECT 9, 'e', {SAME}, 1, hash, hash {FIRST}",
        f"INSERT INTO trial_ledger SELECT 4, 'e', {SAME}, 1, '', hash {FIRST}",
    ],
)
def test_the_database_refuses_to_wind_the_ledger_back(winding):
    for n in range(3):
        trials.record("Dip", str(n), count=5)
    ledger = Ledger()
    before = ledger.table()
    with pytest.raises(IntegrityError, match="the trial ledger"), ledger.engine.begin() as connection:
        connection.execute(text(winding))
    assert ledger.table().equals(before)
    assert ledger.verify() == 3


@pytest.mark.parametrize(
    ("forging", "blamed"),
    [
        ("UPDATE trial_ledger SET count = 1 WHERE number = 2", "changed at entry 2"),
        ("DELETE FROM trial_ledger WHERE number = 2", "changed at entry 2"),
        ("DELETE FROM trial_ledger WHERE number > 1", "ends at entry 1, but 3 were written"),
    ],
)
def test_whoever_removes_the_guards_is_found_out_by_the_hashes(forging, blamed):
    for n in range(3):
        trials.record("Dip", str(n), count=5)
    ledger = Ledger()
    assert ledger.verify() == 3
    with ledger.engine.begin() as connection:
        for guard in ("changed", "removed"):
            connection.execute(text(f"DROP TRIGGER trial_ledger_is_not_{guard}"))
        connection.execute(text(forging))
    with pytest.raises(BrokenInvariant, match=blamed):
        ledger.verify()


# --- the database ----------------------------------------------------------------------------------------------------


def test_the_migrations_make_what_the_classes_say():
    from alembic.autogenerate import compare_metadata
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    import workbench.journal

    config = Config()
    config.set_main_option("script_location", str(Path(workbench.journal.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
    with open_database().connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "workbench_version"})
        assert compare_metadata(context, Row.metadata) == []
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_a_database_of_a_newer_version_is_left_alone():
    with open_database().begin() as connection:
        connection.execute(text("UPDATE workbench_version SET version_num = '9999'"))
    with pytest.raises(DataError, match=r"version 9999.*update workbench"):
        open_database()


def test_optuna_lives_in_the_same_file():
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials.record("Dip", "a")
    Ledger().fold()
    study = optuna.create_study(storage=database_url(), study_name="dip")
    study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=2)
    assert len(optuna.load_study(storage=database_url(), study_name="dip").trials) == 2
    assert Ledger().verify() == 1
