"""The panel in a real JupyterLab: it lives while the kernel is busy or dead, and its buttons go past it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from lab import browser, chromium, open_notebook, served, write_notebook

from tests.live.running import MONEY, SPOT, end_all, fill_book, open_venue, until
from workbench.connectors import SeededMarket, SimulatedVenue
from workbench.errors import WorkbenchError
from workbench.journal import Past
from workbench.live import Client, Plan, RunFolder

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.browser

TALL = {"width": 1400, "height": 1500}
START = """\
import os, time
import workbench as wb
from tests.live.busy_bot import Busy
run = wb.paper({bot}, "binance", "BTC/USDT", name="{name}", simulated="{door}", timeframe="{bar}", cash=1e6)
run.wait("running", seconds=240)["state"]"""
PID = "open('kernel.pid', 'w').write(str(os.getpid()))"
SLEEP = "open('kernel.pid', 'w').write(str(os.getpid())); time.sleep(240); open('awake', 'w')"
ATTACH = "import workbench as wb\nrun = wb.attach('{name}')\nrun.panel()"
SHOWN = "name => document.querySelector('.wb-panel .wb-name')?.textContent === name"
STATE = "state => document.querySelector('.wb-panel .wb-state')?.textContent === state"
SAID = "text => (document.querySelector('.wb-panel .wb-said')?.textContent ?? '').includes(text)"
PAGE = (
    "name => [...document.querySelectorAll('.wb-panel .wb-tab')].find(tab => tab.textContent.startsWith(name)).click()"
)
ROWS = "() => [...document.querySelectorAll('.wb-panel .wb-scroll:not([hidden]) tbody tr')].map(row => row.innerText)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder, and no process of a run left when all is over."""
    made: Path = tmp_path_factory.mktemp("panel")
    yield made
    end_all(made / "home")


@pytest.fixture(scope="module")
def market() -> Iterator[SimulatedVenue]:
    """A venue whose prices move, in our own time."""
    with SimulatedVenue(sources=SeededMarket(seed=1), accounts={"trader": MONEY}) as venue:
        yield venue


@pytest.fixture(scope="module")
def quiet() -> Iterator[SimulatedVenue]:
    """A venue whose prices stand still, in our own time."""
    with open_venue() as venue:
        yield venue


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """A JupyterLab as the README's set-up leaves it."""
    with served(folder) as found:
        yield found


def run_of(folder: Path, name: str) -> RunFolder:
    return RunFolder(folder / "home" / "runs" / name)


def entries(folder: RunFolder) -> list[Any]:
    plan = Plan.read(folder.path)
    with Past.open(folder.journal_url, run=plan.run) as past:
        return list(past.entries())


def opened(chromium: Any, address: str, name: str) -> Any:
    page = chromium.new_page(viewport=TALL)
    open_notebook(page, address, name)
    return page


def in_flight(folder: RunFolder) -> Any:
    """Market orders that have left and were not answered."""
    with contextlib.suppress(WorkbenchError):
        orders = Client(folder).status()["orders"]
        return [one["client_id"] for one in orders if one["life"] == "SENT" and one["kind"] == "MARKET"]
    return []


def test_kernel_killed_with_an_order_in_flight_and_another_notebook_sees_its_fill(chromium, folder, market, tmp_path):
    run = run_of(folder, "flight")
    bot = START.format(bot="Busy(amount=0.05)", name="flight", door=market.control_url, bar="1s")
    write_notebook(folder / "first.ipynb", bot, PID, "run.panel()")
    with served(folder) as address:
        page = opened(chromium, address, "first.ipynb")
        page.wait_for_function(SHOWN, arg="flight", timeout=300_000)
        page.wait_for_function(STATE, arg="running", timeout=60_000)
        market.control.delay("POST /api/v3/order", milliseconds=1500)
        (sent, *_) = until(lambda: in_flight(run), 60.0, "an order on its way")
        os.kill(int((folder / "kernel.pid").read_text()), signal.SIGKILL)
        before = Client(run).status()["row"]
        market.control.clear()
        page.close()
    write_notebook(folder / "second.ipynb", ATTACH.format(name="flight"))
    with served(folder) as address:
        page = opened(chromium, address, "second.ipynb")
        page.wait_for_function(SHOWN, arg="flight", timeout=60_000)
        page.wait_for_function(STATE, arg="running", timeout=60_000)
        page.evaluate(PAGE, "Fills")
        page.wait_for_function(f"id => ({ROWS})().some(row => row.includes(id))", arg=sent, timeout=30_000)
        until(lambda: Client(run).status()["row"] > before + 3)
        applied_at_a_bars_end(page, run)
        page.screenshot(path=tmp_path / "attached.png")
        print(f"\na picture of it: {tmp_path / 'attached.png'}")  # noqa: T201 - for whoever runs it with -s
        page.close()
    Client(run, supervisor=True).stop()
    told = entries(run)
    sent_once = [entry.body["client_id"] for entry in told if entry.kind == "sent"]
    at_venue = [order["client_id"] for order in market.control.orders()]
    assert len(set(sent_once)) == len(sent_once)
    assert sorted(set(at_venue)) == sorted(at_venue)
    assert set(at_venue) <= set(sent_once)
    assert at_venue.count(sent) == 1
    rows = [entry.body["row"] for entry in told if entry.kind == "equity"]
    assert rows == list(range(rows[0], rows[0] + len(rows)))


def applied_at_a_bars_end(page: Any, run: RunFolder) -> None:
    """A parameter is changed in the panel, and takes over when a bar ends."""
    page.evaluate(PAGE, "Parameters")
    page.locator(".wb-row[data-name=calm] input").first.click()
    page.route("**/do/commit*", lambda route: route.abort())  # the channel is lost in the middle
    page.locator(".wb-apply").click()
    page.wait_for_function(SAID, arg="was not confirmed, so the parameters before it stay", timeout=30_000)
    until(lambda: any(entry.kind == "dropped" for entry in entries(run)), 20.0)
    assert Client(run).look()["bot"]["parameters"]["calm"] is False
    page.unroute("**/do/commit*")
    page.locator(".wb-apply").click()
    page.wait_for_function(SAID, arg="calm=true has taken over", timeout=30_000)
    told = [entry for entry in entries(run) if entry.kind in ("prepared", "updated", "equity")]
    kinds = [entry.kind for entry in told]
    updated, prepared = told[kinds.index("updated")], [entry for entry in told if entry.kind == "prepared"][1]
    assert updated.body["ticket"] == prepared.number
    assert kinds[kinds.index("updated") - 1] == "equity"  # a row was closed just before
    assert Client(run).look()["bot"]["parameters"]["calm"] is True


def halted(page: Any, venue: SimulatedVenue) -> float:
    """Seconds from the second press until the venue has nothing open."""
    assert len(open_orders(venue)) == 50
    page.locator(".wb-kill").click()
    began = time.perf_counter()
    page.locator(".wb-kill").click()
    until(lambda: not open_orders(venue), 20.0)
    return time.perf_counter() - began


def open_orders(venue: SimulatedVenue) -> list[Any]:
    return [one for one in venue.control.orders() if one["status"] in ("NEW", "PARTIALLY_FILLED")]


def is_warm(run: RunFolder) -> bool:
    with contextlib.suppress(WorkbenchError):
        return bool(Client(run, supervisor=True).status()["kill_switch"] == "ready")
    return False


@pytest.mark.parametrize("kernel", ["busy", "dead"])
def test_halt_pressed_past_a_kernel_that_is_busy_or_dead(
    kernel, chromium, address, folder, quiet, tmp_path, record_testsuite_property
):
    run = run_of(folder, f"halt-{kernel}")
    (folder / "kernel.pid").unlink(missing_ok=True)
    start = START.format(bot="wb.controllers.Bollinger()", name=run.path.name, door=quiet.control_url, bar="1m")
    write_notebook(folder / f"{kernel}.ipynb", start, "run.panel()", SLEEP)
    page = opened(chromium, address, f"{kernel}.ipynb")
    page.wait_for_function(STATE, arg="running", timeout=300_000)
    until(lambda: (folder / "kernel.pid").exists())
    with ThreadPoolExecutor(1) as aside:  # the browser's own loop runs in this thread
        aside.submit(fill_book, quiet, SPOT).result()
    until(lambda: is_warm(run), 60.0, "a warm kill switch")
    if kernel == "dead":
        os.kill(int((folder / "kernel.pid").read_text()), signal.SIGKILL)
        page.wait_for_selector(".jp-Dialog .jp-mod-accept", timeout=30_000).click()
    number = page.evaluate("() => Number(document.querySelector('.wb-panel').dataset.heard)")
    page.wait_for_function("was => Number(document.querySelector('.wb-panel').dataset.heard) > was", arg=number)
    took = halted(page, quiet)
    assert not (folder / "awake").exists()  # the cell slept all the while
    page.wait_for_function(SAID, arg="50 orders were cancelled", timeout=20_000)
    page.wait_for_function(STATE, arg="killed", timeout=20_000)
    page.screenshot(path=tmp_path / f"{kernel}.png")
    print(f"\nhalt with the kernel {kernel}: {took:.2f} s; a picture of it: {tmp_path / kernel}.png")  # noqa: T201
    record_testsuite_property(f"halt in the panel, kernel {kernel}, in s", round(took, 3))
    page.close()
    assert took < 2.0


def test_dashboard_shows_all_runs_and_one_click_opens_a_panel(chromium, address, folder, tmp_path):
    write_notebook(folder / "board.ipynb", "import workbench as wb\nwb.dashboard()")
    page = opened(chromium, address, "board.ipynb")
    page.wait_for_function("() => document.querySelectorAll('.wb-board tbody tr').length >= 3", timeout=60_000)
    rows = page.evaluate("() => [...document.querySelectorAll('.wb-board tbody tr')].map(row => row.innerText)")
    assert {row.split()[0] for row in rows} >= {"flight", "halt-busy", "halt-dead"}
    page.locator(".wb-board tbody tr", has_text="flight").click()
    page.wait_for_function("() => document.querySelectorAll('.wb-panel').length === 2", timeout=20_000)
    page.wait_for_function(
        "() => document.querySelectorAll('.wb-panel')[1].querySelector('.wb-state').innerText === 'stopped'"
    )
    page.screenshot(path=tmp_path / "board.png")
    print(f"\na picture of it: {tmp_path / 'board.png'}")  # noqa: T201 - for whoever runs it with -s
    page.close()


def test_no_token_of_a_run_reaches_the_browser(chromium, address, folder):
    page = chromium.new_page(viewport=TALL)
    heard: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: heard.append(str(frame))))
    open_notebook(page, address, "board.ipynb")
    page.locator(".wb-board tbody tr", has_text="flight").click()
    until(lambda: any('"state":{' in frame for frame in heard) or page.wait_for_timeout(50), 20.0)
    seen = "".join(heard) + page.content() + json.dumps(page.evaluate("() => ({...localStorage})"))
    for name in ("flight", "halt-busy", "halt-dead"):
        assert (run_of(folder, name).path / "token").read_text() not in seen
    page.close()
