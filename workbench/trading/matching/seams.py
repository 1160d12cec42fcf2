"""The seams of a walk, at which a world with purses does more; any other world does nothing there."""

from __future__ import annotations

from workbench.compiled import compiled


@compiled(leaf=True)
def steps_over(world):
    """May bars inside all prices waited for be stepped over without a look?"""
    return True


@compiled(leaf=True)
def begin_row(world, extra, row, close_ms):
    """Before any bar of a row: rates that became known, and funding due at the close before."""


@compiled(leaf=True)
def opened_at(world, m, open_ms, close_ms):
    """When a market's bar of a row began, or the row did: whichever is later."""
    return open_ms


@compiled(leaf=True)
def see_bar(world, extra, m, opened):
    """Before a market's bar: its mark and what it has of volume."""


@compiled(leaf=True)
def see_tick(world, tick):
    """At a tick, before anything is matched: the mark price, and liquidation."""


@compiled(leaf=True)
def after_open(world, extra, m, close_ms):
    """After the open tick of a bar: funding due inside it."""


@compiled(leaf=True)
def is_deaf(world, slot):
    """Is a report to an executor still on its way, so that it waits for nothing and takes no step?"""
    return False


@compiled(leaf=True)
def has_heard(world, slot):
    """Has an executor of two markets heard of its fills by the close of a row?"""
    return True
