"""How far a sweep is: a bar in a terminal, one line that changes in a notebook, nothing in a pipe until the end."""

from __future__ import annotations

import sys
import threading
import time
from html import escape
from typing import Any

EVERY = 0.25  # seconds between two looks


class Progress:
    """What has been done of how many, how fast, and when it will be over."""

    def __init__(self, total: int, done: int = 0) -> None:
        self.total, self.done, self.begun_with = total, done, done
        self.began = time.monotonic()
        self.lock = threading.Lock()

    def add(self, count: int) -> None:
        """Count some more as done."""
        with self.lock:
            self.done += count

    @property
    def rate(self) -> float:
        """Combinations a second."""
        passed = time.monotonic() - self.began
        return (self.done - self.begun_with) / passed if passed > 0.0 else 0.0

    @property
    def left(self) -> float:
        """Seconds until it is over; infinite while nothing has been done."""
        return (self.total - self.done) / self.rate if self.rate > 0.0 else float("inf")

    def __str__(self) -> str:
        share = self.done / self.total if self.total else 1.0
        ahead = f", {span(self.left)} left, until {clock(self.left)}" if self.done < self.total and self.rate else ""
        return f"{self.done:,} of {self.total:,} ({share:.0%}), {self.rate:,.0f} a second{ahead}"


def span(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 100.0:
        return f"{seconds:.0f} s"
    minutes = seconds / 60.0
    return f"{minutes:.0f} min" if minutes < 100.0 else f"{minutes / 60.0:.1f} h"


def clock(seconds: float) -> str:
    """The time of day in that many seconds."""
    return time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))


class Silent:
    """Shows nothing."""

    def show(self, progress: Progress) -> None:
        """Nothing."""

    def close(self, text: str) -> None:
        """Nothing."""


class Plain(Silent):
    """Says on stderr how it ended, and nothing before."""

    def close(self, text: str) -> None:
        """Write the last word."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


class Terminal(Plain):
    """A bar on stderr."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
        self.bars = Bars(*columns, console=console, transient=True)
        self.task = self.bars.add_task(title, said="")
        self.bars.start()

    def show(self, progress: Progress) -> None:
        """Move the bar."""
        self.bars.update(self.task, total=progress.total, completed=progress.done, said=str(progress))

    def close(self, text: str) -> None:
        """Take the bar away and write the last word."""
        self.bars.stop()
        super().close(text)


class Notebook(Silent):
    """One output of the cell, which changes in its place."""

    def __init__(self, title: str) -> None:
        from IPython.display import display

        self.title = title
        self.said = ""
        self.handle: Any = display(self._shown("…"), display_id=True)

    def show(self, progress: Progress) -> None:
        """Change the line, if there is something new to say."""
        share = progress.done / progress.total if progress.total else 1.0
        if str(progress) != self.said:
            self.said = str(progress)
            self.handle.update(self._shown(self.said, share))

    def close(self, text: str) -> None:
        """The last word, in place of the bar."""
        self.handle.update(self._shown(text))

    def _shown(self, text: str, share: float | None = None) -> Any:
        from IPython.display import HTML

        bar = "" if share is None else f"<progress value='{share:.4f}' max='1' style='width: 12em'></progress> "
        lines = "<br>".join(escape(line) for line in text.splitlines())
        return HTML(f"<div class='wb-progress'>{bar}{escape(self.title) + ': ' if bar else ''}{lines}</div>")


def display_for(title: str, wanted: bool) -> Silent:
    """The display that fits where we are."""
    if not wanted:
        return Silent()
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if hasattr(shell, "kernel"):
        return Notebook(title)
    return Terminal(title) if sys.stderr.isatty() else Plain()
