"""Kernels within kernels: one machine code for the whole, the same results, and entries that still work alone."""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np
import pytest
from numba import types

from workbench.compiled import compiled, compiled_pointer

from .processes import in_new_process

SUMS = """
from workbench.compiled import compiled

@compiled
def one(x):
    print("one", x)
    return x + 1.0

@compiled
def two(x):
    return one(x) + one(2.0 * x)

@compiled
def three(x):
    return two(x) + one(x)
"""
AS_A_MODULE_OF_THE_PACKAGE = """
import importlib.util, sys
import workbench as wb

spec = importlib.util.spec_from_file_location("workbench.sums", {file!r})
sums = sys.modules["workbench.sums"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sums)
"""


def printed_with_sums(lines: str, folder: Path) -> list[str]:
    """What lines of Python print in a process where the package has a module `sums`."""
    file = folder / "sums.py"
    file.write_text(SUMS)
    printed, _ = in_new_process(AS_A_MODULE_OF_THE_PACKAGE.format(file=str(file)) + lines, folder / "kernels")
    return printed.splitlines()


def test_only_the_kernel_that_python_calls_gets_machine_code(tmp_path):
    lines = "print(sums.three(1.0)); print(len(sums.one.overloads), len(sums.two.overloads))"
    fresh = printed_with_sums(lines, tmp_path)
    assert fresh == ["one 1.0", "one 2.0", "one 1.0", "7.0", "0 0"]
    assert [file.name.split("-")[0] for file in (tmp_path / "kernels").rglob("*.nbc")] == ["sums.three"]
    assert printed_with_sums(lines, tmp_path) == fresh  # from the disk, and still able to print


def test_part_of_one_kernel_is_an_entry_and_a_part_of_the_next(tmp_path):
    lines = "print(sums.two(1.0)); print(sums.one(1.0)); print(sums.three(1.0)); print(sums.two(1.0))"
    assert [s for s in printed_with_sums(lines, tmp_path) if "one" not in s] == ["5.0", "2.0", "7.0", "5.0"]


def test_function_of_a_notebook_takes_in_the_kernel_that_is_on_disk(tmp_path):
    lines = """

two = sums.two
mine = wb.compiled(lambda x: two(x) - 1.0)
print(mine(1.0), sum(two.stats.cache_hits.values()))
"""
    assert printed_with_sums(lines, tmp_path)[-1] == "4.0 0"
    assert printed_with_sums(lines, tmp_path)[-1] == "4.0 1"


def test_part_prints_and_raises_whoever_calls_it(capfd):
    @compiled(part=True)
    def root_of(x):
        if x < 0.0:
            raise ValueError("below zero")
        print("root of", x)  # noqa: T201 - from a kernel
        return np.sqrt(x)

    foreign = numba.njit(lambda x: root_of(x) + 1.0)
    ours = compiled(lambda x: root_of(x) + 2.0)
    pointer = compiled_pointer(lambda x: root_of(x) + 3.0, types.float64(types.float64))
    assert (foreign(4.0), ours(4.0), pointer.ctypes(4.0)) == (3.0, 4.0, 5.0)
    for function in (foreign, ours):
        with pytest.raises(ValueError, match="below zero"):
            function(-1.0)
    assert capfd.readouterr().out == 3 * "root of 4.0\n"
