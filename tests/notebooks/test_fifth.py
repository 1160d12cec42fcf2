"""What notebook 05 says about its own numbers holds; and an order from a cell is filled, seen in a real JupyterLab."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lab import ROOT, open_notebook, served, write_notebook

import workbench as wb

from .test_browser import DONE, OUTPUTS, TALL

FIFTH = ROOT / "notebooks" / "05_a_venue_of_your_own.ipynb"


def shown(book, start: str) -> str:
    """What the one cell that starts like this put out, as text."""
    (cell,) = [cell for cell in book.cells if cell.cell_type == "code" and cell.source.startswith(start)]
    output = cell.outputs[-1]
    return str(output.data.get("text/markdown") or output.data["text/plain"])


def test_the_order_rests_and_is_filled_when_the_market_comes(executed):
    book = executed(FIFTH)
    opened, filled = shown(book, "now, bid = "), shown(book, "def until_filled")
    assert opened.startswith("'open: 0.05 BTC")
    limit = opened.split(" at ")[1].split()[0]
    assert f"closed at {limit} " in filled
    minute = minute_of(float(limit.replace(",", "")))
    assert 0.5 < float(filled.split(" after ")[1].split()[0]) < minute + 50


def minute_of(limit: float) -> int:
    """The minute of the replay whose low the cell looked up: one hours away, if the cell comes seconds later."""
    wb.data.sample()
    low = wb.candles("sample", "BTC/USDT", "1m")[15_900:17_400].low
    return int(np.flatnonzero(np.round(low * 1.00002, 2) == limit)[-1])


def test_the_lost_sale_was_done_once_and_the_ledger_agrees(executed):
    book = executed(FIFTH)
    assert "RequestTimeout" in shown(book, "venue.control.accept_then_silence")
    assert shown(book, "exchange.timeout = 10_000").startswith("'closed: sold 0.02 BTC")
    assert "MarketClosed" in shown(book, "venue.control.halt")
    assert "says the same" in shown(book, "left, ledger = ")


# --- in a browser ----------------------------------------------------------------------------------------------------

ORDER = """\
import json, time, urllib.request
import ccxt
venue = ccxt.binance(json.load(urllib.request.urlopen("{door}/ccxt")))
bid = venue.fetch_ticker("BTC/USDT")["bid"]
order = venue.create_order("BTC/USDT", "limit", "buy", 0.01, venue.price_to_precision("BTC/USDT", bid))
order["status"]"""
WAIT = """\
while (found := venue.fetch_order(order["id"], "BTC/USDT"))["status"] == "open":
    time.sleep(0.1)
f"{found['status']}: {found['filled']} BTC at {found['average']:,.2f}\""""


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder that a JupyterLab serves, and its address."""
    folder: Path = tmp_path_factory.mktemp("lab")
    with served(folder) as address:
        yield folder, address


@contextmanager
def in_a_terminal(folder: Path, *words: str) -> Iterator[Any]:
    """`workbench venue` in a process of its own, and what it says of itself."""
    own = {"WORKBENCH_DATA": str(folder / "data"), "WORKBENCH_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "workbench", "venue", "--port", "0", "--json", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | own) as process:
        try:
            assert process.stdout is not None
            text = ""
            while True:
                text += process.stdout.readline()
                try:
                    said = json.loads(text)
                    break
                except ValueError:
                    assert process.poll() is None, text
            yield said
        finally:
            process.terminate()


def seen(chromium: Any, address: str, name: str, picture: Path) -> list[str]:
    """The texts of all outputs of a notebook that was run in the browser."""
    page = chromium.new_page(viewport=TALL)
    open_notebook(page, address, name)
    page.wait_for_function(DONE, timeout=300_000)
    outputs = page.evaluate(OUTPUTS)
    page.screenshot(path=picture)
    print(f"\na picture of it: {picture}")  # noqa: T201 - for whoever runs it with -s
    shown = page.evaluate(SHOWN)
    page.close()
    assert [output for output in outputs if output["type"] == "error"] == []
    return [str(text) for text in shown]


SHOWN = """() => [...document.querySelectorAll('.jp-OutputArea-output')].map(output => output.innerText)"""


@pytest.mark.browser
def test_notebook_runs_in_jupyterlab_and_its_order_is_seen_filled(chromium, rooms, tmp_path):
    folder, address = rooms
    shutil.copy(FIFTH, folder)
    texts = seen(chromium, address, FIFTH.name, tmp_path / "fifth.png")
    assert any("closed at " in text for text in texts), texts
    assert any("the venue's ledger says the same" in text for text in texts), texts


@pytest.mark.browser
def test_order_from_a_cell_is_filled_at_a_venue_in_a_terminal(chromium, rooms, tmp_path):
    folder, address = rooms
    subprocess.run([sys.executable, "-m", "workbench", "data", "sample"], check=True, capture_output=True,
                   env=os.environ | {"WORKBENCH_DATA": str(folder / "data"), "PYTHONPATH": str(ROOT)})  # fmt: skip
    replay = ("--replay", "sample", "BTC/USDT", "1m", "--speed", "60")
    with in_a_terminal(folder, *replay) as said:
        write_notebook(folder / "cell.ipynb", ORDER.format(door=said["control"]), WAIT)
        texts = seen(chromium, address, "cell.ipynb", tmp_path / "cell.png")
    assert "'open'" in texts[0] or "'closed'" in texts[0], texts
    assert texts[-1].startswith("'closed: 0.01 BTC at "), texts
