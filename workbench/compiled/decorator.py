"""`compiled`: a Python function as a kernel, for Python to call and for other kernels."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, overload

import numba
from numba import types
from numba.core import sigutils
from numba.core.ccallback import CFunc
from numba.core.types import Record
from numba.core.types.misc import unliteral

from workbench.compiled.cache import cache_of
from workbench.compiled.parts import ApartCompiler, EntryCompiler, PartCompiler, is_inside_kernel
from workbench.compiled.pause import hold_no_events, no_garbage

hold_no_events()
OPTIONS = {"nogil": True, "error_model": "numpy"}
NO_ENTRY = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


@overload
def compiled(function: Callable[..., Any]) -> Any: ...
@overload
def compiled(
    *, signature: Any = None, part: bool = False, apart: bool = False, leaf: bool = False, inline: bool = False
) -> Callable[[Callable[..., Any]], Any]: ...
def compiled(
    function: Callable[..., Any] | None = None,
    *,
    signature: Any = None,
    part: bool = False,
    apart: bool = False,
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
        Only other kernels call it: it gets no entry for Python and no cache file of its own.
    apart
        A part whose machine code never goes into its callers': a loop that wants all registers for itself.
    leaf
        A part whose machine code goes into its callers': one that is small, or has a single caller.
    inline
        Merge the body into its callers before type inference; for functions of a line or two that take arrays.
    """
    if function is None:
        return lambda f: compiled_with(f, signature, part, apart, leaf, inline)
    return compiled_with(function, signature, part, apart, leaf, inline)


def compiled_with(
    function: Callable[..., Any], signature: Any, part: bool, apart: bool, leaf: bool, inline: bool
) -> Any:
    options: dict[str, Any] = {**OPTIONS, "inline": "always" if inline else "never", "forceinline": leaf}
    if part or apart or leaf:
        return as_part(function, options, ApartCompiler if apart else PartCompiler)
    dispatcher = for_any_value(numba.njit(**options, pipeline_class=EntryCompiler)(function))
    dispatcher._cache = cache_of(function)
    if not inline:
        be_part_of_kernels(dispatcher, functools.cache(lambda: as_part(function, options)))
    if signature is not None:
        dispatcher.compile(signature)
    return dispatcher


def as_part(function: Callable[..., Any], options: dict[str, Any], compiler: type[PartCompiler] = PartCompiler) -> Any:
    return for_any_value(numba.njit(**options, **NO_ENTRY, pipeline_class=compiler)(function))


def for_any_value(dispatcher: Any) -> Any:
    """Numba compiles a function anew for each constant and each width of integer; once for all values is enough."""
    if dispatcher.targetoptions["inline"] == "always":
        return dispatcher
    find = dispatcher.get_call_template

    def find_for_types(args: Any, kws: Any) -> Any:
        found = find(tuple(map(widened, args)), {name: widened(one) for name, one in dict(kws).items()})
        template, given = found[0], tuple(found[2])
        # Numba offers all that it has compiled and that might do: a record that begins like another would do for it.
        template.cases = [one for one in template.cases if one.args == given] or template.cases
        return found

    dispatcher.get_call_template = find_for_types
    return dispatcher


def widened(argument: Any) -> Any:
    """The type that stands for a type: an integer of a record's field, whatever its width, is handed on as int64."""
    plain = unliteral(argument)
    return types.int64 if isinstance(plain, types.Integer) and plain.bitwidth < 64 else plain


def be_part_of_kernels(dispatcher: Any, part: Callable[[], Any]) -> None:
    """Let other kernels of the package take a function in as a part; Python and notebooks go on using its entry."""
    find, overload = dispatcher.get_call_template, dispatcher.get_overload

    def find_part(args: Any, kws: Any) -> Any:
        return part().get_call_template(args, kws) if is_inside_kernel() else find(args, kws)

    def overload_of_part(args: Any) -> Any:
        wanted = sigutils.normalize_signature(args)[0]
        return (part().get_overload if tuple(wanted) in part().overloads else overload)(args)

    dispatcher.get_call_template, dispatcher.get_overload = find_part, overload_of_part


def part_of(function: Callable[..., Any]) -> Any:
    """A user's function as a part whose code goes into its caller's. Beyond the end of an array is an IndexError."""
    return as_part(function, {**OPTIONS, "inline": "never", "forceinline": True, "boundscheck": True})


def compiled_around(function: Callable[..., Any]) -> Any:
    """A function of the package as a kernel around a part that is a user's, which it closes over: it is not cached."""
    return for_any_value(numba.njit(**OPTIONS, inline="never", pipeline_class=EntryCompiler)(function))


def in_place_of(plain: Any, *, field: str = "purses") -> Callable[[Any], Any]:
    """Let kernels call another part under a plain one's name, where their first argument is a record with `field`.

    So a world that has more is stepped by more code, and one that has not is compiled without it.
    """

    def register(other: Any) -> Any:
        find, overload = plain.get_call_template, plain.get_overload

        def chosen(args: Any) -> bool:
            return bool(args) and isinstance(args[0], Record) and field in args[0].fields

        def find_either(args: Any, kws: Any) -> Any:
            return (other.get_call_template if chosen(args) else find)(args, kws)

        def overload_of_either(signature: Any) -> Any:
            args = sigutils.normalize_signature(signature)[0]
            return (other.get_overload if chosen(args) else overload)(signature)

        plain.get_call_template, plain.get_overload = find_either, overload_of_either
        return other

    return register


def compiled_pointer(function: Callable[..., Any], signature: Any) -> Any:
    """A function as a pointer with a C signature, compiled and cached as `compiled` does it.

    The engine takes it as a first-class function, and is not compiled again for each one.
    """
    # Numba knows the type of a pointer once this is loaded. It does that itself only when it compiles something, and
    # with all in the cache nothing is compiled.
    importlib.import_module("numba.experimental.function_type")
    arguments = sigutils.normalize_signature(signature)
    pointer: Any = CFunc(function, arguments, locals={}, options={"error_model": "numpy"}, pipeline_class=EntryCompiler)
    pointer._cache = cache_of(function)
    with no_garbage():
        pointer.compile()
    return pointer
