"""A real JupyterLab on loopback with a notebook in a headless browser.

Folders whose tests use it import `chromium` into their conftest.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
OPENED = """name => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return panel?.sessionContext && panel.context?.path === name;
}"""
READY = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.context.ready; await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
  window.jupyterapp.commands.execute('notebook:run-all-cells');
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless browser; tests that need it are skipped where there is none."""
    if not CHROMIUM.exists():
        pytest.skip(f"needs a Chromium at {CHROMIUM}")
    with browser() as shown:
        yield shown


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        shown = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            yield shown
        finally:
            shown.close()


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """JupyterLab over a folder, whose kernels have a store of their own in it; yields its address."""
    settings = folder / ".settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    with reserved_port() as port:
        yield from serve(folder, port)


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A port that nobody else is given meanwhile: it is bound and not listened to, so a server may share it."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def serve(folder: Path, port: int) -> Iterator[str]:
    """The server's process, as long as somebody wants it."""
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--port-retries=0",
               "--IdentityProvider.token=test", "--LabApp.expose_app_in_browser=True",
               f"--ServerApp.root_dir={folder}"]  # fmt: skip
    own = {"JUPYTERLAB_SETTINGS_DIR": folder / ".settings", "PYTHONPATH": ROOT,
           "WORKBENCH_DATA": folder / "data", "WORKBENCH_HOME": folder / "home"}  # fmt: skip
    environment = os.environ | {name: str(path) for name, path in own.items()}
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            await_answer(f"http://127.0.0.1:{port}/api/status?token=test", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def await_answer(address: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until it answers, as long as it lives; a test has a timeout of its own."""
    while True:
        try:
            urllib.request.urlopen(address).close()
            return
        except (urllib.error.URLError, ConnectionError):
            if server.poll() is not None:
                raise
            time.sleep(0.2)


def open_notebook(page: Any, address: str, name: str) -> None:
    """Open a notebook, wait for its kernel, and run all of it; a page waits as long as its test may."""
    page.set_default_timeout(0)
    page.goto(f"{address}/lab/tree/{name}?token=test&reset")
    page.wait_for_function(OPENED, arg=name)  # and not one that an earlier page had open
    page.evaluate(READY)


def write_notebook(path: Path, *cells: str) -> None:
    made = [{"cell_type": "code", "metadata": {}, "source": cell, "outputs": [], "execution_count": None, "id": f"c{n}"}
            for n, cell in enumerate(cells)]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
