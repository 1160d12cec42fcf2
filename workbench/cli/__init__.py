"""The commands of a terminal. They have the words of a notebook, and every one also answers in JSON."""

from workbench.cli.app import app, main

__all__ = ["app", "main"]
