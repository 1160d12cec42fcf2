"""Older settings brought to today's form, with the old file kept beside the new; and the way back.

Version 0 has no `version`. It is what people wrote before there was one, or copied from Hummingbot: fees as
`<venue>_maker_percent_fee` in percent, and `kill_switch_rate`.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from workbench.errors import ConfigError
from workbench.settings.files import changing, write_whole
from workbench.settings.model import VERSION, checked

PERCENT = re.compile(r"(?P<venue>\w+?)_(?P<side>maker|taker)_percent_fee")


def is_old(document: Any) -> bool:
    """Is it of an older version? An empty file is of none."""
    return bool(document) and document.get("version", 0) != VERSION


def migrated(document: Any) -> Any:
    """A document, changed in place step by step until it is of today's version. Comments stay where they are.

    Raises
    ------
    ConfigError
        If a step cannot be taken.
    """
    while is_old(document):
        version = document.get("version", 0)
        if version not in STEPS:
            raise ConfigError(f"`version` is {version!r}, which there never was. Versions go from 0 to {VERSION}.")
        STEPS[version](document)
    return document


def migrate(path: Path, read: Callable[[Path], Any], write: Callable[[Path, Any], None]) -> Path | None:
    """Bring a file up to date; what it was is kept as `config.yaml.v0`. Returns that, or None: it was up to date.

    Raises
    ------
    ConfigError
        If it cannot be. Then nothing was changed.
    """
    with changing(path):
        document = read(path)
        if not is_old(document):
            return None
        before = document.get("version", 0)
        migrated(document)
        checked(copy.deepcopy(document), where=str(path))
        backup = _free(path.with_name(f"{path.name}.v{before}"))
        write_whole(backup, path.read_bytes())
        write(path, document)
        return backup


def roll_back(path: Path) -> Path:
    """Put the newest kept file back; what was there is kept as `config.yaml.undone`. Returns the file that came back.

    Raises
    ------
    ConfigError
        If none was kept.
    """
    kept = sorted(path.parent.glob(f"{path.name}.v*"), key=lambda file: file.stat().st_mtime_ns)
    if not kept:
        raise ConfigError(f"Beside {path} lies no older one to go back to. Nothing was changed.")
    with changing(path):
        if path.exists():
            shutil.copyfile(path, _free(path.with_name(f"{path.name}.undone")))
        write_whole(path, kept[-1].read_bytes())
        os.unlink(kept[-1])
    return kept[-1]


def _free(path: Path) -> Path:
    """A name that no file has yet: nothing that was kept is ever written over."""
    taken, count = path, 1
    while taken.exists():
        count += 1
        taken = path.with_name(f"{path.name}.{count}")
    return taken


def _from_0(document: Any) -> None:
    for name in list(document):
        match = PERCENT.fullmatch(str(name))
        if match:
            fee = document.setdefault("fees", {}).setdefault(match["venue"], {})
            fee[match["side"]] = _fraction(name, document.pop(name))
    rate = document.pop("kill_switch_rate", None)
    if rate is not None:
        document.setdefault("limits", {})["kill_loss"] = float(abs(Decimal(_fraction("kill_switch_rate", rate))))
    document["version"] = 1


def _fraction(name: Any, percent: Any) -> str:
    try:
        return format((Decimal(str(percent)) / 100).normalize(), "f")
    except InvalidOperation:
        raise ConfigError(f"`{name}` is {percent!r}, which is no percentage. Mend it, then migrate.") from None


STEPS: dict[Any, Callable[[Any], None]] = {0: _from_0}
