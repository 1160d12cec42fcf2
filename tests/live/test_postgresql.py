"""A run whose journal lies on a PostgreSQL server: trade, die, recover, be killed, be exported and proven."""

from __future__ import annotations

import asyncio
from pathlib import Path

import polars as pl

from workbench.connectors import SystemClock
from workbench.journal import Journal, Past
from workbench.live.freezing import digest
from workbench.live.session import Session
from workbench.live.supervisor import Supervisor

from .bench import bench

WARM = 30


def test_run_on_postgresql_dies_recovers_is_killed_and_its_journal_proves_itself(postgresql, tmp_path: Path) -> None:
    url = postgresql.database()
    with bench(tmp_path) as b:
        b.write(journal=url)
        b.start()
        b.until(lambda status: status["row"] >= WARM + 8)
        b.kill()
        with b.past() as past:
            was = past.last()
        b.start()
        b.until(lambda status: status["state"] == "running" and status["number"] > was + 40)
        b.kill()
        assert not (b.folder.path / "journal.sqlite").exists()
        account = b.venue.account()
        keys = {"binance:main": {"key": account.key, "secret": account.secret}}
        guardian = Supervisor(b.plan, b.folder, keys, SystemClock(), quiet=True)
        said = asyncio.run(guardian.kill_and_leave(flatten=False, who="tests"))
        assert said["proven"]
        assert [one for one in b.venue.control.orders() if one["status"] in ("NEW", "PARTIALLY_FILLED")] == []
        b.start()  # what was killed comes back as killed: it hears what had become of its orders, and ends
        assert b.ended() == 0
        assert b.invariants() == []
        prove(url, b.plan.run, tmp_path)
        refold(b)


def prove(url: str, run: str, folder: Path) -> None:
    """Verified, exported to files with the same rows, and tables made again that are the same tables."""
    with Past.open(url, run=run) as past:
        verdict = past.verify()
        before = {name: past.table(name, exact=True).rows() for name in verdict.rows}
        files = {path.stem: path for path in past.export(folder / "out")}
    assert verdict.rows["orders"] > 3
    assert verdict.rows["fills"] > 2
    assert len(pl.read_parquet(files["fills"])) == verdict.rows["fills"]
    assert len(pl.read_parquet(files["entries"])) == verdict.entries
    with Journal.open(url, run=run) as journal:
        assert journal.rebuild() == verdict.entries
    with Past.open(url, run=run) as past:
        assert {name: past.table(name, exact=True).rows() for name in past.verify().rows} == before


def refold(b) -> None:
    """The journal folds to one and the same world, from its start and from the snapshot of a cut."""
    with b.past() as past:
        entries = list(past.entries())
    digests = set()
    for _ in range(2):
        session = Session(b.plan, b.plan.bot.load(b.folder.path))
        for entry in entries:
            session.apply(entry)
        digests.add(digest(session))
    assert len(digests) == 1
