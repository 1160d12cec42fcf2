"""Where compiled kernels are kept on disk, so that an edit is noticed and processes do not get in each other's way.

Numba's own disk cache looks at the file of the function that it loads and at nothing else, so a kernel that
inlines another one goes on running yesterday's code. Here every compiled function of the package lives in a
cache folder named after a hash of *all* kernel sources: one edit anywhere, and everything that could have
inlined it is compiled afresh.

Numba keeps an index beside its files, in which two processes that write at once give one name to two things. Here a
file is named after what is in it, written whole, then renamed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import caching
from numba.core import config as numba_config
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

PACKAGE = Path(__file__).parents[1]
KERNEL_ROOMS = ("compiled", "market", "indicators", "trading", "metrics", "backtest", "controllers", "research")
KEPT_CACHES = 3
ENGINE = "workbench.backtest.loop/loop.run-*.nbc"


def is_warm() -> bool:
    """Has this version of the engine, by far the largest kernel, been compiled on this machine before?"""
    return any(cache_folder().glob(ENGINE))


@functools.cache
def cache_folder() -> Path:
    """Where compiled kernels are kept: `WORKBENCH_CACHE`, or the user's cache folder. It may not be writable."""
    root = Path(os.environ.get("WORKBENCH_CACHE") or Path.home() / ".cache" / "workbench")
    folder = root / f"kernels-{kernel_hash()}"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)  # those that are used last are kept
        _forget_old(root, folder)
    return folder


@functools.cache
def can_keep() -> bool:
    """Can kernels be written down? Tried, not asked: permission bits do not tell the whole story."""
    try:
        with tempfile.TemporaryFile(dir=cache_folder()):
            return True
    except OSError:
        return False


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


class OneFileEach:
    """The files of one kernel: one for each key, that is for types of arguments and a processor."""

    def __init__(self, folder: str, name: str) -> None:
        self.folder, self.name = Path(folder), name

    def file(self, key: Any) -> Path:
        return self.folder / f"{self.name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:20]}.nbc"

    def load(self, key: Any) -> Any:
        """What was saved, or None; a file that cannot be read is as good as none."""
        try:
            return pickle.loads(self.file(key).read_bytes())
        except (OSError, EOFError, pickle.UnpicklingError):
            return None

    def save(self, key: Any, data: Any) -> None:
        """Write a file whole, then give it its name."""
        file = self.file(key)
        handle, part = tempfile.mkstemp(dir=self.folder, prefix=f".{self.name}-", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(dumps(data))
            os.replace(part, file)
        except OSError:
            Path(part).unlink(missing_ok=True)
            raise


class KernelCache(caching.FunctionCache):
    """The disk cache of a function of the package."""

    _impl_class = KernelFiles

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = OneFileEach(self._cache_path, self._impl.filename_base)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """A kernel from its file, with nothing loaded but what runs it: the compiler's own modules take 0.2 s."""
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            found = self._load_overload(sig, target_context)
        if found is None:
            load_numba()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a kernel, if there is a place for it; the notice says when there is none."""
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


class NoCache(caching.NullCache):
    """A function written in a notebook is compiled in each process."""

    def load_overload(self, sig: Any, target_context: Any) -> None:
        load_numba()


def cache_of(function: Callable[..., Any]) -> KernelCache | NoCache:
    """The cache that a function is looked up in before it is compiled."""
    return KernelCache(function) if function.__module__.split(".")[0] == PACKAGE.name else NoCache()


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
