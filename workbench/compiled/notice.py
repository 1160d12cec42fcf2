"""What is said while kernels are compiled for the first time: in a line that goes away, or in the cell's own output."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any, Protocol, TextIO

from workbench.compiled.cache import can_keep, is_warm

REDRAW_SECONDS = 0.2


class Place(Protocol):
    """Somewhere to say it."""

    def show(self, text: str) -> None:
        """Say how far it is."""

    def end(self, text: str) -> None:
        """Say that it is done."""


class Line:
    """The line of a terminal that the cursor is in; it is empty again at the end."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.width = stream, 0

    def show(self, text: str) -> None:
        self.stream.write(f"\r{text:{self.width}}")
        self.stream.flush()
        self.width = len(text)

    def end(self, text: str) -> None:
        self.show("")
        self.show("")


class Log:
    """A file or a pipe: one sentence at the start, and nothing more."""

    said = False

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def show(self, text: str) -> None:
        if not Log.said:
            self.stream.write(f"workbench: compiling, {how_long_kept()}. A first backtest takes about 15 s.\n")
            self.stream.flush()
        Log.said = True

    def end(self, text: str) -> None:
        pass


class Cell:
    """The output of a notebook's cell: plain text that changes in place, and not the red band of stderr."""

    handles: dict[int, Any] = {}  # noqa: RUF012 - of the whole process, by the number of the cell

    def __init__(self, shell: Any) -> None:
        self.number = int(shell.execution_count)

    def show(self, text: str) -> None:
        from IPython.display import display

        if self.number in self.handles:
            self.handles[self.number].update({"text/plain": text}, raw=True)
        else:
            self.handles[self.number] = display({"text/plain": text}, raw=True, display_id=True)

    def end(self, text: str) -> None:
        self.show(text)


class Progress:
    """Functions and seconds of a first compilation, since the process began."""

    def __init__(self) -> None:
        self.functions, self.seconds, self.began, self.drawn = 0, 0.0, 0.0, 0.0
        self.place: Place | None = None
        self.is_first: bool | None = None

    @contextlib.contextmanager
    def shown(self, is_kernel: bool) -> Iterator[None]:
        """Show how a kernel and its parts are being compiled, if the engine never was on this machine."""
        if self.is_first is None and is_kernel:
            self.is_first = not is_warm()
        if not (self.is_first and is_kernel) or self.place:
            yield
            return
        self.place, self.began, self.drawn = place(), time.perf_counter(), 0.0
        self.draw()
        try:
            yield
            self.functions += 1
        finally:
            self.seconds += time.perf_counter() - self.began
            self.place.end(
                f"workbench: compiled {self.functions} functions in {self.seconds:.0f} s, {how_long_kept()}."
            )
            self.place = None

    def count(self) -> None:
        """One more function is done."""
        if self.place:
            self.functions += 1
            self.draw()

    def draw(self) -> None:
        now = time.perf_counter()
        if self.place and now - self.drawn > REDRAW_SECONDS:
            seconds = self.seconds + now - self.began
            self.place.show(f"workbench: compiling, {how_long_kept()}: {self.functions} functions, {seconds:.0f} s")
            self.drawn = now


def how_long_kept() -> str:
    """For how long it is done, in words."""
    if can_keep():
        return "once for this version and machine"
    return "for this process only: set WORKBENCH_CACHE to a folder that can be written"


def place() -> Place:
    """A notebook's cell, a terminal, or whatever stderr is."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if getattr(shell, "kernel", None) is not None:
        return Cell(shell)
    return Line(sys.stderr) if sys.stderr.isatty() else Log(sys.stderr)


progress = Progress()
