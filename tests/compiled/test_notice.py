"""What is said while kernels are compiled: enough that nobody thinks it hangs, and nothing that looks like an error."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys

import nbformat
from nbclient import NotebookClient

from .processes import in_new_process

AVERAGE = "import numpy as np, workbench as wb; print(wb.indicators.sma(np.arange(6.0), 3)[-1])"
TWO_KERNELS = f"{AVERAGE}; wb.indicators.wma(np.arange(6.0), 3)"  # and a part
FINAL = r"workbench: compiled {functions} functions in \d+ s, once for this version and machine\."


def test_pipe_gets_one_sentence(tmp_path):
    _, said = in_new_process(TWO_KERNELS, tmp_path)
    assert said == "workbench: compiling, once for this version and machine. A first backtest takes about 15 s.\n"


def test_nothing_is_said_once_the_engine_has_been_compiled(tmp_path):
    engine = (
        "from workbench.compiled.cache import ENGINE, cache_folder; file = cache_folder() / ENGINE.replace('*', '1')"
    )
    compiled = f"{engine}; file.parent.mkdir(); file.touch(); {AVERAGE}"
    assert in_new_process(compiled, tmp_path) == ("4.0\n", "")


def all_of(terminal: int) -> str:
    """What was drawn on a terminal that nobody has open at its other end any more."""
    drawn = b""
    with contextlib.suppress(OSError):  # which is how Linux says that it was all
        while more := os.read(terminal, 10_000):
            drawn += more
    os.close(terminal)
    return drawn.decode()


def test_terminal_shows_progress_and_ends_with_an_empty_line(tmp_path):
    ours, theirs = pty.openpty()
    settings = {**os.environ, "WORKBENCH_CACHE": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-c", TWO_KERNELS], stderr=theirs, stdout=subprocess.DEVNULL, check=True, env=settings
    )
    os.close(theirs)
    drawn = all_of(ours).split("\r")
    assert "workbench: compiling, once for this version and machine: 0 functions, 0 s" in drawn
    assert drawn[-1] == ""
    assert drawn[-2].strip() == ""
    assert not any("\n" in text for text in drawn)


def test_notebook_shows_it_in_the_cell_and_not_as_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    cells = [nbformat.v4.new_code_cell(line) for line in (TWO_KERNELS, "wb.indicators.ema(np.arange(6.0), 3)")]
    done = NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=120).execute()
    for number, cell in enumerate(done.cells):
        (shown,) = [one["data"] for one in cell.outputs if one["output_type"] == "display_data"]
        assert list(shown) == ["text/plain"]
        assert re.fullmatch(FINAL.format(functions=3 + number), shown["text/plain"])
        assert not any(one.get("name") == "stderr" for one in cell.outputs)
