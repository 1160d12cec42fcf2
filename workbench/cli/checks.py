"""What the doctor looks at on the live side: rights of files, settings, clock, room on the disk, databases."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import WorkbenchError

LEAST_TO_RUN, LEAST_TO_OPEN = 500 * 10**6, 100 * 10**6  # bytes; below the second nothing may be opened
AHEAD_S = 60.0
FIRST_YEAR = 2025
UNSYNCHRONISED = 5  # what Linux's adjtimex returns then
PRIVATE = ("vault.json",)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what it is, whether it is good, and what to do if it is not."""

    name: str
    good: bool
    detail: str


def rights() -> Finding:
    """Can nobody else reach the vault, the settings and the runs?"""
    from workbench.settings import exposure, home_folder

    home = home_folder()
    open_to_others = [said for path in _private(home) if (said := exposure(path, path.lstat()))]
    if open_to_others:
        return Finding("rights", False, " ".join(open_to_others[:3]))
    return Finding("rights", True, f"nobody else reaches vault and runs in {home}" if home.is_dir() else "nothing yet")


def _private(home: Path) -> Iterator[Path]:
    for name in PRIVATE:
        if (home / name).is_symlink() or (home / name).exists():
            yield home / name
    for run in sorted((home / "runs").glob("*")):
        yield run
        yield from (path for path in (run / "token", run / "run.json", run / "journal.sqlite") if path.exists())


def settings() -> Finding:
    """Can the settings be read?"""
    from workbench.settings import config_path, load_config

    try:
        load_config()
    except WorkbenchError as error:
        return Finding("settings", False, str(error))
    path = config_path()
    return Finding("settings", True, str(path) if path.exists() else "as they come; `workbench config` changes them")


def vault() -> Finding:
    """Is there a vault that can be read? Whether its records are whole shows when it is opened."""
    from workbench.settings import Vault, vault_path

    path = vault_path()
    if not (path.exists() or path.is_symlink()):
        return Finding("vault", True, "none yet; `workbench secrets add` makes one")
    try:
        names = Vault.listed(path)
    except WorkbenchError as error:
        return Finding("vault", False, str(error))
    return Finding("vault", True, f"{len(names)} accounts; `workbench secrets list --verify` opens it")


def clock() -> Finding:
    """Is the clock plausible? Files from the future say that it was set back; Linux knows if nobody sets it."""
    from workbench.settings import data_folder, home_folder

    now = time.time()
    if time.gmtime(now).tm_year < FIRST_YEAR:
        return Finding("clock", False, f"it says {_utc(now)}. Set it: venues refuse requests from the wrong time.")
    newest = max((_newest(folder) for folder in (home_folder(), data_folder())), default=0.0)
    if newest > now + AHEAD_S:
        detail = f"it says {_utc(now)}, but a file was written at {_utc(newest)}. Set it: venues refuse such requests."
        return Finding("clock", False, detail)
    state = "nobody keeps it right: let chrony or systemd-timesyncd do it" if _drifts() else "no sign that it is wrong"
    return Finding("clock", True, f"{_utc(now)}, {state}; a run compares it with its venue")


def _newest(folder: Path) -> float:
    return max((path.lstat().st_mtime for path in folder.glob("*")), default=0.0)


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _drifts() -> bool:
    """Does Linux say that no service sets the clock? Elsewhere nobody is asked."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        told = ctypes.create_string_buffer(512)  # larger than the kernel's struct; no mode is set, so it only reads
        return bool(ctypes.CDLL(None).adjtimex(told) == UNSYNCHRONISED)
    except (OSError, AttributeError):
        return False


def disk() -> Finding:
    """Is there room for journals where they are written?"""
    from workbench.settings import home_folder

    home = home_folder()
    folder = next(one for one in (home, *home.parents) if one.is_dir())
    free = shutil.disk_usage(folder).free
    detail = f"{free / 10**9:.1f} GB free for journals"
    if free < LEAST_TO_OPEN:
        return Finding("disk", False, f"{detail}: runs open nothing any more. Make room.")
    return Finding("disk", free >= LEAST_TO_RUN, detail if free >= LEAST_TO_RUN else f"{detail}. Make room soon.")


def databases() -> Finding:
    """Are the databases of project and runs of a version that this workbench knows?"""
    from workbench.journal import version_of
    from workbench.settings import home_folder

    home, wrong, seen = home_folder(), [], 0
    for file in sorted((home / "runs").glob("*/journal.sqlite")):
        seen += 1
        try:
            version, known = version_of(file)
        except WorkbenchError as error:
            wrong.append(str(error))
            continue
        if version is not None and version > known:
            wrong.append(f"{file} is at version {version}, this workbench knows {known}: update it.")
    if wrong:
        return Finding("databases", False, " ".join(wrong[:3]))
    return Finding("databases", True, f"{seen} journals of runs, none newer than this workbench")


def core_dumps() -> Finding:
    """May a crash write memory, with keys in it, to the disk? A runner forbids it for itself."""
    if os.name == "nt":
        return Finding("core dumps", True, "not on this system")
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    return Finding("core dumps", True, "off" if soft == 0 else "on for your shell; `ulimit -c 0` turns them off")
