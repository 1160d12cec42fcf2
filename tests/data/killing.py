"""Run a piece of work in a child process that kills itself, for real, at a chosen line of the data room.

Started as `python killing.py <line number to die at, 0: never> <work> <arguments as JSON>`; prints how many lines ran.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOMS = (f"workbench{os.sep}data{os.sep}",)


def run_child(work: str, arguments: dict[str, Any], die_at: int, data: Path) -> tuple[int, int]:
    """Return code of the child, and the lines it ran (0 if it was killed)."""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "WORKBENCH_DATA": str(data), "PYTHONPATH": str(root)}
    command = [sys.executable, __file__, str(die_at), work, json.dumps(arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, int(done.stdout.split()[-1]) if done.returncode == 0 else 0


def kill_child_after(seconds: float, work: str, arguments: dict[str, Any], data: Path) -> bool:
    """Kill the child from outside at that moment, perhaps half-way through a write; was it still alive?"""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "WORKBENCH_DATA": str(data), "PYTHONPATH": str(root)}
    command = [sys.executable, __file__, "0", work, json.dumps(arguments)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.returncode != 0


def tree(data: Path) -> dict[str, bytes]:
    """Every file of a store that says something, by path."""
    files = (path for path in sorted(data.rglob("*")) if path.is_file() and path.name != ".lock")
    return {path.relative_to(data).as_posix(): path.read_bytes() for path in files}


def _ingest(path: str, replace: bool = False) -> None:
    from workbench import data

    data.ingest(path, venue="binance", instrument="BTC/USDT", timeframe="1m", replace=replace)


def _download(base_url: str, start: int, end: int) -> None:
    from workbench import data
    from workbench.data import downloading, paging

    paging.FIRST_WAIT_S = 0.001
    downloading.COMMIT_PAGES = 3
    fast = {"rateLimit": 1}
    data.download("binance", "BTC/USDT", "1m", start, end, base_url=base_url, config=fast, progress=False)


class _Fuse:
    def __init__(self, die_at: int) -> None:
        self.die_at, self.lines = die_at, 0

    def __call__(self, frame: Any, event: str, _: Any) -> Any:
        if event == "call":
            return self if any(room in frame.f_code.co_filename for room in ROOMS) else None
        if event == "line":
            self.lines += 1
            if self.lines == self.die_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


if __name__ == "__main__":
    import workbench.data.downloading  # noqa: F401  # imported first: the fuse counts work, not imports

    print("ready", flush=True)  # noqa: T201
    fuse = _Fuse(int(sys.argv[1]))
    sys.settrace(fuse)
    {"ingest": _ingest, "download": _download}[sys.argv[2]](**json.loads(sys.argv[3]))
    sys.settrace(None)
    print(fuse.lines)  # noqa: T201
