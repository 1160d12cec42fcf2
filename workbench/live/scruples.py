"""What keeps a strategy's text from meaning the same thing twice: draws without a seed, clocks, state that it keeps."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator, Mapping
from typing import Any

MUTATING = {"append", "extend", "insert", "pop", "remove", "clear", "update", "setdefault", "add", "discard", "popitem"}
HIDDEN = "That is hidden state: compute it from the candles, or keep it in `context.memory`."
DRAWS = {"random", "numpy.random", "secrets"}
SEEDED = {"default_rng", "RandomState", "Random", "SeedSequence", "PCG64", "Generator"}
CLOCKS = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"},
    "datetime": {"now", "utcnow", "today"}, "uuid": {"uuid1", "uuid4"}, "os": {"urandom", "environ", "getenv"},
}  # fmt: skip


def complaints(tree: ast.AST, names: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a text, in the words that follow "in NAME,": the culprit, its line, and what to do.

    Parameters
    ----------
    names : mapping
        What the names of the notebook stand for.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Global | ast.Nonlocal):
            kept = ", ".join(map(repr, node.names))
            yield f"line {node.lineno} keeps {kept} outside of itself. {HIDDEN}"
        elif isinstance(node, ast.Attribute | ast.Call):
            yield from _of_a_call(node, names)
    yield from _own_state(tree)


def _of_a_call(node: ast.Attribute | ast.Call, names: Mapping[str, Any]) -> Iterator[str]:
    called = node.func if isinstance(node, ast.Call) else None
    path = _path(called, names) if called is not None else ""
    home, _, last = path.rpartition(".")
    if home in DRAWS and isinstance(node, ast.Call):
        if last in SEEDED and (node.args or node.keywords):
            return
        yield (f"line {node.lineno} draws with `{_written(called)}` and no seed. Each run would be another one: use "
               f"np.random.default_rng(seed) with a seed among the parameters.")  # fmt: skip
    root = path.split(".")[0]
    if root in CLOCKS and last in CLOCKS[root]:
        yield (f"line {node.lineno} asks `{_written(called)}`. A backtest has another clock and another machine: use "
               f"`candles.time`.")  # fmt: skip
    if path in ("open", "input"):
        yield f"line {node.lineno} calls `{path}`, which another process answers in another way. Make it a parameter."


def _path(node: ast.AST | None, names: Mapping[str, Any]) -> str:
    """The full name of what is called, by what its root stands for in the notebook: "numpy.random.normal"."""
    if isinstance(node, ast.Name):
        value = names.get(node.id)
        if isinstance(value, types.ModuleType):
            return value.__name__
        owner = getattr(value, "__self__", None)
        if type(owner).__module__ in ("random", "numpy.random.mtrand"):  # from random import gauss
            return f"random.{node.id}"
        home = getattr(value, "__module__", None)
        return f"{home}.{node.id}" if home in (*DRAWS, *CLOCKS) else node.id
    if isinstance(node, ast.Attribute):
        return f"{_path(node.value, names)}.{node.attr}"
    return ""


def _written(node: ast.AST | None) -> str:
    return ast.unparse(node) if node is not None else ""


def _own_state(tree: ast.AST) -> Iterator[str]:
    """A class that writes on itself, or fills a list of its own."""
    for cls in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        lists = set(_class_lists(cls))
        for node in ast.walk(cls):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            target = node.func.value
            on_self = isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)
            if on_self and node.func.attr in MUTATING and target.attr in lists:  # type: ignore[attr-defined]
                yield f"line {node.lineno} changes `{ast.unparse(target)}` of the class. {HIDDEN}"


def _class_lists(cls: ast.ClassDef) -> Iterator[str]:
    for node in cls.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id
