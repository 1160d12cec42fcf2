"""Every shipped strategy, spot and perpetual, through the command line: `python -m tests.live.every_controller`.

Each is started at a simulated venue with prices of its own, holds on for a while, is stopped, started again under the
same id, and stopped; one line each, and the exit code is 1 if any of them was not what it should be. The suite runs a
sample (`test_every_controller.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.live.running import end_all
from workbench.connectors import SeededMarket, SimulatedVenue
from workbench.controllers import registry

SPOT, PERPETUAL = ("BTC/USDT", "ETH/USDT"), ("BTC/USDT:USDT", "ETH/USDT:USDT")
MONEY = {"USDT": 100_000, "BTC": 2, "ETH": 30}
TWO = ("arbitrage", "stat_arb", "xemm")
SETTINGS = {"grid_strike": ("start_price=50000", "end_price=70000", "limit_price=45000")}


def cases() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Name, kind, and instruments of each case."""
    for name in registry():
        if name == "spot_perpetual_arbitrage":
            yield name, "both", (SPOT[0], PERPETUAL[0])
            continue
        for kind, instruments in (("spot", SPOT), ("perpetual", PERPETUAL)):
            yield name, kind, instruments if name in TWO else instruments[:1]


def settings(name: str, instruments: tuple[str, ...]) -> list[str]:
    """What a strategy needs to be told."""
    fields = registry()[name].model_fields
    given = [one for one in SETTINGS.get(name, ()) if one.partition("=")[0] in fields]
    for field, market in (("first", 0), ("second", 1)):
        if field in fields and fields[field].is_required() and len(instruments) > market:
            given.append(f"{field}={instruments[market]}")
    return [word for one in given for word in ("--set", one)]


def workbench(*words: object, home: Path) -> tuple[int, Any, str]:
    """One command of the terminal: its exit code, its JSON, its complaint."""
    environment = {**os.environ, "WORKBENCH_HOME": str(home)}
    words_ = [sys.executable, "-m", "workbench", *map(str, words), "--json"]
    done = subprocess.run(words_, capture_output=True, text=True, env=environment, timeout=600, check=False)
    try:
        return done.returncode, json.loads(done.stdout), done.stderr.strip()
    except ValueError:
        return done.returncode, {}, done.stderr.strip()


def one(name: str, kind: str, instruments: tuple[str, ...], door: str, home: Path, hold_s: float) -> str:
    """Start, hold on, stop, start again, stop: nothing if all of it was right, else what was not."""
    run = f"{name}-{kind}".replace("_", "-")
    chosen = [word for instrument in instruments for word in ("--instrument", instrument)]
    start = ("paper", name, *chosen, "--simulated", door, "--name", run, "--wait", 300, *settings(name, instruments))
    first = ""
    for turn in ("start", "restart"):
        code, said, complaint = workbench(*start, home=home)
        if code or said.get("state") != "running":
            return f"{turn}: {complaint or said.get('state')}"
        if first and said["run"] != first:
            return "it came back under another id"
        first = said["run"]
        time.sleep(hold_s)
        code, said, complaint = workbench("status", run, home=home)
        if code or said.get("state") != "running" or said["supervisor"]["starts"] != 1:
            return f"{turn}, held: {said.get('state')} {said.get('reason')} {complaint}"
        code, said, complaint = workbench("stop", run, home=home)
        if code:
            return f"stop after {turn}: {said.get('left')} {complaint}"
        code, said, _ = workbench("status", run, home=home)
        if (code, said.get("state")) != (3, "stopped"):
            return f"after stop: {code} {said.get('state')}"
    return ""


def main(arguments: list[str] | None = None) -> int:
    """All of them, or those whose names are given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="left out: all")
    parser.add_argument("--hold", type=float, default=3.0, help="seconds between start and stop")
    asked = parser.parse_args(arguments)
    wrong = done = 0
    with tempfile.TemporaryDirectory() as folder, SimulatedVenue(
        sources=[SeededMarket(seed=1)], accounts={"trader": MONEY}
    ) as venue:  # fmt: skip
        home = Path(folder)
        for name, kind, instruments in cases():
            if asked.names and name not in asked.names:
                continue
            begun = time.monotonic()
            said = one(name, kind, instruments, str(venue.control_url), home, asked.hold)
            done, wrong = done + 1, wrong + bool(said)
            sys.stdout.write(f"{name:28}{kind:11}{said or 'ok':60}{time.monotonic() - begun:6.1f} s\n")
            sys.stdout.flush()
            end_all(home)
    sys.stdout.write(f"{done - wrong} of {done} started, stopped and restarted\n")
    return 1 if wrong or not done else 0


if __name__ == "__main__":
    sys.exit(main())
