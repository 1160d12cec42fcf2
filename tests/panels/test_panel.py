"""The panel in a real JupyterLab: it lives while the kernel is busy or dead, and its buttons go past it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from lab import ROOT, browser, chromium, open_notebook, served, write_notebook

from tests.live.running import MONEY, SPOT, end_all, fill_book, open_venue, until
from workbench.connectors import SeededMarket, SimulatedVenue
from workbench.errors import WorkbenchError
from workbench.journal import Past
from workbench.live import Client, Plan, RunFolder

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.browser

CALM = 8  # bars until a calm bot holds: what it had before is closed after five, and it buys when it has nothing
TALL = {"width": 1400, "height": 1500}
START = """\
import os
import workbench as wb
from tests.live.busy_bot import Busy
run = wb.paper({bot}, "binance", "BTC/USDT", name="{name}", simulated="{door}", timeframe="{bar}", cash=1e6)
run.wait("running", seconds=240)["state"]"""
PID = "open('{kernel}.pid', 'w').write(str(os.getpid()))"
BUSY = PID + "; os.mkfifo('{kernel}.never'); open('{kernel}.never').read(); open('{kernel}.awake', 'w')"
# What the dashboard is to show: one run that was stopped with what it held, and two that were killed.
OVER = """\
import workbench as wb
from tests.live.busy_bot import Busy
kept = wb.paper(Busy(amount=0.05, calm=True), "binance", "BTC/USDT", name="kept", simulated="{door}", timeframe="1s")
kept.wait("running", seconds=240)
next(one for one in kept.follow() if one["kind"] == "equity" and kept.worth()["held"])  # as of the last close
kept.stop()
for name in ("one", "other"):
    run = wb.paper(wb.controllers.Bollinger(), "binance", "BTC/USDT", name=name, simulated="{door}")
    run.wait("running", seconds=240)
    run.kill()
"""
ATTACH = "import workbench as wb\nrun = wb.attach('{name}')\nrun.panel()"
BOARD = "import workbench as wb\nwb.dashboard()"
SHOWN = "name => document.querySelector('.wb-panel .wb-name')?.textContent === name"
STATE = "state => document.querySelector('.wb-panel .wb-state')?.textContent === state"
SAID = "text => (document.querySelector('.wb-panel .wb-said')?.textContent ?? '').includes(text)"
PAGE = (
    "name => [...document.querySelectorAll('.wb-panel .wb-tab')].find(tab => tab.textContent.startsWith(name)).click()"
)
LATE = """(() => {
  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    set onmessage(hear) {
      const late = this.url.includes('/workbench/live');
      super.onmessage = late ? event => setTimeout(() => hear(event), 700) : hear;
    }
  };
})()"""
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
def over(folder: Path) -> tuple[str, ...]:
    """The names of three runs that are over, at a venue that is gone."""
    own = {"WORKBENCH_DATA": folder / "data", "WORKBENCH_HOME": folder / "home"}
    with SimulatedVenue(sources=SeededMarket(seed=2), accounts={"trader": MONEY}) as venue:
        code = OVER.format(door=venue.control_url)
        environment = os.environ | {name: str(path) for name, path in own.items()}
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment)
    return "kept", "one", "other"


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """A JupyterLab as the README's set-up leaves it."""
    with served(folder) as found:
        yield found


@pytest.fixture
def opened(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a notebook in a page of its own and runs it, over what scripts the page has from the beginning."""
    pages = []

    def go(address: str, name: str, *scripts: str) -> Any:
        page = chromium.new_page(viewport=TALL)
        pages.append(page)
        for script in scripts:
            page.add_init_script(script)
        open_notebook(page, address, name)
        return page

    yield go
    for page in pages:
        page.close()


@pytest.fixture
def flight(folder: Path) -> Iterator[RunFolder]:
    """A run that is stopped when the test is over, however that was: the next one trades the same market."""
    run = run_of(folder, "flight")
    yield run
    with contextlib.suppress(WorkbenchError):
        Client(run, supervisor=True).stop()


def run_of(folder: Path, name: str) -> RunFolder:
    return RunFolder(folder / "home" / "runs" / name)


def entries(folder: RunFolder) -> list[Any]:
    plan = Plan.read(folder.path)
    with Past.open(folder.journal_url, run=plan.run) as past:
        return list(past.entries())


def in_flight(folder: RunFolder) -> Any:
    """Market orders that have left and were not answered."""
    with contextlib.suppress(WorkbenchError):
        orders = Client(folder).status()["orders"]
        return [one["client_id"] for one in orders if one["life"] == "SENT" and one["kind"] == "MARKET"]
    return []


def test_kernel_killed_with_an_order_in_flight_and_another_notebook_sees_its_fill(
    opened, flight, folder, market, tmp_path
):
    bot = START.format(bot="Busy(amount=0.05)", name="flight", door=market.control_url, bar="1s")
    write_notebook(folder / "first.ipynb", bot, PID.format(kernel="first"), "run.panel()")
    with served(folder) as address:
        page = opened(address, "first.ipynb")
        page.wait_for_function(SHOWN, arg="flight")
        page.wait_for_function(STATE, arg="running")
        market.control.delay("POST /api/v3/order", milliseconds=1500)
        (sent, *_) = until(lambda: in_flight(flight), 120.0, "an order on its way")
        os.kill(int((folder / "first.pid").read_text()), signal.SIGKILL)
        Client(flight).pause()  # a page has the last hundred fills, and the next JupyterLab may take its time
        before = Client(flight).status()["row"]
        market.control.clear()
        page.close()
    write_notebook(folder / "second.ipynb", ATTACH.format(name="flight"))
    with served(folder) as address:
        page = opened(address, "second.ipynb", LATE)
        page.wait_for_function(SHOWN, arg="flight")
        page.wait_for_function(STATE, arg="paused")
        page.evaluate(PAGE, "Fills")
        page.wait_for_function(f"id => ({ROWS})().some(row => row.includes(id))", arg=sent)
        Client(flight).resume()
        page.wait_for_function(STATE, arg="running")
        until(lambda: Client(flight).status()["row"] > before + 3, 120.0)
        row = applied_at_a_bars_end(page, flight)
        until(lambda: Client(flight).status()["row"] > row + CALM, 120.0)
        page.screenshot(path=tmp_path / "attached.png")
        print(f"\na picture of it: {tmp_path / 'attached.png'}")  # noqa: T201 - for whoever runs it with -s
    Client(flight, supervisor=True).stop()
    told = entries(flight)
    sent_once = [entry.body["client_id"] for entry in told if entry.kind == "sent"]
    at_venue = [order["client_id"] for order in market.control.orders()]
    assert len(set(sent_once)) == len(sent_once)
    assert sorted(set(at_venue)) == sorted(at_venue)
    assert set(at_venue) <= set(sent_once)
    assert at_venue.count(sent) == 1
    rows = [entry.body["row"] for entry in told if entry.kind == "equity"]
    assert rows == list(range(rows[0], rows[0] + len(rows)))


def applied_at_a_bars_end(page: Any, run: RunFolder) -> int:
    """A parameter is changed in the panel, and takes over when a bar ends; the row of that bar."""
    page.evaluate(PAGE, "Parameters")
    page.locator(".wb-row[data-name=calm] input").first.click()
    page.route("**/do/commit*", lambda route: route.abort())  # the channel is lost in the middle
    page.locator(".wb-apply").click()
    page.wait_for_function(SAID, arg="was not confirmed, so the parameters before it stay")
    until(lambda: any(entry.kind == "dropped" for entry in entries(run)), 120.0)
    assert Client(run).look()["bot"]["parameters"]["calm"] is False
    page.unroute("**/do/commit*")
    page.locator(".wb-apply").click()
    page.wait_for_function(SAID, arg="calm=true has taken over")
    told = [entry for entry in entries(run) if entry.kind in ("prepared", "updated", "equity")]
    kinds = [entry.kind for entry in told]
    updated, prepared = told[kinds.index("updated")], [entry for entry in told if entry.kind == "prepared"][1]
    assert updated.body["ticket"] == prepared.number
    assert kinds[kinds.index("updated") - 1] == "equity"  # a row was closed just before
    assert Client(run).look()["bot"]["parameters"]["calm"] is True
    return int(told[kinds.index("updated") - 1].body["row"])


def halted(page: Any, venue: SimulatedVenue) -> float:
    """Seconds from the second press until the venue has nothing open."""
    assert len(open_orders(venue)) == 50
    page.locator(".wb-kill").click()
    began = time.perf_counter()
    page.locator(".wb-kill").click()
    until(lambda: not open_orders(venue), 120.0)
    return time.perf_counter() - began


def open_orders(venue: SimulatedVenue) -> list[Any]:
    return [one for one in venue.control.orders() if one["status"] in ("NEW", "PARTIALLY_FILLED")]


def is_warm(run: RunFolder) -> bool:
    with contextlib.suppress(WorkbenchError):
        return bool(Client(run, supervisor=True).status()["kill_switch"] == "ready")
    return False


@pytest.mark.parametrize("kernel", ["busy", "dead"])
def test_halt_pressed_past_a_kernel_that_is_busy_or_dead(kernel, opened, address, folder, quiet, tmp_path, within):
    run = run_of(folder, f"halt-{kernel}")
    start = START.format(bot="wb.controllers.Bollinger()", name=run.path.name, door=quiet.control_url, bar="1m")
    write_notebook(folder / f"{kernel}.ipynb", start, "run.panel()", BUSY.format(kernel=kernel))
    page = opened(address, f"{kernel}.ipynb")
    page.wait_for_function(STATE, arg="running")
    pid = int(until(lambda: (folder / f"{kernel}.pid").exists() and (folder / f"{kernel}.pid").read_text(), 120.0))
    before = len(quiet.control.orders())
    with ThreadPoolExecutor(1) as aside:  # the browser's own loop runs in this thread
        aside.submit(fill_book, quiet, SPOT).result()
    until(lambda: is_warm(run), 120.0, "a warm kill switch")
    if kernel == "dead":
        os.kill(pid, signal.SIGKILL)
        page.wait_for_selector(".jp-Dialog .jp-mod-accept").click()
    number = page.evaluate("() => Number(document.querySelector('.wb-panel').dataset.heard)")
    page.wait_for_function("was => Number(document.querySelector('.wb-panel').dataset.heard) > was", arg=number)
    took = halted(page, quiet)
    assert not (folder / f"{kernel}.awake").exists()  # the cell was busy all the while
    page.wait_for_function(SAID, arg="Nothing of BTC/USDT is open at the venue")
    page.wait_for_function(STATE, arg="killed")
    assert [one["status"] for one in quiet.control.orders()[before:]] == ["CANCELED"] * 50
    assert open_orders(quiet) == []
    page.screenshot(path=tmp_path / f"{kernel}.png")
    print(f"\na picture of it: {tmp_path / kernel}.png")  # noqa: T201
    within(f"halt in the panel past a {kernel} kernel to 50 orders cancelled", took, 2.0)


def test_dashboard_shows_all_runs_and_one_click_opens_a_panel(opened, address, folder, over, tmp_path):
    write_notebook(folder / "board.ipynb", BOARD)
    page = opened(address, "board.ipynb")
    there = {path.name for path in (folder / "home" / "runs").glob("*/")}
    assert there >= set(over)
    page.wait_for_function("n => document.querySelectorAll('.wb-board tbody tr').length >= n", arg=len(there))
    rows = page.evaluate("() => [...document.querySelectorAll('.wb-board tbody tr')].map(row => row.innerText)")
    assert {row.split()[0] for row in rows} == there
    page.locator(".wb-board tbody tr", has_text="kept").click()
    page.wait_for_function("() => document.querySelectorAll('.wb-panel').length === 2")
    page.wait_for_function(
        "() => document.querySelectorAll('.wb-panel')[1].querySelector('.wb-state').innerText === 'stopped'"
    )
    held = "() => document.querySelectorAll('.wb-panel')[1].querySelectorAll('.wb-value')[6].innerText"
    assert page.evaluate(held) not in ("flat", "–")  # it was stopped with what it held, and says so
    page.screenshot(path=tmp_path / "board.png")
    print(f"\na picture of it: {tmp_path / 'board.png'}")  # noqa: T201 - for whoever runs it with -s


def test_no_token_of_a_run_reaches_the_browser(chromium, address, folder, over):
    write_notebook(folder / "again.ipynb", BOARD)
    page = chromium.new_page(viewport=TALL)
    heard: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: heard.append(str(frame))))
    open_notebook(page, address, "again.ipynb")
    page.locator(".wb-board tbody tr", has_text="kept").click()
    until(lambda: any('"state":{' in frame for frame in heard) or page.wait_for_timeout(50), 120.0)
    seen = "".join(heard) + page.content() + json.dumps(page.evaluate("() => ({...localStorage})"))
    tokens = [path.read_text() for path in (folder / "home" / "runs").glob("*/token")]
    assert len(tokens) >= len(over)
    assert not any(token in seen for token in tokens)
    page.close()
