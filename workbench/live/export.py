"""A strategy of a notebook's cell as a file that another process can read: its text, and what that text leans on."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import sys
import textwrap
import types
from collections.abc import Iterator
from typing import Any

from workbench.controllers import source
from workbench.errors import ConfigError
from workbench.live.scruples import MUTATING, complaints

PLAIN = (int, float, str, bool, type(None))
DOORS = ("workbench", "workbench.market", "workbench.indicators")


def as_script(cls: type) -> str:
    """The file of a class: imports, plain constants, other functions and classes of the notebook, and itself.

    Raises
    ------
    ConfigError
        If it leans on something of the notebook that cannot be written down, such as a table of data, or whose value
        is not the same each time, such as a draw without a seed; the message names it.
    """
    script = _Script(cls)
    script.add_text(cls.__name__, source(cls), script.names)
    return "\n".join(["from __future__ import annotations\n", *sorted(script.imports), "", *script.parts]) + "\n"


def names_of(cls: type) -> list[str]:
    """The names of the notebook that a strategy leans on, itself among them."""
    script = _Script(cls)
    script.add_text(cls.__name__, source(cls), script.names)
    return sorted(script.done)


class _Script:
    def __init__(self, cls: type) -> None:
        self.owner = cls
        self.names = vars(sys.modules[cls.__module__])
        self.imports: set[str] = set()
        self.parts: list[str] = []
        self.done: set[str] = set()
        self.values: dict[str, Any] = {}

    def add_text(self, name: str, text: str, names: dict[str, Any]) -> None:
        """A definition, after everything that it uses."""
        self.done.add(name)
        try:
            tree = ast.parse(text)
        except SyntaxError as error:
            raise ConfigError(
                f"the text of {name} was not found. Write it to a file: `%%writefile {name}.py`."
            ) from error
        for complaint in complaints(tree, names):
            raise ConfigError(f"{self.owner.__name__} cannot be promoted: in {name}, {complaint}")
        own, used = _bound(tree), _read(tree)
        fields = vars(self.owner).get("__annotations__", {})
        for one in sorted(used - self.done):
            if one in names and not (one in own and one not in fields):
                self._add(one, names[one])
            elif one not in own and not hasattr(builtins, one):
                raise ConfigError(f"{name} uses {one!r}, which is defined nowhere. Define it, or import it.")
        for one in sorted(used & self.done):
            self._check_same(one, names)
        self.parts.append(text.rstrip() + "\n")

    def _check_same(self, name: str, names: dict[str, Any]) -> None:
        if name in names and name in self.values and names[name] is not self.values[name]:
            raise ConfigError(
                f"{self.owner.__name__} cannot be promoted: {name!r} means two things, one in the notebook and one in "
                f"a closure. Give one of them another name."
            )

    def _add(self, name: str, value: Any) -> None:
        self.done.add(name)
        self.values[name] = value
        if hasattr(builtins, name) and getattr(builtins, name) is not value:
            raise ConfigError(
                f"{self.owner.__name__} cannot be promoted: {name!r} of the notebook hides Python's own `{name}`. Give "
                f"it another name."
            )
        if isinstance(value, types.ModuleType):
            self._add_module(name, value)
        elif _is_plain(value):
            self._refuse_changing(name, value)
            self.parts.append(f"{name} = {value!r}\n")
        else:
            self._add_object(name, value)

    def _add_module(self, name: str, value: types.ModuleType) -> None:
        if getattr(value, "__file__", None) is None and value.__name__ not in sys.builtin_module_names:
            raise ConfigError(f"{self.owner.__name__} leans on the module {name!r}, which is in no file.")
        self.imports.add(f"import {value.__name__} as {name}" if value.__name__ != name else f"import {name}")

    def _refuse_changing(self, name: str, value: Any) -> None:
        """A list that a strategy writes into is memory, and no constant."""
        if isinstance(value, list | dict | set) and any(name in text for text in _changed(source(self.owner))):
            raise ConfigError(
                f"{self.owner.__name__} cannot be promoted: it writes into {name!r} of the notebook. That is hidden "
                f"state: compute it from the candles, or keep it in `context.memory`."
            )

    def _add_object(self, name: str, value: Any) -> None:
        value = getattr(value, "py_func", value)  # compiled: its own text has the decorator
        home, own = getattr(value, "__module__", None), getattr(value, "__qualname__", name)
        if home == self.owner.__module__ and isinstance(value, type):
            self._as_it_is_called(name, value.__name__)
            self.add_text(value.__name__, source(value), self.names)
        elif home == self.owner.__module__ and hasattr(value, "__code__"):
            self._as_it_is_called(name, value.__name__)
            self.add_text(name, _text_of(value), {**self.names, **_closure(value)})
        elif importable := _found_in(value, home, own, name):
            self.imports.add(f"from {importable[0]} import {importable[1]} as {name}")
        else:
            raise ConfigError(
                f"{self.owner.__name__} leans on {name!r} of the notebook ({type(value).__name__}), which another "
                f"process does not have. Make it a parameter, or define it inside the class."
            )

    def _as_it_is_called(self, name: str, own: str) -> None:
        if own not in (name, "<lambda>"):
            raise ConfigError(
                f"{self.owner.__name__} cannot be promoted: it calls {name!r} what was defined as {own!r}. Call it by "
                f"one name."
            )


def _bound(tree: ast.AST) -> set[str]:
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    inner = ast.FunctionDef | ast.ClassDef
    return own | {node.name for node in ast.walk(tree) if isinstance(node, inner)}


def _read(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list | set | frozenset):
        return type(value) in (tuple, list, set, frozenset) and all(_is_plain(one) for one in value)
    if isinstance(value, dict):
        return type(value) is dict and all(_is_plain(one) for pair in value.items() for one in pair)
    return type(value) in PLAIN and value == value and value not in (float("inf"), -float("inf"))


def _changed(text: str) -> Iterator[str]:
    """Names whose content a text changes in place."""
    for node in ast.walk(ast.parse(text)):
        target = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            target = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATING:
            target = node.func.value
        if isinstance(target, ast.Name):
            yield target.id


def _closure(function: Any) -> dict[str, Any]:
    """What a function made inside another one has kept of it."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells if name != "__class__"}


def _text_of(function: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:
        raise ConfigError(f"the text of {function.__name__} was not found. Write it in a cell of its own.") from error


def _found_in(value: Any, home: str | None, own: str, name: str) -> tuple[str, str] | None:
    """Where another process finds the same object."""
    for module, attribute in ((home, own), *((door, name) for door in DOORS)):
        if module and module != "__main__" and "." not in attribute:
            try:
                if getattr(importlib.import_module(module), attribute, None) is value:
                    return module, attribute
            except ImportError:
                continue
    return None
