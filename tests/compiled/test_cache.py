"""Kernels on disk: found again, compiled afresh after an edit, and safe from other processes and from full disks."""

from __future__ import annotations

import importlib
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.compiled import is_warm

from .processes import finished, in_new_process, started

module = importlib.import_module("workbench.compiled.cache")

AVERAGE = "import numpy as np, workbench as wb; print(wb.indicators.sma(np.arange(6.0), 3)[-1])"
GET_READY = """
import sys
import numpy as np, workbench as wb
from workbench.compiled.cache import OneFileEach
print("ready", flush=True)
sys.stdin.readline()
"""


def files(cache: Path) -> dict[Path, int]:
    """Files of machine code, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in cache.rglob("*.nbc")}


def test_kernel_is_compiled_once(tmp_path):
    first, _ = in_new_process(AVERAGE, tmp_path)
    kept = files(tmp_path)
    second, said = in_new_process(AVERAGE, tmp_path)
    assert first == second == "4.0\n"
    assert said == ""
    assert kept
    assert files(tmp_path) == kept


def test_backtest_leaves_the_engine_on_disk():
    flat = np.full(40, 100.0)
    candles = wb.Candles.from_arrays(np.arange(40) * 60_000, flat, flat, flat, flat, timeframe="1m")
    wb.backtest(wb.controllers.SmaCross(), candles, audit=False)
    assert is_warm()


def test_of_many_versions_those_that_were_used_last_are_kept(tmp_path):
    for age, name in enumerate(("used", "young", "old", "older", "oldest")):
        (tmp_path / f"kernels-{name}").mkdir()
        os.utime(tmp_path / f"kernels-{name}", (10_000.0 - age, 10_000.0 - age))
    mine, _ = in_new_process("from workbench.compiled.cache import cache_folder; print(cache_folder().name)", tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {mine.strip(), "kernels-used", "kernels-young", "kernels-old"}
    os.utime(tmp_path / mine.strip(), (1.0, 1.0))
    in_new_process("from workbench.compiled.cache import cache_folder; cache_folder()", tmp_path)
    assert (tmp_path / mine.strip()).stat().st_mtime > 10_000.0  # it was taken again


# --- other processes, and places that take nothing --------------------------------------------------------------------


def released(lines: list[str], cache: Path) -> list[str]:
    """What processes print that get ready one after the other, and then go on at once."""
    running = [started(GET_READY + line, cache) for line in lines]
    for process in running:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    return [finished(process)[0] for process in running]


AVERAGE_OF = """
from workbench.indicators import averages
out = np.zeros(6)
averages._sma(np.arange(6).astype({kind!r}), 3, np.empty(4), out)
print(out[-1])
"""


def test_processes_that_compile_at_once_keep_what_each_has_compiled(tmp_path):
    lines = [AVERAGE_OF.format(kind=kind) for kind in ("f8", "f4", "f8", "i8")]
    assert released(lines, tmp_path) == ["4.0\n"] * 4
    kept = files(tmp_path)
    assert len(kept) == 3  # one for each type
    assert released(lines, tmp_path) == ["4.0\n"] * 4
    assert files(tmp_path) == kept


WRITE = """
for number in range(100):
    OneFileEach({folder!r}, "kernel").save(({writer}, number), [{writer}, number] * 1000)
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    released([WRITE.format(folder=str(tmp_path), writer=writer) for writer in range(3)], tmp_path)
    store = module.OneFileEach(str(tmp_path), "kernel")
    assert all(store.load((w, n)) == [w, n] * 1000 for w in range(3) for n in range(100))


WRITE_ON = """
import itertools
for number in itertools.count():
    OneFileEach({folder!r}, "kernel").save(number % 3, [number % 3] * 1_000_000)
    print(number, flush=True)
"""


@pytest.mark.parametrize("files_written", [3, 5, 8])
def test_process_killed_while_it_writes_leaves_whole_files(tmp_path, files_written):
    process = started(GET_READY + WRITE_ON.format(folder=str(tmp_path)), tmp_path)
    process.stdin.write("go\n")
    process.stdin.flush()
    for _ in range(1 + files_written):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    store = module.OneFileEach(str(tmp_path), "kernel")
    assert [store.load(key) for key in range(3)] == [[key] * 1_000_000 for key in range(3)]


@pytest.mark.parametrize("damage", [b"", bytes(1000), None])
def test_damaged_file_is_compiled_and_written_again(tmp_path, damage):
    in_new_process(AVERAGE, tmp_path)
    (kernel,) = files(tmp_path)
    whole = kernel.read_bytes()
    kernel.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert in_new_process(AVERAGE, tmp_path)[0] == "4.0\n"
    assert len(kernel.read_bytes()) > len(whole) // 2


def test_kernels_run_where_nothing_can_be_kept(tmp_path):
    (tmp_path / "file").touch()
    printed, said = in_new_process(AVERAGE, tmp_path / "file" / "cache")
    assert printed == "4.0\n"
    assert "for this process only: set WORKBENCH_CACHE" in said


# --- edits -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two sources, in place of ours."""
    (tmp_path / "trading").mkdir()
    (tmp_path / "settings.py").write_text("one")
    (tmp_path / "trading" / "ledger.py").write_text("two")
    monkeypatch.setattr(module, "PACKAGE", tmp_path)
    monkeypatch.setattr(module, "KERNEL_ROOMS", ("settings.py", "trading"))
    yield tmp_path
    module.kernel_hash.cache_clear()


def hash_of_sources() -> str:
    module.kernel_hash.cache_clear()
    return module.kernel_hash()


@pytest.mark.parametrize(
    ("file", "text"), [("settings.py", "ONE"), ("trading/ledger.py", "TWO"), ("trading/new.py", "")]
)
def test_edit_of_any_source_asks_for_new_kernels(package, file, text):
    before = hash_of_sources()
    assert hash_of_sources() == before
    (package / file).write_text(text)
    assert hash_of_sources() != before


def test_oldest_kernels_are_forgotten(tmp_path):
    folders = [tmp_path / f"kernels-{age}" for age in range(6)]
    for age, folder in enumerate(folders):
        folder.mkdir()
        os.utime(folder, (age, age))
    module._forget_old(tmp_path, folders[0])
    assert sorted(tmp_path.iterdir()) == [folders[0], *folders[3:]]
