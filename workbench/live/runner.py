"""The runner: one process, one event loop, one run. `python -m workbench.live.runner FOLDER`; starting is recovering.

Keys come as one line of JSON on the standard input, {"keys": {"venue:account": {"key": …, "secret": …}}}, when the plan
needs them; they are in no argument, environment or file. It ends with 0 after a stop, 2 when it refuses to start (the
reason is the last line of its log), 1 when it broke.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from workbench.connectors import Clock, SystemClock
from workbench.errors import WorkbenchError
from workbench.live.folder import BEATS_PER_S, Heartbeat, RunFolder
from workbench.live.plan import Plan

STOPPED, BROKE, REFUSED = 0, 1, 2


class Runner:
    """All that a run's process holds, and the commands of `Commands`."""

    def __init__(self, plan: Plan, folder: RunFolder, clock: Clock, log: TextIO = sys.stderr) -> None:
        self.plan, self.folder, self.clock, self._log = plan, folder, clock, log
        self.state = "starting"
        self._ended = asyncio.Event()

    async def run(self) -> int:
        """Until it is stopped; the exit code."""
        beating = asyncio.ensure_future(self._beat())
        try:
            self.tell("started", run=self.plan.run, pid=os.getpid())
            self.state = "running"
            await self._ended.wait()
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
        self.tell("stopped", run=self.plan.run)
        return STOPPED

    def end(self) -> None:
        """Leave the loop."""
        self._ended.set()

    def tell(self, event: str, **facts: Any) -> None:
        """A line of the log."""
        self._log.write(json.dumps({"time_ms": self.clock.now_ms(), "event": event, **facts}) + "\n")
        self._log.flush()

    async def _beat(self) -> None:
        heart = Heartbeat(self.folder.heartbeat)
        try:
            while True:
                heart.beat(self.clock.now_ms())
                await asyncio.sleep(1.0 / BEATS_PER_S)
        finally:
            heart.close()


def read_keys(plan: Plan, source: TextIO) -> Mapping[str, Any]:
    """The keys that the plan needs, from one line."""
    return json.loads(source.readline() or "{}").get("keys", {}) if plan.needs_keys else {}


def main(arguments: list[str] | None = None) -> int:
    """Run what lies in a folder; the exit code."""
    folder = RunFolder(Path((arguments or sys.argv[1:])[0]))
    try:
        plan = Plan.read(folder.path)
        keys = read_keys(plan, sys.stdin)
        with folder.locked():
            return asyncio.run(_run(plan, folder, keys))
    except WorkbenchError as error:
        sys.stderr.write(json.dumps({"event": "refused", "reason": str(error)}) + "\n")
        return REFUSED


async def _run(plan: Plan, folder: RunFolder, keys: Mapping[str, Any]) -> int:
    runner = Runner(plan, folder, SystemClock())
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, runner.end)
    return await runner.run()


if __name__ == "__main__":
    sys.exit(main())
