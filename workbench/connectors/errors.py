"""Venue errors that code acts on, as leaves of the tree in `workbench.errors`."""

from __future__ import annotations

from workbench.errors import Busy, Rejected, Silent


class AlreadyThere(Silent):
    """The venue has an order with this client id: ask for it and adopt it; the create was no failure."""


class NotThere(Rejected):
    """The venue does not know the order. For an order that was accepted once this proves nothing."""


class NoFunds(Rejected):
    """The account cannot carry the order."""


class KeyRefused(Rejected):
    """The key, its signature, its rights or its address is refused: open nothing more and tell a person."""


class ClockOff(Busy):
    """The request's time was outside the venue's window; it was not accepted. Measure the clock again."""


class Throttled(Busy):
    """Too many requests; `wait_s` is what the venue asked for, None where it did not say."""

    def __init__(
        self, message: str, *, venue: str = "", instrument: str = "", request: str = "", wait_s: float | None = None
    ) -> None:
        super().__init__(message, venue=venue, instrument=instrument, request=request)
        self.wait_s = wait_s
