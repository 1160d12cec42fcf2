"""A strategy at work by itself: the runner process, its session, and what is asked of it."""

from workbench.live.commands import Commands
from workbench.live.folder import Heartbeat, RunFolder, run_folder
from workbench.live.plan import BotSource, Mode, Place, Plan

__all__ = ["BotSource", "Commands", "Heartbeat", "Mode", "Place", "Plan", "RunFolder", "run_folder"]
