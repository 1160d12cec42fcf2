"""What a strategy is, as a hash: the text of its class and its parameters."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import json
import linecache
import textwrap
from collections.abc import Iterator
from typing import Any


def fingerprint(classes: list[type], parameters: dict[str, Any]) -> str:
    """Sixteen hex digits over the sources of `classes` and over `parameters`, which must be JSON."""
    text = json.dumps(parameters, sort_keys=True, separators=(",", ":"))
    sources = [f"{cls.__qualname__}\n{source(cls)}" for cls in classes]
    return hashlib.sha256("\n\n".join([*sources, text]).encode()).hexdigest()[:16]


@functools.cache
def source(cls: type) -> str:
    """The text of a class, wherever it was written: a file, or the cell of a notebook.

    `inspect` finds no class of a notebook before Python 3.13, but Jupyter keeps each cell under the file name that the
    functions made there carry. A class without functions whose text cannot be found counts as its annotations and
    plain values.
    """
    for function in _functions(cls):
        text = "".join(linecache.getlines(function.__code__.co_filename))
        found = _class_around(text, cls.__name__, function.__code__.co_firstlineno)
        if found:
            return textwrap.dedent(found)
    try:
        return textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):
        return repr({name: repr(field) for name, field in getattr(cls, "__pydantic_fields__", {}).items()})


def _functions(cls: type) -> Iterator[Any]:
    for value in vars(cls).values():
        function = getattr(value, "__func__", value)  # staticmethod, classmethod
        function = getattr(function, "py_func", function)  # compiled
        function = getattr(function, "fget", None) or function  # property
        if inspect.isfunction(function) and function.__module__ == cls.__module__:
            yield function


def _class_around(text: str, name: str, line: int) -> str | None:
    try:
        nodes = ast.walk(ast.parse(text))
    except SyntaxError:  # a cell with magics in it: Jupyter keeps the translated text, so this is something else
        return None
    for node in nodes:
        if isinstance(node, ast.ClassDef) and node.name == name and node.lineno <= line <= (node.end_lineno or 0):
            lines = text.splitlines(keepends=True)
            return "".join(lines[node.lineno - 1 : node.end_lineno]).rstrip() + "\n"
    return None
