"""Where log lines go: a file in a run's folder, rotated by size, and the terminal if that is wanted.

Everything that Python's `logging` carries goes the same way, redacted, whoever writes it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
import traceback
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog

from workbench.log import ring
from workbench.log.redacting import redacted

QUIET = ("ccxt", "urllib3", "aiohttp", "asyncio", "websockets", "httpx", "httpcore", "uvicorn")  # DEBUG shows headers
LONGEST = 20_000
STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "_record", "_logger", "_name"}


def get(name: str) -> Any:
    """A logger: `get("live").warning("the venue is slow", venue="okx", seconds=3.2)`."""
    return structlog.stdlib.get_logger(name if name.startswith("workbench") else f"workbench.{name}")


def configure(
    folder: Path | None = None,
    *,
    name: str = "run",
    level: str = "INFO",
    max_bytes: int = 10_000_000,
    keep: int = 7,
    terminal: bool = False,
) -> Path | None:
    """Send log lines to a file in a folder (0700, files 0600), and to the terminal if wanted; returns the file.

    Parameters
    ----------
    name : str
        Of the file, before `.jsonl`. Each process needs one of its own.
    level : str
        The least that is written. Warnings reach `warnings` in any case.
    max_bytes, keep : int
        A file is put aside when it is full, and the oldest goes when there are more than `keep`.
    """
    _use_structlog()
    root = logging.getLogger()
    close()
    root.setLevel(logging.DEBUG)
    _add(root, _Ring(), "WARNING")
    file = None
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / f"{name}.jsonl"
        _add(root, _File(file, max_bytes=max_bytes, keep=keep), level)
    if terminal:
        _add(root, logging.StreamHandler(sys.stderr), level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.INFO)
    return file


def close() -> None:
    """Take our handlers away and close their files."""
    root = logging.getLogger()
    for handler in [one for one in root.handlers if getattr(one, "is_workbenchs", False)]:
        root.removeHandler(handler)
        handler.close()


def _use_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.render_to_log_kwargs,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _add(root: logging.Logger, handler: logging.Handler, level: str) -> None:
    handler.is_workbenchs = True  # type: ignore[attr-defined]
    handler.setLevel(level)
    handler.addFilter(_is_wanted)
    handler.setFormatter(_Lines())
    root.addHandler(handler)


def _is_wanted(record: logging.LogRecord) -> bool:
    """Clients of venues print keys and signatures at DEBUG: that is not written, whoever turned it on."""
    return record.levelno >= logging.INFO or record.name.partition(".")[0] not in QUIET


def told(record: logging.LogRecord) -> dict[str, Any]:
    """What a record says, redacted: time, level, source, event, and its own fields."""
    try:
        said = record.getMessage()
    except Exception as error:  # wrong arguments must not stop who logs
        said = f"{record.msg!r} (its arguments do not fit: {type(error).__name__})"
    line = {
        "time": _utc(record.created), "level": record.levelname.lower(), "source": record.name,
        "event": redacted(said)[:LONGEST], "process": record.process,
    }  # fmt: skip
    own = {name: value for name, value in record.__dict__.items() if name not in STANDARD}
    line.update(redacted(own))
    if record.exc_info and record.exc_info[1] is not None:
        line["exception"] = redacted("".join(traceback.format_exception(record.exc_info[1])))[-LONGEST:]
    return line


def _utc(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"


class _Lines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(told(record), ensure_ascii=False, default=str)


class _Ring(logging.Handler):
    """Keeps warnings for a status."""

    def emit(self, record: logging.LogRecord) -> None:
        line = told(record)
        details = {name: value for name, value in line.items()
                   if name not in {"time", "level", "source", "event", "process", "exception"}}  # fmt: skip
        ring.keep(int(record.created * 1000), line["level"], record.name, line["event"], details)


class _File(RotatingFileHandler):
    """A file of log lines, its owner's alone. What cannot be written is lost, and said once: logs stop nobody."""

    def __init__(self, path: Path, *, max_bytes: int, keep: int) -> None:
        self.lost = 0
        super().__init__(path, maxBytes=max_bytes, backupCount=keep - 1 or 1, encoding="utf-8")

    def _open(self) -> Any:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:
        """Not written: the disk is full, or the folder is gone."""
        self.lost += 1
        error = sys.exc_info()[1]
        said = f"log lines are lost: {error}"
        ring.keep(int(record.created * 1000), "error", "workbench.log", said, {"lost": self.lost})

    def close(self) -> None:
        """Close the file, whatever the disk says to the rest of it."""
        with contextlib.suppress(OSError):
            super().close()
