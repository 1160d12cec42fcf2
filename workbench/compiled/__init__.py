"""The one Numba decorator, how kernels are compiled within kernels, and the cache that notices an edit in any of them.

Inside: `decorator`; `parts`, which compiles what only other kernels call; `cache`, the files; `pointer`, calls by
address; `scratch`, records in registers; `notice`, what is said meanwhile.
"""

from workbench.compiled.cache import KERNEL_ROOMS, cache_folder, is_warm, kernel_hash
from workbench.compiled.decorator import compiled, compiled_around, compiled_pointer, in_place_of, part_of
from workbench.compiled.pause import no_garbage
from workbench.compiled.pointer import call_address
from workbench.compiled.scratch import scratch, seen_as

__all__ = [
    "KERNEL_ROOMS",
    "cache_folder",
    "call_address",
    "compiled",
    "compiled_around",
    "compiled_pointer",
    "in_place_of",
    "is_warm",
    "kernel_hash",
    "no_garbage",
    "part_of",
    "scratch",
    "seen_as",
]
