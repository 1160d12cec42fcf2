"""The one Numba decorator, and the cache that notices an edit in any kernel.

Numba's own disk cache looks at the file of the function that it loads and at nothing else, so a kernel that
inlines another one goes on running yesterday's code. Here every compiled function of the package lives in a
cache folder named after a hash of *all* kernel sources: one edit anywhere, and everything that could have
inlined it is compiled afresh.
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
from numba.core import caching, sigutils
from numba.core import config as numba_config
from numba.core.ccallback import CFunc
from numba.core.types.misc import unliteral

PACKAGE = Path(__file__).parent
KERNEL_ROOMS = ("compiled.py", "market", "indicators", "trading", "metrics", "backtest", "controllers")
KEPT_CACHES = 3
ENGINE = "workbench.backtest.loop/loop.run-*.nbi"
OPTIONS = {"nogil": True, "error_model": "numpy"}


@overload
def compiled(function: Callable[..., Any]) -> Any: ...
@overload
def compiled(
    *, signature: Any = None, part: bool = False, leaf: bool = False, inline: bool = False
) -> Callable[[Callable[..., Any]], Any]: ...
def compiled(
    function: Callable[..., Any] | None = None,
    *,
    signature: Any = None,
    part: bool = False,
    leaf: bool = False,
    inline: bool = False,
) -> Any:
    """Compile a function with Numba, the way every kernel here is compiled.

    The global interpreter lock is released, divisions follow IEEE rules, and `fastmath` stays off, so that a
    compiled loop and a single call give the same bits. Functions of the package are cached on disk; one that is
    written in a notebook compiles in about a tenth of a second and is not. Debug the plain function as
    `name.py_func(...)`.

    Parameters
    ----------
    signature
        Compile at once for these Numba types, instead of at the first call for the types seen there.
    part
        Only other kernels call it: it gets no entry for Python and no cache file of its own, and compiles a
        fifth faster.
    leaf
        A part so small that calling it would cost more than what it does: its machine code goes into its callers'.
    inline
        Merge the body into its callers before type inference; for functions of a line or two that take arrays.
    """
    if function is None:
        return lambda f: compiled_with(f, signature, part, leaf, inline)
    return compiled_with(function, signature, part, leaf, inline)


def compiled_with(function: Callable[..., Any], signature: Any, part: bool, leaf: bool, inline: bool) -> Any:
    options: dict[str, Any] = {**OPTIONS, "inline": "always" if inline else "never", "forceinline": leaf}
    if part or leaf:
        return for_any_value(numba.njit(**options, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))
    dispatcher = for_any_value(numba.njit(**options)(function))
    dispatcher._cache = cache_of(function)
    if signature is not None:
        dispatcher.compile(signature)
    return dispatcher


def for_any_value(dispatcher: Any) -> Any:
    """Numba compiles a function anew for each constant that a kernel hands it; once for all values is enough."""
    if dispatcher.targetoptions["inline"] == "always":
        return dispatcher
    find = dispatcher.get_call_template

    def find_for_types(args: Any, kws: Any) -> Any:
        return find(tuple(map(unliteral, args)), {name: unliteral(one) for name, one in dict(kws).items()})

    dispatcher.get_call_template = find_for_types
    return dispatcher


def compiled_pointer(function: Callable[..., Any], signature: Any) -> Any:
    """A function as a pointer with a C signature, compiled and cached as `compiled` does it.

    The engine takes it as a first-class function, and is not compiled again for each one.
    """
    arguments = sigutils.normalize_signature(signature)
    pointer: Any = CFunc(function, arguments, locals={}, options={"error_model": "numpy"})
    pointer._cache = cache_of(function)
    pointer.compile()
    return pointer


def is_warm() -> bool:
    """Has this version of the engine, by far the largest kernel, been compiled on this machine before?"""
    return any(cache_folder().glob(ENGINE))


@functools.cache
def cache_folder() -> Path:
    """Where compiled kernels are kept: `WORKBENCH_CACHE`, or the user's cache folder."""
    root = Path(os.environ.get("WORKBENCH_CACHE") or Path.home() / ".cache" / "workbench")
    folder = root / f"kernels-{kernel_hash()}"
    folder.mkdir(parents=True, exist_ok=True)
    _forget_old(root, folder)
    return folder


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


def _forget_old(root: Path, current: Path) -> None:
    others = sorted((p for p in root.glob("kernels-*") if p != current), key=lambda p: p.stat().st_mtime)
    for folder in others[: max(0, len(others) - KEPT_CACHES)]:
        shutil.rmtree(folder, ignore_errors=True)


class KernelFile(caching._CacheLocator):
    """Where the machine code of a kernel lies. The folder stands for all sources."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> KernelFile:
        return cls(py_func)

    def get_cache_path(self) -> str:
        return str(cache_folder() / self.function.__module__)

    def ensure_cache_path(self) -> None:
        Path(self.get_cache_path()).mkdir(parents=True, exist_ok=True)

    def get_source_stamp(self) -> str:
        return ""

    def get_disambiguator(self) -> str:
        return str(self.function.__code__.co_firstlineno)


class KernelFiles(caching.CompileResultCacheImpl):
    _locator_classes = (KernelFile,)


class KernelCache(caching.FunctionCache):
    """The disk cache of a function of the package."""

    _impl_class = KernelFiles

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        load_numba()
        found = super().load_overload(sig, target_context)
        if found is None:
            announce_compiling()
        return found


class NoCache(caching.NullCache):
    """A function written in a notebook is compiled in each process."""

    def load_overload(self, sig: Any, target_context: Any) -> None:
        load_numba()


def cache_of(function: Callable[..., Any]) -> KernelCache | NoCache:
    """The cache that a function is looked up in before it is compiled."""
    return KernelCache(function) if function.__module__.split(".")[0] == __package__ else NoCache()


@functools.cache
def announce_compiling() -> None:
    """Say on stderr, once a process, why a first backtest takes its time; nothing if there was one before."""
    if not is_warm():
        sys.stderr.write(
            "workbench: compiling, once for this version and machine. A first backtest takes about 20 s.\n"
        )
        sys.stderr.flush()


def load_numba() -> None:
    """Load what Numba loads before its first function, but for `scipy.linalg`: half of the time, for nothing.

    Numba imports it then to see whether there is a BLAS. Each function that needs one looks again when it is
    compiled, so the early look is answered by whether SciPy is there at all.
    """
    if "numba.np.arraymath" in sys.modules or "scipy" not in sys.modules:
        return
    from numba.np import linalg

    look = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        from numba.np import arraymath

        arraymath.ensure_blas = look
    finally:
        linalg.ensure_blas = look
