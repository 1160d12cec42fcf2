"""The one Numba decorator: what it compiles, where it keeps it, what it says, and what it leaves alone."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import types

import workbench as wb
from workbench.compiled import compiled, compiled_pointer

module = importlib.import_module("workbench.compiled")


def in_new_process(code: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run lines of Python in a process of its own, with kernels of its own."""
    settings = {**os.environ, "WORKBENCH_CACHE": str(cache)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=settings)


LINEAR_ALGEBRA = """
import sys
import numba, numpy as np, workbench as wb

@wb.compiled
def twice(x):
    return 2.0 * x

print(twice(1.5), "scipy.linalg" in sys.modules)

@numba.njit
def solve(a, b):
    return np.linalg.solve(a, b), np.linalg.eigh(a)[0], np.dot(a, b), np.correlate(b, b), np.linalg.svd(a)[1]

a, b = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([1.0, 2.0])
same = [np.allclose(*pair) for pair in zip(solve(a, b), solve.py_func(a, b))]
print(all(same), "scipy.linalg" in sys.modules)

from numba.np import arraymath, linalg
print(arraymath.ensure_blas is linalg.ensure_blas, linalg.ensure_blas.__module__)
"""


def test_first_kernel_loads_no_linear_algebra_and_a_user_can_still_have_it(tmp_path):
    printed = in_new_process(LINEAR_ALGEBRA, tmp_path).stdout.splitlines()
    assert printed == ["3.0 False", "True True", "True numba.np.linalg"]


def test_numba_that_has_been_used_before_is_left_alone(tmp_path):
    code = """
import numba, numpy as np
numba.njit(lambda x: x + 1)(1)
from numba.np import arraymath
before = arraymath.ensure_blas
import workbench as wb
wb.compiled(lambda x: x + 1)(1)
print(arraymath.ensure_blas is before)
"""
    assert in_new_process(code, tmp_path).stdout == "True\n"


AVERAGE = "import numpy as np, workbench as wb; print(wb.indicators.sma(np.arange(6.0), 3)[-1])"


def test_kernel_is_compiled_once_and_said_to_be(tmp_path):
    first = in_new_process(AVERAGE, tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")}
    second = in_new_process(AVERAGE, tmp_path)
    assert first.stdout == second.stdout == "4.0\n"
    assert first.stderr.count("compiling") == 1
    assert second.stderr == ""
    assert kept
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")} == kept


def test_nothing_is_announced_once_the_engine_has_been_compiled(monkeypatch, capsys):
    module.announce_compiling.cache_clear()
    monkeypatch.setattr(module, "is_warm", lambda: True)
    module.announce_compiling()
    assert capsys.readouterr().err == ""
    module.announce_compiling.cache_clear()


def test_backtest_leaves_the_engine_on_disk():
    flat = np.full(40, 100.0)
    candles = wb.Candles.from_arrays(np.arange(40) * 60_000, flat, flat, flat, flat, timeframe="1m")
    wb.backtest(wb.controllers.SmaCross(), candles, audit=False)
    assert module.is_warm()


def test_division_follows_ieee_in_a_function_and_in_a_pointer():
    def divide(a, b):
        return a / b

    signature = types.float64(types.float64, types.float64)
    assert compiled(divide)(1.0, 0.0) == np.inf
    assert compiled_pointer(divide, signature).ctypes(-1.0, 0.0) == -np.inf


@pytest.mark.parametrize("part", [False, True])
def test_constants_do_not_compile_a_function_twice(part):
    @compiled(part=part)
    def shifted(x, step, up):
        return x + step if up else x - step

    @compiled
    def caller(x, step, up):
        return shifted(x, 1, True) + shifted(x, 2, up=False) + shifted(x, step, up)

    assert caller(10.0, 3, True) == 11.0 + 8.0 + 13.0
    assert len(shifted.overloads) == 1


def test_signature_compiles_at_once():
    function = compiled(signature=types.float64(types.float64))(lambda x: x + 1.0)
    assert len(function.overloads) == 1
    assert function(1) == 2.0


def test_function_of_a_notebook_leaves_nothing_on_disk():
    function = compiled(lambda x: x + 1)
    assert function(1) == 2
    assert function.stats.cache_path is None


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two sources, in place of ours."""
    (tmp_path / "trading").mkdir()
    (tmp_path / "compiled.py").write_text("one")
    (tmp_path / "trading" / "ledger.py").write_text("two")
    monkeypatch.setattr(module, "PACKAGE", tmp_path)
    monkeypatch.setattr(module, "KERNEL_ROOMS", ("compiled.py", "trading"))
    yield tmp_path
    module.kernel_hash.cache_clear()


def hash_of_sources() -> str:
    module.kernel_hash.cache_clear()
    return module.kernel_hash()


@pytest.mark.parametrize(
    ("file", "text"), [("compiled.py", "ONE"), ("trading/ledger.py", "TWO"), ("trading/new.py", "")]
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
