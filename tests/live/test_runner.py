"""A runner trades, dies and goes on: real processes, a real venue on loopback, both ledgers compared."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from workbench.live.freezing import digest, freeze, thaw
from workbench.live.parity import compare
from workbench.live.session import Session

from . import crashes
from .bench import CALM, PERPETUAL, SPOT, Bench, bench

WARM = 30


@dataclass
class Ended:
    """A run that was killed at work, started again and stopped."""

    bench: Bench
    is_perpetual: bool
    told: dict[str, Any]
    code: int
    entries: list[Any]

    def session(self) -> Session:
        plan = self.bench.plan
        return Session(plan, plan.bot.load(self.bench.folder.path))


@pytest.fixture(scope="module", params=[SPOT, PERPETUAL])
def ended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    with bench(tmp_path_factory.mktemp("run")) as b:
        b.write(request.param)
        b.start()
        b.until(lambda status: status["row"] >= WARM + 10)
        b.kill()
        with b.past() as past:
            was = past.last()
        b.start()
        b.until(lambda status: status["state"] == "running" and status["number"] > was + 40)
        b.until(lambda status: len(b.venue.control.fills()) > 24)  # so that there is something to be told twice
        told = b.client.stop(hold=False)
        code = b.ended()
        with b.past() as past:
            entries = list(past.entries())
        yield Ended(b, request.param == PERPETUAL, told, code, entries)


def test_run_killed_at_work_goes_on_and_both_ledgers_agree(ended: Ended) -> None:
    assert ended.code == 0
    assert all("BTC" in one for one in ended.told["left"])  # dust that the venue's minimum does not let go
    assert ended.bench.invariants(perpetual=ended.is_perpetual) == []


@pytest.mark.parametrize("room", [None, 0.2])
def test_market_order_of_all_the_money_is_filled_only_if_it_leaves_room_for_the_price(
    tmp_path: Path, room: Any
) -> None:
    with bench(tmp_path, pace=5.0, prices=((SPOT, 60_000),)) as b:
        b.venue.control.deposit("USDT", -980_000)
        b.write(SPOT, parameters={"doing": "all_in"}, cash=20_000.0, limits={**CALM, "price_room": room})
        b.start()
        b.until(lambda status: status["row"] > WARM)
        b.until(lambda status: any(answers(b)) if room is None else answers(b).count(False) > 12)
        assert any(answers(b)) == (room is None)


def answers(b: Bench) -> list[bool]:
    """Of each order that was answered: was it refused?"""
    with b.past() as past:
        return [bool(entry.body.get("refused")) for entry in past.entries() if entry.kind == "answered"]


def test_journal_cut_anywhere_refolds_to_the_same_world(ended: Ended) -> None:
    whole = ended.session()
    marks = {0: digest(whole)}
    for entry in ended.entries:
        whole.apply(entry)
        marks[entry.number] = digest(whole)
    for cut in random.Random(1).sample(range(len(ended.entries)), 8):
        again = ended.session()
        for entry in ended.entries[:cut]:
            again.apply(entry)
        assert digest(again) == marks[cut]
        for entry in ended.entries[cut:]:
            again.apply(entry)
        assert digest(again) == marks[len(ended.entries)]


def test_snapshot_anywhere_goes_on_as_if_nothing_had_been(ended: Ended) -> None:
    whole = ended.session()
    cuts, frozen = set(random.Random(2).sample(range(len(ended.entries)), 8)), {}
    for place, entry in enumerate(ended.entries):
        if place in cuts:
            frozen[place] = freeze(whole)
        whole.apply(entry)
    for cut, blob in frozen.items():
        assert blob is not None
        again = thaw(blob, ended.bench.plan, ended.bench.plan.bot.load(ended.bench.folder.path))
        for entry in ended.entries[cut:]:
            again.apply(entry)
        assert digest(again) == digest(whole)


def test_words_of_a_venue_told_twice_or_the_wrong_way_round_count_once(ended: Ended) -> None:
    """What venues do: a fill comes again, now or at the very end, and before or after the report that tells of it."""
    draw, plain, wild = random.Random(3), ended.session(), ended.session()
    for entry in ended.entries:
        plain.apply(entry)
    words, fills = list(ended.entries), [entry for entry in ended.entries if entry.kind == "fill"]
    for place in range(len(words) - 1):
        one, other = words[place], words[place + 1]
        if {one.kind, other.kind} == {"fill", "report"} and draw.random() < 0.7:
            words[place], words[place + 1] = other, one
    told = [again for one in words for again in ([one, one] if one.kind in ("fill", "report") else [one])]
    for number, one in enumerate([*told, *fills], 1):
        wild.apply(type(one)(number, one.time_ms, one.kind, one.body, one.hash))
    assert len(fills) > 10
    assert trades(wild) == trades(plain)
    assert wild.positions()[0] == pytest.approx(plain.positions()[0], abs=1e-9)
    assert wild.equity() == pytest.approx(plain.equity(), rel=1e-9)


def trades(session: Session) -> set[str]:
    orders = [order for tracker in session.trackers.values() for order in tracker.orders.values()]
    return {name for order in orders for name in order.fills}


def test_decisions_are_those_of_a_backtest_over_the_same_bars(ended: Ended) -> None:
    parity = compare(ended.entries, ended.bench.plan, ended.bench.plan.bot.load(ended.bench.folder.path))
    assert parity.rows > 10
    assert parity.first is None, parity


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


@pytest.mark.parametrize("case", random.Random(7).sample(crashes.cases(7), 1), ids=str)
def test_run_killed_at_a_point_of_its_life_recovers(case: crashes.Case, tmp_path: Path) -> None:
    """A sample; `python -m tests.live.crashes` plays all."""
    assert crashes.play(case, tmp_path) == []
