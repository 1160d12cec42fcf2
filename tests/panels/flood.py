"""`python -m tests.panels.flood`: the panel under 500 market events a second for ten minutes, and what that costs.

Prints from a press to the picture (the browser's own event timing), the kernel's share of a core, and the memory of
kernel, browser page and Jupyter server, once a minute and at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab import browser, open_notebook, served, write_notebook
from tests.live.running import end_all, open_venue

START = """\
import os, time, numpy as np, workbench as wb
open('kernel.pid', 'w').write(str(os.getpid()))
times = int(time.time() // 60) * 60_000 - 60_000 * np.arange({stored}, 0, -1)
close = 60_000 + 20_000 * np.sin(np.arange({stored}) / 40_000) + 50 * np.sin(np.arange({stored}) / 3)
old = wb.Candles.from_arrays(times, close, close + 20, close - 20, close + 5, np.ones({stored}), timeframe="1m")
old.to_polars().write_parquet("old.parquet")
wb.data.ingest("old.parquet", venue="recorded", instrument="BTC/USDT", timeframe="1m")
del times, close, old
run = wb.paper(wb.controllers.Bollinger(), "binance", "BTC/USDT", name="flood", simulated="{door}")
run.wait("running", seconds=240); run.panel(history="recorded")"""
STORED = 1_000_000  # bars
POINTS = 2_400  # of a window, as the chart asks for them
# Presses and keys are timed by the browser itself, from the input to the next picture; what is quicker than 16 ms it
# does not tell, so it counts as 16.
TIMED = """() => { window.took = []; window.frames = 0; window.began = performance.now();
  new PerformanceObserver(list => { for (const one of list.getEntries())
    if (['click', 'keydown', 'input'].includes(one.name)) window.took.push(one.duration); })
    .observe({type: 'event', durationThreshold: 16, buffered: false});
  const panel = document.querySelector('.wb-panel'); let was = '';
  const count = () => { if (panel.dataset.heard !== was) { was = panel.dataset.heard; window.frames++; }
    requestAnimationFrame(count); }; count(); }"""
TABS = ("Fills", "Log", "Positions", "Parameters", "Orders")
COUNTED = "() => [window.took, window.frames, (performance.now() - window.began) / 1000]"
# Whatever the page had put off by less is done by then: a chart that was moved asks for bars 120 ms later, and looks
# away for 30 ms while it paints them.
TURN = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 150))))"""
RUNNING = "() => document.querySelector('.wb-panel .wb-state')?.textContent === 'running'"
HEAP = "() => performance.memory.usedJSHeapSize / 1048576"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """What a flood did."""

    sent: int = 0
    seconds: float = 0.0
    presses: int = 0
    took_ms: list[float] = field(default_factory=list)
    frames: int = 0
    kernel_share: float = 0.0
    runner_share: float = 0.0
    memory_mb: list[dict[str, float]] = field(default_factory=list)

    @property
    def p95_ms(self) -> float:
        """From input to picture, 95 of a hundred."""
        told = sorted([*self.took_ms, *[16.0] * max(0, self.presses - len(self.took_ms))])
        return told[int(0.95 * (len(told) - 1))]

    def __str__(self) -> str:
        first, last = self.memory_mb[0], self.memory_mb[-1]
        memory = ", ".join(f"{name} {first[name]:.0f} → {last[name]:.0f}" for name in first)
        return (
            f"{self.sent / self.seconds:.0f} market events/s for {self.seconds:.0f} s; {self.presses} inputs, to "
            f"picture: median {statistics.median(self.took_ms or [16.0]):.0f} ms of those over 16, p95 "
            f"{self.p95_ms:.0f} ms; {self.frames / self.seconds:.1f} updates/s shown; kernel "
            f"{100 * self.kernel_share:.1f} % of a core, runner {100 * self.runner_share:.0f} %; memory in MB: {memory}"
        )


def flood(seconds: float, rate: float, page: Any, venue: Any, folder: Path, *, say: Any = print) -> Measured:
    """Trade at the venue, so many times a second, while somebody uses the panel."""
    found, ended = Measured(), threading.Event()
    pouring = threading.Thread(target=pour, args=(venue, rate, ended, found))
    pids = {"kernel": int((folder / "kernel.pid").read_text()), "runner": runner_of(folder)}
    kernel = pids["kernel"]
    page.evaluate(TIMED)
    used = {name: cpu_s(pid) for name, pid in pids.items()}
    began = time.monotonic()
    pouring.start()
    next_look = began + min(30.0, seconds / 4)  # caches fill first
    while (now := time.monotonic()) < began + seconds:
        use(page, found)
        if now >= next_look:
            found.memory_mb.append(memory(page, kernel))
            next_look += max(seconds / 10, 5.0)
            say(f"{now - began:.0f} s: {found.memory_mb[-1]}")
    found.took_ms, found.frames, found.seconds = page.evaluate(COUNTED)
    found.kernel_share = (cpu_s(kernel) - used["kernel"]) / found.seconds
    if runner_of(folder) == pids["runner"]:  # a machine that stood still may have had it replaced
        found.runner_share = (cpu_s(pids["runner"]) - used["runner"]) / found.seconds
    ended.set()
    pouring.join()
    found.memory_mb.append(memory(page, kernel))
    return found


def pour(venue: Any, rate: float, ended: threading.Event, found: Measured) -> None:
    """Prints around a price that moves."""
    began = time.monotonic()
    while not ended.is_set():
        due = int((time.monotonic() - began) * rate)
        while found.sent < due and not ended.is_set():
            found.sent += 1
            venue.control.trade("BTCUSDT", 60_000 + found.sent % 17 - 8, 0.001)
        ended.wait(0.02)


def use(page: Any, found: Measured) -> None:
    """What a person does: turns pages, moves a slider."""
    for name in TABS:
        page.locator(".wb-panel .wb-tab", has_text=name).first.click()
        found.presses += 1
        page.wait_for_timeout(120)
    page.locator(".wb-panel .wb-tab", has_text="Parameters").first.click()
    page.locator(".wb-row[data-name=length] .wb-slider").focus()
    page.keyboard.press("ArrowRight")
    found.presses += 2
    page.wait_for_timeout(120)


def pan(page: Any, drags: int = 6) -> list[dict[str, Any]]:
    """All stored bars at once, then six hours, then by hand into the past; what was asked for, and how soon it came."""
    begun: list[Any] = []
    told: list[Any] = []
    over: list[Any] = []
    page.on("request", lambda asked: begun.append(asked) if is_window(asked) else None)
    page.on("requestfinished", lambda asked: told.append(asked) if is_window(asked) else None)
    for name in ("requestfinished", "requestfailed"):
        page.on(name, lambda asked: over.append(asked) if is_window(asked) else None)
    for span in ("All", "6h"):
        with page.expect_response(lambda answer: is_window(answer.request)):
            page.locator(".wb-span", has_text=span).first.click()
        settle(page, begun, over)
    box = page.locator(".wb-candles").first.bounding_box()
    x, y = box["x"] + 60, box["y"] + box["height"] / 2
    for _ in range(drags):
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + box["width"] * 0.7, y, steps=8)
        page.mouse.up()
        settle(page, begun, over)
    found = [(asked.timing["responseEnd"], asked.response().json()) for asked in told]
    names = ("step_ms", "first_ms", "last_ms")
    return [
        {"took_ms": took, "bars": len(one["time"]), "from_ms": one["time"][0], **{name: one[name] for name in names}}
        for took, one in found
    ]


def is_window(asked: Any) -> bool:
    """Does a request ask for the bars of a window? The chart also asks for the last few, when a minute has ended."""
    return asked.url.split("?")[0].endswith("/bars") and asked.post_data_json["points"] == POINTS


def settle(page: Any, begun: list[Any], over: list[Any]) -> None:
    """Wait until every window that was asked for is there, and the page has asked for no other since."""
    before = -1
    while not before == len(begun) == len(over):
        before = len(begun) if len(begun) == len(over) else -1
        page.evaluate(TURN)


def memory(page: Any, kernel: int) -> dict[str, float]:
    """Resident memory of kernel, and the page's heap after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.detach()
    return {"kernel": rss_mb(kernel), "page": round(page.evaluate(HEAP), 1), "server": rss_mb(parent_of(kernel))}


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def parent_of(pid: int) -> int:
    """Who started a process: of a kernel, the Jupyter server."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def runner_of(folder: Path) -> int:
    """The process of the run."""
    from workbench.live import RunFolder
    from workbench.live.process import find_process

    return find_process(RunFolder(folder / "home" / "runs" / "flood"), "runner") or 0


def opened(shown: Any, address: str, folder: Path, door: str) -> Any:
    """A notebook with the panel of a run at a venue."""
    write_notebook(folder / "flood.ipynb", START.format(door=door, stored=STORED))
    page = shown.new_page(viewport={"width": 1400, "height": 1400})
    open_notebook(page, address, "flood.ipynb")
    page.wait_for_function(RUNNING, timeout=300_000)
    return page


def main() -> None:
    """The command."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--minutes", type=float, default=10.0)
    given.add_argument("--rate", type=float, default=500.0)
    given.add_argument("--picture", type=Path)
    options = given.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="flood-"))
    try:
        with open_venue() as venue, served(folder) as address, browser() as shown:
            page = opened(shown, address, folder, str(venue.control_url))
            found = flood(60 * options.minutes, options.rate, page, venue, folder)
            panned = pan(page, 20)
            if options.picture:
                page.screenshot(path=options.picture)
            print(found)  # noqa: T201
            slowest = max(one["took_ms"] for one in panned)
            print(f"panned over {STORED:,} bars: {len(panned)} windows, slowest {slowest:.0f} ms")  # noqa: T201
    finally:
        end_all(folder / "home")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
