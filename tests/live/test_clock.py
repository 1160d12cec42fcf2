"""The clock of a run: the machine's, or that of a market which a simulated venue replays."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.live.running import door, open_venue, plan
from workbench.connectors import Behind, PacedClock, SystemClock, Trade, VenueClock
from workbench.connectors.outlet import Outlet
from workbench.connectors.simulated.clock import Clock
from workbench.live import RunFolder
from workbench.live.keys import DOOR, clock_of

MARCH = 1_677_628_800_000  # 2023-03-01


def at_door(path: Path, address: str) -> RunFolder:
    (path / DOOR).write_text(json.dumps({"door": address}))
    return RunFolder(path)


def test_a_run_at_a_replay_lives_in_the_replays_time(tmp_path: Path) -> None:
    with open_venue(clock=Clock(MARCH, speed=600.0)) as venue:
        asked = time.monotonic()
        clock = clock_of(plan(venue), at_door(tmp_path, door(venue)))
        told_ms = 1_000 * (time.monotonic() - asked)
        assert isinstance(clock, PacedClock)
        before, now, after = venue.clock.now_ms(), clock.now_ms(), venue.clock.now_ms()
        assert clock.speed == 600.0
        assert before - 600.0 * told_ms - 2 <= now <= after  # behind by what passed while it was told, no more


def test_a_run_at_a_venue_of_now_has_the_machines_time(tmp_path: Path) -> None:
    with open_venue() as venue:
        assert isinstance(clock_of(plan(venue), at_door(tmp_path, door(venue))), SystemClock)


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_market_time_passes_faster_than_steady_time(speed: float) -> None:
    clock = PacedClock(MARCH, speed)
    before, start, after = clock.steady_s(), clock.now_ms(), clock.steady_s()
    while clock.steady_s() - after < 0.02:
        pass
    least, moved = clock.steady_s() - after, clock.now_ms() - start
    most = clock.steady_s() - before  # a machine that halts between two readings halts inside of these
    assert 0.9 * speed * least * 1_000 - 1 <= moved <= 1.5 * speed * most * 1_000 + 1


@pytest.mark.parametrize(("speed", "is_late"), [(1.0, True), (60.0, False)])
def test_late_is_a_second_of_the_machine(speed: float, is_late: bool) -> None:
    clock = VenueClock(PacedClock(MARCH, speed))
    outlet = Outlet(clock)
    outlet.put(Trade("BTC/USDT", "1", 1, 60_000.0, 1.0, clock.now_ms() - 5_000))
    assert isinstance(outlet.get_now(), Trade)
    assert isinstance(outlet.get_now(), Behind) is is_late
