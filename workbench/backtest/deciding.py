"""What a user's compiled `decide` must be, and what is wrong with it, in words, before and after a run.

Machine code neither raises in the loop nor checks its indices. So a `raise` is refused beforehand, what could not be
compiled is explained with its line, and a record written beyond `out` is found afterwards: there is room behind it.
"""

from __future__ import annotations

import dis
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher

from workbench.backtest.engine import Array, as_pointer
from workbench.errors import ConfigError
from workbench.market import TARGET
from workbench.trading import MAX_LEVELS, VIEW, new_targets

FRAME = ("Failed in nopython", "During:", 'File "')
LONGEST = 200


def check_decide(bot: Any) -> None:
    """Compile a bot's `decide`, or say why that cannot be.

    Raises
    ------
    ConfigError
        If it can raise, or cannot be compiled; the message names the line.
    """
    name, function = type(bot).__name__, getattr(bot.decide, "py_func", bot.decide)
    for one, line in raising(function):
        raise ConfigError(
            f"{name}.decide: line {line} of `{one}` raises, and machine code cannot stop a run. Leave "
            f"out[level].action at 0 where there is nothing to do, and check parameters in `check(self)`."
        )
    try:
        as_pointer(bot.decide)
    except ConfigError as error:
        raise ConfigError(f"{name}.decide could not be compiled: {why(error.__cause__, function)}") from error
    except KeyError as error:
        fields = f"a target has {', '.join(TARGET.names or ())}; the world has {', '.join(VIEW.names or ())}"
        raise ConfigError(f"{name}.decide asks for `{error.args[0]}`, which is not there: {fields}.") from error


@functools.lru_cache(maxsize=256)
def raising(function: Callable[..., Any]) -> tuple[tuple[str, int], ...]:
    """Each line of a function, and of the compiled ones that it calls by name, that raises or asserts."""
    return tuple(_raising(function))


def _raising(function: Callable[..., Any]) -> Iterator[tuple[str, int]]:
    known = {**function.__globals__, **closure_of(function)}
    called = [known[name] for name in function.__code__.co_names if isinstance(known.get(name), Dispatcher)]
    for one in (function, *(dispatcher.py_func for dispatcher in called)):
        line = one.__code__.co_firstlineno
        for step in dis.get_instructions(one):
            line = step.positions.lineno if step.positions and step.positions.lineno else line
            if step.opname == "RAISE_VARARGS":
                yield one.__name__, line


def closure_of(function: Callable[..., Any]) -> dict[str, Any]:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells}


def why(error: BaseException | None, function: Callable[..., Any]) -> str:
    """What Numba complained about, in one sentence with the line, and what to do."""
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith(FRAME)]
    reason = next(iter(lines), "unknown").split(": %")[0]  # what follows is machine code
    signature = re.search(r">>> (.*)", text)
    if signature and reason.endswith("signature:"):
        reason = f"{reason.removesuffix(' found for signature:')} for {signature[1]}"
    at = re.search(r"\((\d+)\)\s*$|, line (\d+)", text, re.MULTILINE)
    found = next((number for number in (at.groups() if at else ()) if number), None)
    line = f"line {found}" if found else f"the function of line {function.__code__.co_firstlineno}"
    return (
        f"{line}: {reason[:LONGEST].rstrip('. ')}. It takes (row, world, out) and may use numbers, NumPy and "
        f"other @compiled functions only."
    )


def roomy_targets(levels: int) -> tuple[Array, Array]:
    """Records for `decide` to fill in, and the whole of the memory behind them, which it must leave alone."""
    whole = new_targets(MAX_LEVELS)
    new_targets(levels)  # says so, if there are too many
    return whole[:levels], whole


def check_written(bot: Any, whole: Array) -> None:
    """Refuse a run whose `decide` wrote to a level that it does not have."""
    records = whole.view(np.uint8).reshape(len(whole), -1)
    written = np.flatnonzero((records != new_targets(1).view(np.uint8)).any(axis=1))
    written = written[written >= bot.levels]
    if len(written):
        raise ConfigError(
            f"{type(bot).__name__}.decide writes to out[{written[0]}] and has levels 0 to {bot.levels - 1}. Put "
            f"`levels: ClassVar[int] = {written[-1] + 1}` into the class."
        )
