"""The supervisor with real runners: deaths, hangs, its own death, and the kill switch when all else fails."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from tests.live.bench import CALM, bench
from tests.live.running import (
    PERPETUAL,
    SPOT,
    fill_book,
    guard,
    keys,
    laid_out,
    open_at,
    plan,
    until,
    with_client,
)
from workbench.connectors import SystemClock, facts, is_of_run
from workbench.live import Client, Run, attach, killing, supervisor
from workbench.live.killing import KillSwitch, Proof
from workbench.live.noting import read_end
from workbench.live.process import find_process, start_supervisor
from workbench.live.run import kill_alone
from workbench.live.supervisor import Supervisor
from workbench.market import BUY, OrderKind
from workbench.trading import Intent


def started(venue, instrument=SPOT, **more):
    """A supervised run, and its supervisor's socket, ready to kill."""
    made = plan(venue, instrument, **more)
    folder = laid_out(made)
    start_supervisor(folder, keys(venue))
    client = Client(folder, supervisor=True, who="tests")
    until(lambda: answers(client) and client.status()["kill_switch"] == "ready", 120.0, "a warm kill switch")
    return folder, client


def answers(client):
    try:
        return client.hello(timeout_s=0.5)
    except Exception:
        return None


@pytest.mark.parametrize("instrument", [SPOT, PERPETUAL])
def test_the_kill_switch_cancels_fifty_orders_with_the_runner_stopped_the_database_locked_and_the_socket_gone(
    venue, instrument, within
):
    folder, client = started(venue, instrument)
    fill_book(venue, instrument)
    assert len(open_at(venue, instrument)) == 50
    runner = until(lambda: find_process(folder, "runner"))
    os.kill(runner, signal.SIGSTOP)
    lock = sqlite3.connect(folder.path / "journal.sqlite", isolation_level=None)
    with contextlib.suppress(sqlite3.OperationalError):  # the runner was stopped while it held it itself
        lock.execute("BEGIN EXCLUSIVE")
    folder.socket.unlink(missing_ok=True)
    start = time.monotonic()
    said = client.kill()
    took = time.monotonic() - start
    within(f"50 orders of {instrument}, 5 conditional, cancelled and proven", took, 2.0)
    assert said["proven"]
    assert said["found"] == 50
    assert said["runner"] == "ended by SIGKILL"
    assert open_at(venue, instrument) == []
    assert find_process(folder, "runner") is None
    assert read_end(folder)["state"] == "killed"
    lock.close()
    assert Run(folder).state == "killed"


def test_kill_works_alone_when_supervisor_and_runner_are_dead(venue):
    folder, _ = started(venue)
    fill_book(venue, SPOT)
    for role in ("supervisor", "runner"):
        os.kill(find_process(folder, role), signal.SIGKILL)
    until(lambda: not find_process(folder, "runner") and not find_process(folder, "supervisor"))
    (folder.path / "simulated.json").write_text(json.dumps({"door": venue.control_url}))
    said = kill_alone(folder, flatten=False, who="tests")
    assert said["proven"]
    assert said["found"] == 50
    assert said["runner"] == "was not at work"
    assert open_at(venue, SPOT) == []
    assert Run(folder).state == "killed"


def test_a_kill_asks_until_the_venue_answers_and_until_a_cancellation_that_came_to_nothing_has_worked(venue):
    folder, client = started(venue)
    fill_book(venue, SPOT, 5)
    venue.control.keep_on_cancel(times=2)
    venue.control.maintenance()
    log = folder.logs / "supervisor.log"
    with ThreadPoolExecutor(2) as asking:
        first = asking.submit(client.kill)
        try:
            until(lambda: "kill unanswered" in log.read_text(), 120.0, "a kill that the venue does not answer")
            assert not first.done()
            again = asking.submit(client.kill)  # now, as the supervisor leaves soon after a kill
        finally:
            venue.control.maintenance(False)
    said = first.result()
    assert said["proven"]
    assert again.result()["seconds"] == said["seconds"]  # asked twice it is the same kill
    assert open_at(venue, SPOT) == []


def test_a_flattening_kill_closes_a_perpetual_position(venue):
    _, client = started(venue, PERPETUAL)
    buy = Intent("held", PERPETUAL, BUY, OrderKind.MARKET, Decimal("0.5"))
    with_client(venue, PERPETUAL, lambda one: one.create(buy))
    until(lambda: with_client(venue, PERPETUAL, lambda one: one.positions()), 30.0, "the position")
    said = client.kill(flatten=True)
    assert said["proven"], said
    assert "sold 0.5 BTC/USDT:USDT at market" in said["flattened"], said
    assert with_client(venue, PERPETUAL, lambda one: one.positions()) == []


def test_every_order_with_which_kills_flatten_has_a_name_of_its_own(venue):
    """Two markets at one venue, and a second kill on the heels of the first: an order must answer to one name only."""
    instruments = (SPOT, "ETH/USDT")
    venue.control.book("ETHUSDT", [(2_999, 500)], [(3_001, 500)])
    venue.control.deposit("ETH", 10)
    made = plan(venue, instruments)

    async def flatten_twice():
        for _ in range(2):
            switch, proof = KillSwitch(made, keys(venue), SystemClock()), Proof()
            assert await switch.warm() == []
            await switch.flatten(dict.fromkeys(instruments, Decimal("0.5")), proof)
            await switch.close()
            assert len(proof.flattened) == 2, proof

    asyncio.run(flatten_twice())
    orders = venue.control.orders()
    assert [order["symbol"] for order in orders] == ["BTCUSDT", "ETHUSDT"] * 2
    assert len({order["client_id"] for order in orders}) == 4
    assert all(is_of_run(facts("binance").ids, made.run, order["client_id"]) for order in orders)


def test_a_threshold_kills_by_itself_and_sells_what_a_spot_run_holds(tmp_path):
    """A run that lost 0.1 % in fees and spread is beyond its bound: cancelled, sold at market, ended, and noted.

    Prices stand still: one that rises pays for the fees.
    """
    with bench(tmp_path, pace=5.0, rate=6.0, volatility=0.0, prices=((SPOT, 60_000),)) as b:
        b.write(SPOT, parameters={"doing": "holds"}, limits={**CALM, "kill_loss": 1e-6, "flatten": True})
        with guard(b.plan, b.folder, b._keys()) as guardian:
            until(lambda: guardian.state == "killed", 240.0, "the threshold")
            end = until(lambda: read_end(b.folder), 30.0, "its note")
        assert "its runner cancelled its own orders, and 0 orders were cancelled after it" in end["reason"]
        assert b.still_open() == []
        assert b.invariants() == []
        fills = b.venue.control.fills()
        net = sum(one["side"] * one["amount"] for one in fills)
        assert {one["side"] for one in fills} == {1, -1}
        assert abs(net) < Decimal("0.001")


def test_a_runner_that_dies_is_seen_and_replaced(venue, record_testsuite_property):
    """Within a second where the machine is idle; the figure is recorded, and the bound is one for a busy machine."""
    folder, client = started(venue)
    first = find_process(folder, "runner")
    os.kill(first, signal.SIGKILL)
    start = time.monotonic()
    until(lambda: client.status()["starts"] == 2, 120.0)
    record_testsuite_property("a killed runner was replaced after s", round(time.monotonic() - start, 3))
    until(lambda: client.status()["runner"] not in (None, first), 120.0)


def test_a_supervisor_that_dies_leaves_the_runner_at_work_and_attach_gives_a_new_one(venue):
    folder, client = started(venue)
    (folder.path / "simulated.json").write_text(json.dumps({"door": venue.control_url}))
    runner, old = find_process(folder, "runner"), find_process(folder, "supervisor")
    os.kill(old, signal.SIGKILL)
    until(lambda: find_process(folder, "supervisor") is None)
    assert find_process(folder, "runner") == runner
    attach(folder.path.name)
    until(lambda: answers(client))
    assert client.status()["runner"] == runner
    assert find_process(folder, "supervisor") != old
    folder.socket.touch()
    os.kill(runner, signal.SIGKILL)  # it is watched, although the new one did not start it
    until(lambda: client.status()["runner"] not in (None, runner), 120.0)


def test_keys_are_in_no_argument_no_environment_and_no_file(venue):
    folder, _ = started(venue)
    canaries = [value.encode() for account in keys(venue).values() for value in account.values()]
    seen = []
    for path in folder.path.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # it was there for a moment
            seen += [path.read_bytes()] if path.is_file() else []
    for role in ("supervisor", "runner"):
        pid = find_process(folder, role)
        seen += [Path(f"/proc/{pid}/{part}").read_bytes() for part in ("cmdline", "environ")]
    assert seen
    assert not any(canary in text for canary in canaries for text in seen)


# --- in this process, so that its patience can be short --------------------------------------------------------------


def guarded(venue, monkeypatch, work, *, spoil=lambda folder: None, **patience):
    """Run a supervisor in this process while `work` looks at it."""
    for name, value in patience.items():
        monkeypatch.setattr(supervisor, name, value)
    made = plan(venue)
    folder = laid_out(made)
    spoil(folder)

    async def go():
        guardian = Supervisor(made, folder, keys(venue), SystemClock(), quiet=True)
        living = asyncio.ensure_future(guardian.run())
        try:
            await asyncio.wait_for(work(guardian, folder), 180.0)
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)

    asyncio.run(go())


async def come(condition, seconds=120.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_runner_whose_loop_stands_still_is_replaced(venue, monkeypatch):
    async def work(guardian, folder):
        await come(lambda: guardian.is_ready)
        first = guardian.runner.pid
        guardian.runner.signal(signal.SIGSTOP)
        await come(lambda: guardian.runner is not None and guardian.runner.pid != first)

    guarded(venue, monkeypatch, work, HUNG_S=0.6, LOOK_S=0.05)


def test_a_run_that_dies_too_often_stays_down_with_nothing_open_and_says_so(venue, monkeypatch):
    async def work(guardian, folder):
        await asyncio.to_thread(fill_book, venue, SPOT, 5)
        seen = set()
        while guardian.state != "down":
            runner = guardian.runner
            if runner is not None and runner.pid not in seen:
                seen.add(runner.pid)
                runner.signal(signal.SIGKILL)
            await asyncio.sleep(0.01)
        assert len(seen) == 6
        assert "died 6 times within 10 minutes and stays down" in guardian.status()["reason"]
        assert await asyncio.to_thread(open_at, venue, SPOT) == []
        assert read_end(folder)["state"] == "down"

    guarded(venue, monkeypatch, work, PAUSES_S=(0.0,) * 5)


@pytest.mark.parametrize(("goodbye_s", "ended"), [(60.0, "ended by itself"), (0.0, "ended by SIGKILL")])
def test_a_kill_that_could_not_count_beside_a_runner_that_cancels_says_so(venue, monkeypatch, goodbye_s, ended):
    async def work(guardian, folder):
        await come(lambda: guardian.is_ready and guardian.status()["kill_switch"] == "ready")
        await asyncio.to_thread(fill_book, venue, SPOT, 5)
        said = await guardian.kill(who="tests")
        assert (said["proven"], said["counted"], said["runner"]) == (True, False, ended)
        assert "its runner cancelled its own orders, and " in said["says"]
        assert await asyncio.to_thread(open_at, venue, SPOT) == []

    monkeypatch.setattr(killing, "COUNT_S", 0.0)
    guarded(venue, monkeypatch, work, GOODBYE_S=goodbye_s, ANSWER_S=60.0)


def test_a_run_that_refuses_to_start_is_not_started_again(venue, monkeypatch):
    async def work(guardian, folder):
        await come(lambda: guardian.state == "refused")
        assert len(guardian._starts) == 1
        assert "run.json" in guardian.reason
        assert read_end(folder)["state"] == "refused"

    guarded(venue, monkeypatch, work, spoil=lambda folder: (folder.path / "run.json").unlink())
