"""Every exception of workbench, as one tree. The type tells code what to do; the message tells a person."""

from __future__ import annotations


class WorkbenchError(Exception):
    """Root of the tree: catch it to catch all that workbench raises on purpose."""


class ConfigError(WorkbenchError, ValueError):
    """A parameter or setting is wrong; nothing has been done."""


class DataError(WorkbenchError, ValueError):
    """Candles are missing, unordered, not finite or otherwise unusable; they are never patched silently."""


class VenueError(WorkbenchError):
    """A venue refused, delayed or lost a request."""

    def __init__(self, message: str, *, venue: str = "", instrument: str = "", request: str = "") -> None:
        super().__init__(message)
        self.venue = venue
        self.instrument = instrument
        self.request = request


class Rejected(VenueError):
    """The venue will say no again: fix the request."""


class Busy(VenueError):
    """The venue will say yes later: wait and retry, bounded."""


class Silent(VenueError):
    """We do not know what the venue did: reconcile, never resend blindly."""


class BrokenInvariant(WorkbenchError, AssertionError):
    """Our own state cannot be right: stop trading."""
