"""A run's socket that is served for tests: a real server, in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.errors import ConfigError
from workbench.live import Control, RunFolder
from workbench.live.admission import make_token


class Spoken:
    """Commands that remember what they were told."""

    def __init__(self, n_events: int = 5) -> None:
        self.done: list[tuple[str, Any]] = []
        self.n_events = n_events

    def status(self) -> dict[str, Any]:
        self.done.append(("status", None))
        return {"state": "running"}

    def events(self, after: int = 0, limit: int = 200) -> list[dict[str, Any]]:
        self.done.append(("events", (after, limit)))
        return [{"number": n} for n in range(after + 1, self.n_events + 1)][:limit]

    async def follow(self, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        self.done.append(("follow", after))
        for n in range(after + 1, self.n_events + 1):
            yield {"number": n, "body": "x" * 200}

    async def pause(self, *, who: str = "") -> dict[str, Any]:
        self.done.append(("pause", who))
        return {"paused": True}

    async def resume(self, *, who: str = "") -> dict[str, Any]:
        raise ConfigError("nothing is paused. Pause it first.")

    async def update(self, parameters: dict[str, Any], *, who: str = "") -> dict[str, Any]:
        self.done.append(("update", parameters))
        return {"updated": parameters}

    async def stop(self, *, hold: bool = True, who: str = "") -> dict[str, Any]:
        self.done.append(("stop", hold))
        return {"left": []}

    async def kill(self, *, flatten: bool = False, who: str = "") -> dict[str, Any]:
        self.done.append(("kill", flatten))
        return {"killed": True}


@contextmanager
def served(path: Path, commands: Any = None) -> Iterator[tuple[RunFolder, Any]]:
    """A folder whose runner's socket is served, and the commands behind it."""
    folder, commands = RunFolder(path), commands or Spoken()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    control = Control(commands, folder.socket, make_token(folder.token))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(control.start(), loop).result(10)
    try:
        yield folder, commands
    finally:
        asyncio.run_coroutine_threadsafe(control.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
