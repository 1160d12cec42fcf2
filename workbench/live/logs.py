"""What a process of a run logs: into a file of its own, with its keys taken out of every line of every library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workbench.errors import WorkbenchError
from workbench.live.folder import RunFolder
from workbench.log import configure, hide
from workbench.settings import load_config


def open_logs(folder: RunFolder, role: str, keys: Mapping[str, Any]) -> None:
    """Send the log lines of this process to `log/<role>.jsonl`, as large and as many as the settings say.

    Settings that cannot be read stop no run that is at work: then the usual ones are meant.
    """
    hide(*_texts(keys))
    try:
        wanted = load_config().logs.model_dump()
    except WorkbenchError:
        wanted = {"level": "INFO", "max_mb": 10, "keep": 7}
    configure(folder.logs, name=role, level=wanted["level"], max_bytes=wanted["max_mb"] * 10**6, keep=wanted["keep"])


def _texts(keys: Any) -> Iterator[str]:
    if isinstance(keys, Mapping):
        for value in keys.values():
            yield from _texts(value)
    elif isinstance(keys, str):
        yield keys
