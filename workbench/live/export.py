"""A strategy of a notebook's cell as a file that another process can read: its text, and what that text leans on."""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
import types
from typing import Any

from workbench.controllers import source
from workbench.errors import ConfigError

PLAIN = (int, float, str, bool, type(None))


def as_script(cls: type) -> str:
    """The file of a class: imports, plain constants, other functions and classes of the notebook, and itself.

    Raises
    ------
    ConfigError
        If it leans on something of the notebook that cannot be written down, such as a table of data.
    """
    script = _Script(cls)
    script.add_text(cls.__name__, source(cls))
    return "\n".join(["from __future__ import annotations\n", *sorted(script.imports), "", *script.parts]) + "\n"


class _Script:
    def __init__(self, cls: type) -> None:
        self.owner = cls
        self.names = vars(sys.modules[cls.__module__])
        self.imports: set[str] = set()
        self.parts: list[str] = []
        self._done: set[str] = set()

    def add_text(self, name: str, text: str) -> None:
        """A definition, after everything that it uses."""
        self._done.add(name)
        try:
            tree = ast.parse(text)
        except SyntaxError as error:
            raise ConfigError(
                f"the text of {name} was not found. Write it to a file: `%%writefile {name}.py`."
            ) from error
        own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        used = sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - self._done)
        for one in used:
            if one in self.names and not (one in own and one not in vars(self.owner).get("__annotations__", {})):
                self._add(one, self.names[one])
            elif one not in own and not hasattr(builtins, one):
                raise ConfigError(f"{name} uses {one!r}, which is defined nowhere. Define it, or import it.")
        self.parts.append(text.rstrip() + "\n")

    def _add(self, name: str, value: Any) -> None:
        if name in self._done:
            return
        self._done.add(name)
        if isinstance(value, types.ModuleType):
            self.imports.add(f"import {value.__name__} as {name}" if value.__name__ != name else f"import {name}")
        elif isinstance(value, PLAIN) or (isinstance(value, tuple) and all(isinstance(one, PLAIN) for one in value)):
            self.parts.append(f"{name} = {value!r}\n")
        else:
            self._add_object(name, value)

    def _add_object(self, name: str, value: Any) -> None:
        home, own = getattr(value, "__module__", None), getattr(value, "__qualname__", name)
        if home == self.owner.__module__ and isinstance(value, type):
            self.add_text(name, source(value))
        elif home == self.owner.__module__ and hasattr(value, "__code__"):
            self.add_text(name, _text_of(value))
        elif importable := _found_in(value, home, own, name):
            self.imports.add(f"from {importable[0]} import {importable[1]} as {name}")
        else:
            raise ConfigError(
                f"{self.owner.__name__} leans on {name!r} of the notebook ({type(value).__name__}), which another "
                f"process does not have. Make it a parameter, or define it inside the class."
            )


def _text_of(function: Any) -> str:
    import inspect
    import textwrap

    return textwrap.dedent(inspect.getsource(function))


def _found_in(value: Any, home: str | None, own: str, name: str) -> tuple[str, str] | None:
    """Where another process finds the same object."""
    for module, attribute in (
        (home, own),
        ("workbench", name),
        ("workbench.market", name),
        ("workbench.indicators", name),
    ):
        if module and module != "__main__" and "." not in attribute:
            try:
                if getattr(importlib.import_module(module), attribute, None) is value:
                    return module, attribute
            except ImportError:
                continue
    return None
