"""The one Numba decorator, and the cache that notices an edit in any kernel.

Numba's own disk cache looks at the file of the function that it loads and at nothing else, so a kernel that inlines
another one goes on running yesterday's code. Here every compiled function of the package lives in a cache folder named
after a hash of *all* kernel sources: one edit anywhere, and everything that could have inlined it is compiled afresh.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, overload

import numba
from numba.core import config as numba_config

PACKAGE = Path(__file__).parent
KERNEL_ROOMS = ("compiled.py", "market", "indicators", "trading", "metrics", "backtest", "controllers")
KEPT_CACHES = 3


@functools.cache
def kernel_hash() -> str:
    """Sixteen hex digits over every source file that may hold a kernel, and over what compiles them."""
    digest = hashlib.sha256(f"{sys.version}|{numba.__version__}|{numba_config.CPU_NAME}".encode())
    for room in KERNEL_ROOMS:
        place = PACKAGE / room
        for source in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(source.relative_to(PACKAGE).as_posix().encode())
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def cache_folder() -> Path:
    """Where compiled kernels are kept: `WORKBENCH_CACHE`, or the user's cache folder."""
    root = Path(os.environ.get("WORKBENCH_CACHE") or Path.home() / ".cache" / "workbench")
    folder = root / f"kernels-{kernel_hash()}"
    folder.mkdir(parents=True, exist_ok=True)
    _forget_old(root, folder)
    return folder


def is_warm() -> bool:
    """Has this version of the kernels been compiled on this machine before?"""
    return any(cache_folder().rglob("*.nbi"))


def _forget_old(root: Path, current: Path) -> None:
    others = sorted((p for p in root.glob("kernels-*") if p != current), key=lambda p: p.stat().st_mtime)
    for folder in others[: max(0, len(others) - KEPT_CACHES)]:
        shutil.rmtree(folder, ignore_errors=True)


@overload
def compiled(function: Callable[..., Any]) -> Any: ...
@overload
def compiled(*, signature: Any = None, part: bool = False, inline: bool = False) -> Callable[[Callable[..., Any]], Any]: ...
def compiled(function: Callable[..., Any] | None = None, *, signature: Any = None, part: bool = False, inline: bool = False) -> Any:
    """Compile a function with Numba, the way every kernel here is compiled.

    The global interpreter lock is released, divisions follow IEEE rules, and `fastmath` stays off, so that a compiled
    loop and a single call give the same bits. Functions of the package are cached on disk; a function written in a
    notebook compiles in about a tenth of a second and is not. Debug the plain function as `name.py_func(...)`.

    Parameters
    ----------
    signature
        Compile at once for these Numba types, instead of at the first call for the types seen there.
    part
        Only other kernels call it: it gets no entry for Python and no cache file of its own, and compiles a fifth faster.
    inline
        Merge the body into its callers before type inference; for leaf functions of a line or two.
    """
    if function is None:
        return lambda f: compiled_with(f, signature, part, inline)
    return compiled_with(function, signature, part, inline)


def compiled_pointer(function: Callable[..., Any], signature: Any) -> Any:
    """A function of the package as a pointer with a C signature, cached on disk like the kernels."""
    before = numba_config.CACHE_DIR
    numba_config.CACHE_DIR = str(cache_folder())
    try:
        return numba.cfunc(signature, cache=True)(function)
    finally:
        numba_config.CACHE_DIR = before


def compiled_with(function: Callable[..., Any], signature: Any, part: bool, inline: bool) -> Any:
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "inline": "always" if inline else "never"}
    if part:
        return numba.njit(**options, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    options["cache"] = function.__module__.split(".")[0] == __package__
    before = numba_config.CACHE_DIR
    numba_config.CACHE_DIR = str(cache_folder()) if options["cache"] else before
    try:
        return numba.njit(signature, **options)(function) if signature is not None else numba.njit(**options)(function)
    finally:
        numba_config.CACHE_DIR = before
