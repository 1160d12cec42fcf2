"""Logs: lines of JSON, rotated and redacted, and warnings that a status shows. A log line is never a result."""

from workbench.log.redacting import hide, redacted
from workbench.log.ring import Warned, forget_warnings, warnings
from workbench.log.setup import close, configure, get

__all__ = ["Warned", "close", "configure", "forget_warnings", "get", "hide", "redacted", "warnings"]
