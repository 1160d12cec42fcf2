"""Starting a run: its name and its markets are free, its plan is written, its supervisor is sent to work."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.errors import ConfigError
from workbench.live.admission import ensure_token
from workbench.live.folder import RunFolder, run_folder
from workbench.live.noting import LATE_S, forget_end, read_end, write_note
from workbench.live.plan import FILE, Mode, Plan
from workbench.live.process import is_at_work, start_supervisor
from workbench.settings import home_folder, try_lock

PATIENCE_S = 30.0
LINGER_S = LATE_S + 14.0  # a last look, and an end in order
SAME = ("mode", "bot", "markets", "timeframe", "cash", "money")  # what makes a run the same one
SCRIPT = "bot.py"


def start(
    plan: Plan, keys: Mapping[str, Any], *, script: Path | str | None = None, share: bool = False,
    fresh: bool = False, notes: Mapping[str, Mapping[str, Any]] | None = None,
) -> RunFolder:  # fmt: skip
    """Start a run, or go on with one of the same name and plan that had ended.

    Parameters
    ----------
    keys : mapping of "venue:account" to mapping
        What the plan needs; they go to the supervisor's standard input and nowhere else.
    script : Path or str
        The file of a strategy that is in no package, or its text; it is copied into the run's folder.
    share : bool
        Let it trade a market that another run trades too.
    fresh : bool
        Put an ended run of this name, with its journal, aside instead of going on with it.

    notes : mapping of str to mapping
        Files to lay into its folder, by name.

    Raises
    ------
    ConfigError
        If the name is taken, a market is, or keys are missing. Nothing has been started then.
    """
    missing = [account for account in plan.needs_keys if not keys.get(account)]
    if missing:
        raise ConfigError(
            f"no keys of {', '.join(missing)} were given. `workbench secrets add {missing[0]}` keeps them."
        )
    folder = run_folder(home_folder(), plan.name)
    with _one_at_a_time(folder.path.parent):
        before = _previous(folder, fresh=fresh)
        if not share:
            _check_markets(plan)
        plan = _continued(before, plan) if before else plan
        _lay_out(plan, folder, script)
        for name, note in (notes or {}).items():
            write_note(folder, name, note)
        start_supervisor(folder, keys)
    return folder


def start_again(folder: RunFolder, keys: Mapping[str, Any]) -> None:
    """Give a run a new supervisor: one that lost its own, or one that ended. A runner that is at work stays."""
    with _one_at_a_time(folder.path.parent):
        forget_end(folder)
        start_supervisor(folder, keys)


def folders(home: Path | None = None) -> list[RunFolder]:
    """Every run that there is or was, by name."""
    root = (home or home_folder()) / "runs"
    found = sorted(path.parent for path in root.glob(f"*/{FILE}")) if root.is_dir() else []
    return [RunFolder(path) for path in found]


def find_folder(name: str) -> RunFolder:
    """The folder of a run.

    Raises
    ------
    ConfigError
        If there is none of this name.
    """
    folder = run_folder(home_folder(), name)
    if not (folder.path / FILE).is_file():
        there = ", ".join(one.path.name for one in folders()) or "none yet"
        raise ConfigError(f"there is no run {name!r} in {folder.path.parent}. There are: {there}.")
    return folder


def _previous(folder: RunFolder, *, fresh: bool) -> Plan | None:
    """The plan of an ended run of this name."""
    if not (folder.path / FILE).exists():
        return None
    end = read_end(folder)
    if not fresh and end is not None and end["state"] == "killed":
        raise ConfigError(
            f"the run {folder.path.name!r} was killed: {end['reason']} It does not go on. Look at what it left, then "
            f"take another name, or put it aside: `--fresh`, or `fresh=True`."
        )
    if not _has_left(folder):
        name = folder.path.name
        raise ConfigError(f"the name {name!r} is taken: that run is at work. `workbench attach {name}` looks in, or "
                          "give this one another name.")  # fmt: skip
    if not fresh:
        return Plan.read(folder.path)
    shutil.move(folder.path, folder.path.with_name(f".{folder.path.name}.{time.time_ns() // 1_000_000}"))
    return None


def _has_left(folder: RunFolder) -> bool:
    """Is a run gone? One that has ended gets a while: its supervisor still looks for orders that come late."""
    until = time.monotonic() + LINGER_S
    while (is_there := is_at_work(folder)) and read_end(folder) is not None and time.monotonic() < until:
        time.sleep(0.05)
    return not is_there


def _continued(before: Plan, plan: Plan) -> Plan:
    """A run that ended goes on under its own id, if it is the same one; its limits may be others."""
    old, new = before.model_dump(mode="json"), plan.model_dump(mode="json")
    changed = [name for name in SAME if old[name] != new[name]]
    if changed:
        raise ConfigError(
            f"there was a run {plan.name!r} already, with another {' and '.join(changed)}. Take another name, or put "
            f"the old one aside: `--fresh`, or `fresh=True`."
        )
    return plan.model_copy(update={"run": before.run})


def _check_markets(plan: Plan) -> None:
    """No other run may trade the same instrument on the same account: each would undo what the other does."""
    if plan.mode == Mode.PAPER:
        return
    wanted = {(place.venue, place.account, place.instrument) for place in plan.markets}
    for folder in folders():
        if folder.path.name == plan.name or not is_at_work(folder):
            continue
        other = Plan.read(folder.path)
        both = wanted & {(place.venue, place.account, place.instrument) for place in other.markets}
        if both and other.mode == plan.mode and not _has_left(folder):
            venue, account, instrument = sorted(both)[0]
            where, end = f"{instrument} on account {account!r} of {venue}", read_end(folder)
            if end is not None:
                raise ConfigError(
                    f"{where}: the run {other.name!r} is {end['state']}, and its supervisor still cancels what turns "
                    f"up there, yours too. {end['reason']} Wait until it has gone (`workbench status {other.name}`), "
                    f"or use another account."
                )
            raise ConfigError(
                f"{where} is traded by the run {other.name!r} already. Stop that one, use another account, or let "
                f"both trade it: `--share`, or `share=True`."
            )


def _lay_out(plan: Plan, folder: RunFolder, script: Path | str | None) -> None:
    folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.path.chmod(0o700)
    ensure_token(folder.token)
    if script is not None:
        text = script.read_text() if isinstance(script, Path) else script
        target = folder.path / SCRIPT
        target.write_text(text)
        target.chmod(0o600)
    forget_end(folder)
    plan.write(folder.path)


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    """Two starts at once could both find a name free."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = time.monotonic() + PATIENCE_S
        while not try_lock(descriptor):
            if time.monotonic() > until:
                raise ConfigError(f"another start has held {root / '.lock'} for {PATIENCE_S:g} s. Try again.")
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)
