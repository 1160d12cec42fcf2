"""What a notebook may look like, as questions about its cells."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

Cell = dict[str, Any]
SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def source(cell: Cell) -> str:
    """The text of a cell, which a file may hold as lines."""
    return "".join(cell["source"])


def code(cells: list[Cell]) -> list[str]:
    return [source(cell) for cell in cells if cell["cell_type"] == "code"]


def bound(tree: ast.AST) -> Iterator[str]:
    """Every name that top-level statements bind, as often as they do; what a function binds inside is its own."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif not isinstance(node, SCOPES):
            yield from bound(node)


def bound_twice(cells: list[Cell]) -> list[str]:
    """Names that are bound more than once over all cells."""
    names = [name for text in code(cells) for name in bound(ast.parse(text))]
    return sorted({name for name in names if names.count(name) > 1})


def importing(cells: list[Cell]) -> list[int]:
    """Which of the code cells import something."""
    trees = [ast.walk(ast.parse(text)) for text in code(cells)]
    return [n for n, tree in enumerate(trees) if any(isinstance(node, ast.Import | ast.ImportFrom) for node in tree)]


def long_functions(cells: list[Cell], *, lines: int) -> list[str]:
    """Functions of more lines than that, without their first line and docstring."""
    found = []
    for text in code(cells):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if body and (body[-1].end_lineno or 0) - body[0].lineno + 1 > lines:
                    found.append(node.name)
    return found


def unexplained(cells: list[Cell]) -> list[str]:
    """First lines of code cells that no text stands before."""
    bare = [cell for before, cell in pairwise(cells) if before["cell_type"] == cell["cell_type"] == "code"]
    return [source(cell).split("\n")[0] for cell in bare]
