"""Compiling kernels that call kernels: every function once as intermediate code, machine code for the whole alone.

Numba optimises each function, turns it into machine code, and does both again for each function that takes it in: half
of the time that a first backtest took. Here a function that a kernel calls stays as it left the front end, until the
kernel that Python calls has it all; that is optimised and turned into machine code, once.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

from workbench.compiled.notice import progress
from workbench.compiled.pause import no_garbage

PACKAGE = __name__.split(".")[0]
ENVIRONMENT = "_ZN08NumbaEnv"  # where a function looks up the Python objects that it prints or raises

_entries: list[str] = []  # modules of the functions that are being compiled for Python, the innermost last


def is_inside_kernel() -> bool:
    """Is it a kernel of the package, and not a function of a notebook, that is being compiled?"""
    return bool(_entries) and _entries[-1] == PACKAGE


class PartLibrary(JITCodeLibrary):
    """Intermediate code of a function and of all that it calls, to be linked into others; it has no machine code."""

    apart = False

    def finalize(self) -> None:
        """Say of a function that is to stay apart that its callers must not take it in."""
        if self.apart:
            for function in self._final_module.functions:
                if not function.is_declaration:
                    function.add_function_attribute("noinline")
        super().finalize()

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        """Give each function's environment its place in memory, which machine code would bring along."""
        engine = self._codegen._engine
        names = [variable.name for variable in self._final_module.global_variables]
        new = [name for name in names if name.startswith(ENVIRONMENT) and not engine.is_symbol_defined(name)]
        if new:
            places = llvm.parse_assembly("\n".join(f"@{name} = common global i8* null" for name in new))
            places.triple, places.data_layout = self._final_module.triple, self._codegen._data_layout
            engine.add_module(places)
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Null: there is nothing that Python could call."""
        self._ensure_finalized()
        return 0


class EntryLibrary(JITCodeLibrary):
    """The code of a function that Python calls, and of its parts, which nobody else sees."""

    def _optimize_final_module(self) -> None:
        own = set(self._own)
        for function in self._final_module.functions:
            if not function.is_declaration and function.name not in own:
                function.linkage = "internal"
        super()._optimize_final_module()

    def finalize(self) -> None:
        """Note what is its own before its parts are linked in."""
        self._own = [function.name for function in self._final_module.functions if not function.is_declaration]
        super().finalize()


class Unsaid(tuple[Any, ...]):
    """Types of arguments that do not write themselves out: Numba does so at every pass, a world's fields and all."""

    def __repr__(self) -> str:
        return f"({len(self)} types)"


class PartCompiler(Compiler):
    """Compiles a function for the kernels that call it."""

    library = PartLibrary

    def _compile_core(self) -> Any:
        state = self.state
        state.args = Unsaid(state.args)
        state.library = self.library(state.targetctx.codegen(), state.func_id.func_qualname)
        done = super()._compile_core()
        progress.count()
        return done


class ApartLibrary(PartLibrary):
    """Of a function that has its own registers, and leaves those of its callers alone."""

    apart = True


class ApartCompiler(PartCompiler):
    """Compiles a function that stays a function of its own."""

    library = ApartLibrary


class EntryCompiler(Compiler):
    """Compiles a function for Python, with all its parts."""

    def _compile_core(self) -> Any:
        _entries.append(self.state.func_id.modname.split(".")[0])
        try:
            with progress.shown(is_inside_kernel()), no_garbage():
                state = self.state
                state.args = Unsaid(state.args)
                state.library = EntryLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
                state.library.enable_object_caching()
                return super()._compile_core()
        finally:
            _entries.pop()
