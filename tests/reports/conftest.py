"""A browser for the tests of pages and widgets."""

from lab import chromium

__all__ = ["chromium"]
