"""The one Numba decorator: what it compiles, how often, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from numba import types

from workbench.compiled import compiled, compiled_pointer

from .processes import in_new_process

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
    printed, _ = in_new_process(LINEAR_ALGEBRA, tmp_path)
    assert printed.splitlines() == ["3.0 False", "True True", "True numba.np.linalg"]


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
    assert in_new_process(code, tmp_path)[0] == "True\n"


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
