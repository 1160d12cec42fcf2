"""A runner trades, dies and goes on: real processes, a real venue on loopback, both ledgers compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from .bench import PERPETUAL, SPOT, bench

WARM = 30


@pytest.mark.parametrize("instrument", [SPOT, PERPETUAL])
def test_run_killed_at_work_goes_on_and_both_ledgers_agree(tmp_path: Path, instrument: str) -> None:
    with bench(tmp_path) as b:
        b.write(instrument)
        b.start()
        b.until(lambda status: status["row"] >= WARM + 8)
        b.kill()
        was = b.past().last()
        b.start()
        status = b.until(lambda status: status["state"] == "running" and status["number"] > was + 30)
        assert status["lag_ms"] < 5_000
        told = b.client.stop(hold=False)
        assert told["left"] == [] or all("BTC" in one for one in told["left"])
        assert b.ended() == 0
        assert b.invariants(perpetual=instrument == PERPETUAL) == []


def test_paused_run_opens_nothing_and_resumes(tmp_path: Path) -> None:
    with bench(tmp_path) as b:
        b.write()
        b.start()
        b.until(lambda status: status["row"] >= WARM + 3)
        assert b.client.pause() == {"state": "paused"}
        b.until(lambda status: not [one for one in status["orders"] if one["side"] > 0])
        before = len([one for one in b.venue.control.orders() if one["side"] == 1])
        row = b.status()["row"]
        b.until(lambda status: status["row"] >= row + 7)
        assert len([one for one in b.venue.control.orders() if one["side"] == 1]) == before
        assert b.client.resume() == {"state": "running"}
        b.until(lambda status: len([one for one in b.venue.control.orders() if one["side"] == 1]) > before)
        assert b.client.update({"calm": True})["parameters"]["calm"] is True
        b.client.kill()
        assert b.ended() == 0
        assert b.invariants() == []
        assert [one for one in b.venue.control.orders() if one["status"] in ("NEW", "PARTIALLY_FILLED")] == []
