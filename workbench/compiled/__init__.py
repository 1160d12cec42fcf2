"""The one Numba decorator, how kernels are compiled within kernels, and the cache that notices an edit in any of them.

Inside: `decorator`; `parts`, which compiles what only other kernels call; `cache`, the files; `notice`, what is said
meanwhile.
"""

from workbench.compiled.cache import KERNEL_ROOMS, cache_folder, is_warm, kernel_hash
from workbench.compiled.decorator import compiled, compiled_pointer, in_place_of

__all__ = ["KERNEL_ROOMS", "cache_folder", "compiled", "compiled_pointer", "in_place_of", "is_warm", "kernel_hash"]
