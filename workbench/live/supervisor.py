"""The supervisor of one run: `python -m workbench.live.supervisor FOLDER`, detached from whoever asked for it.

It gets the keys once, as a line on its standard input, and hands them to each runner that it starts the same way. It
watches the runner's process and its heartbeat, starts it again, and owns the kill switch.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from workbench.connectors import Clock, SystemClock
from workbench.errors import WorkbenchError
from workbench.live.admission import ensure_token
from workbench.live.client import Client, is_there
from workbench.live.control import Control
from workbench.live.folder import RunFolder
from workbench.live.killing import KillSwitch, Proof
from workbench.live.logs import Outlet, open_logs
from workbench.live.noting import LATE_S, held, journal_kill, last_end, note_end
from workbench.live.plan import Mode, Plan
from workbench.live.process import Child, find_runner, harden, last_words, start_runner
from workbench.log import redacted

MOST_STARTS, WITHIN_S = 5, 600.0
PAUSES_S = (0.0, 0.5, 1.0, 2.0, 4.0)
HUNG_S, SLOW_START_S, LOOK_S = 10.0, 180.0, 0.25
ANSWER_S, GOODBYE_S = 0.3, 0.8  # for a runner that is being killed: to answer at all, and to end by itself
ALONE_S = 0.5  # of looking once more after a runner that ended by itself; else `LATE_S`
GIVE_UP_S = 24 * 3600.0  # of asking a venue that does not answer
STOPPED, REFUSED = 0, 2


class Supervisor:
    """One run's guardian, and what its socket can be asked: status, stop, kill."""

    def __init__(
        self, plan: Plan, folder: RunFolder, keys: Mapping[str, Any], clock: Clock, *, quiet: bool = False
    ) -> None:  # fmt: skip
        self.plan, self.folder, self.clock, self._keys, self._quiet = plan, folder, clock, keys, quiet
        self.log = Outlet(folder.logs / "supervisor.log")
        self.state, self.reason = "starting", ""
        self.killed: dict[str, Any] | None = None
        self.runner: Child | None = None
        self._starts: deque[float] = deque()
        self._switch = KillSwitch(plan, keys, clock, budgets=folder.path.parent.parent / "budgets", tell=self.tell)
        self._ended, self._killing = asyncio.Event(), asyncio.Lock()
        self._cold: list[str] = []
        self._is_leaving = self.is_ready = False
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- life ---

    async def run(self) -> None:
        """Until the run is over."""
        control = Control(
            self, self.folder.supervisor_socket, ensure_token(self.folder.token), facts={"run": self.plan.run}
        )
        await control.start()
        try:
            self._later(self._keep_warm())
            self._later(self._guard())
            await self._ended.wait()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await control.close()
            await self._switch.close()

    async def _guard(self) -> None:
        """Have a runner at work until it ends for good, or has died too often."""
        self.runner = find_runner(self.folder)
        while True:
            if self.runner is None:
                await self._start()
            assert self.runner is not None, "a start makes one, or raises"
            self.state = "running"
            code = await self._watch(self.runner)
            self.runner = None
            if self._killing.locked() or self.killed is not None:
                return
            if code == REFUSED:
                self._end("refused", last_words(self.folder))
                return
            if code == STOPPED and await self._has_left():
                return
            self.tell("runner died", code=code)
            if not await self._may_start_again():
                await self._leave_safe()
                return

    async def _has_left(self) -> bool:
        """It ended in order: was that a stop, a kill of its own, or only a signal, after which it should go on?"""
        why, left = await asyncio.to_thread(last_end, self.folder, self.plan)
        if why == "killed":
            proof = await self._switch.kill()
            proof.is_counted = False
            self._end("killed", f"By its own limits or by command. {in_words(self.plan, proof)}", proof.facts())
        elif why not in ("running", "paused", "starting"):
            self._end("stopped", f"LEFT: {', '.join(left)}." if left else "")
        else:
            return self._is_leaving
        return True

    def leave(self) -> None:
        """A signal: the machine goes down, or somebody wants us gone. Nothing is cancelled; a new start goes on."""
        self._is_leaving = True
        if self.runner is not None:
            self.runner.signal(signal.SIGTERM)
        self._end("left", "it was told to go by a signal; its orders stay at the venue until it is started again.")

    async def _start(self) -> None:
        self._starts.append(self.clock.steady_s())
        self.runner = start_runner(self.folder, self._keys)
        self.tell("runner started", pid=self.runner.pid)

    async def _watch(self, runner: Child) -> int | None:
        """Wait for its end, or make one if its loop stands still; the exit code, None where it is not known.

        A runner that starts may have to compile, and its loop stands still; one that has started may not. Before its
        first beat the file tells of another.
        """
        ended, self.is_ready = asyncio.ensure_future(runner.wait()), False
        try:
            last, since_s = runner.beats(), self.clock.steady_s()
            while not ended.done():
                await asyncio.wait([ended], timeout=LOOK_S)
                beats, now_s = runner.beats(), self.clock.steady_s()
                if beats != last:
                    last, since_s, self.is_ready = beats, now_s, runner.says_ready()
                elif now_s - since_s > (HUNG_S if self.is_ready else SLOW_START_S):
                    self.tell("runner hangs", pid=runner.pid, seconds=round(now_s - since_s, 1))
                    runner.signal(signal.SIGKILL)
                    since_s = now_s
            return ended.result()
        finally:
            ended.cancel()

    async def _may_start_again(self) -> bool:
        now_s = self.clock.steady_s()
        while self._starts and now_s - self._starts[0] > WITHIN_S:
            self._starts.popleft()
        if len(self._starts) > MOST_STARTS:
            return False
        await self.clock.sleep(PAUSES_S[min(len(self._starts), len(PAUSES_S)) - 1] if self._starts else 0.0)
        return True

    async def _leave_safe(self) -> None:
        """It died too often: no order of it is left at the venue, and it stays down until somebody looks."""
        proof = await self._switch.kill()
        self.state = "down"
        self.reason = (f"the runner died {len(self._starts)} times within {WITHIN_S / 60:g} minutes and stays down. "
                       f"{in_words(self.plan, proof)} Its log says why: {self.folder.logs}.")  # fmt: skip
        note_end(self.folder, "down", self.reason, self.clock.now_ms(), proof.facts())
        self.tell("down", **proof.facts())

    def _end(self, state: str, reason: str, proof: dict[str, Any] | None = None) -> None:
        self.state, self.reason = state, reason
        note_end(self.folder, state, reason, self.clock.now_ms(), proof)
        self.tell(state, reason=reason)
        self._ended.set()

    async def _keep_warm(self) -> None:
        """Connectors that are ready make a kill quick; one that cannot be made is tried again, and said."""
        await self.clock.sleep(2.0)  # the runner's start goes first
        while True:
            self._cold = await self._switch.warm()
            await self.clock.sleep(5.0 if self._cold else 60.0)

    # --- what it is asked ---

    def status(self) -> dict[str, Any]:
        """How the run stands, seen from outside of its runner."""
        runner = self.runner
        return {
            "name": self.plan.name, "run": self.plan.run, "mode": self.plan.mode.value, "state": self.state,
            "reason": self.reason, "pid": os.getpid(), "runner": runner.pid if runner else None,
            "beats": runner.beats() if runner else 0, "starts": len(self._starts), "ready": self.is_ready,
            "kill_switch": "ready" if self._switch.is_warm else "; ".join(self._cold) or "not ready yet",
            "killed": self.killed,
        }  # fmt: skip

    async def stop(self, *, hold: bool = True, who: str = "") -> dict[str, Any]:
        """Have the runner stop in order; one that is down already is only let go."""
        if self.runner is None:
            self._end("stopped", f"{self.reason or 'there was no runner'} Stopped by {who}.")
            return {"stopped": True, "left": []}
        said = await asyncio.to_thread(Client(self.folder, who=who).stop, hold=hold)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), 5.0)
        return said

    async def kill(self, *, flatten: bool = False, who: str = "") -> dict[str, Any]:
        """End the runner, cancel everything, prove it; asked twice, the second waits for the first."""
        async with self._killing:
            before = self.killed
            if before is not None and before["proven"] and (before["flatten"] or not flatten):
                return before
            self.killed = facts = await self._kill(flatten, who)
            self._later(self._after_kill(facts, LATE_S if facts["runner"] == "ended by SIGKILL" else ALONE_S))
            return facts

    async def kill_and_leave(self, *, flatten: bool, who: str) -> dict[str, Any]:
        """The same for a run that has no supervisor, from a process that ends after it."""
        try:
            facts = await self._kill(flatten, who)
            await self._after_kill(facts, ALONE_S)
            return facts
        finally:
            await self._switch.close()

    async def _kill(self, flatten: bool, who: str) -> dict[str, Any]:
        start = self.clock.steady_s()
        self.state = "killing"
        self.tell("kill", who=who, flatten=flatten)
        before = await self._switch.count()
        runner, was_told = await self._end_runner()
        proof = await self._switch.kill()
        proof.found, proof.is_counted = max(proof.found, before or 0), before is not None or not was_told
        if flatten:
            await self._switch.flatten(await self._holdings(), proof)
        facts = {"killed": True, "who": who, "flatten": flatten, "runner": runner, **proof.facts(),
                 "seconds": round(self.clock.steady_s() - start, 3), "says": in_words(self.plan, proof)}  # fmt: skip
        note_end(self.folder, "killed", facts["says"], self.clock.now_ms(), facts)
        self.state, self.reason = "killed", facts["says"]
        self.tell("killed", **facts)
        return facts

    async def _end_runner(self) -> tuple[str, bool]:
        """It gets a moment to go by itself, if it answers at all; what hangs is ended at once. How, and was it told?"""
        runner = self.runner or find_runner(self.folder)
        if runner is None:
            return "was not at work", False
        client = Client(self.folder, who="kill switch")
        answers = await asyncio.to_thread(is_there, client, timeout_s=ANSWER_S)
        if answers:
            leaving = asyncio.ensure_future(asyncio.to_thread(_say_kill, client))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(runner.wait(), GOODBYE_S)
            leaving.cancel()
        if runner.is_gone():
            return "ended by itself", answers
        runner.signal(signal.SIGKILL)
        await runner.wait()
        return "ended by SIGKILL", answers

    async def _holdings(self) -> dict[str, Decimal]:
        try:
            return await asyncio.wait_for(asyncio.to_thread(held, self.folder, self.plan), 3.0)
        except (WorkbenchError, TimeoutError) as error:
            self.tell("holdings unknown", error=str(error))
            return {}

    async def _after_kill(self, facts: dict[str, Any], late_s: float) -> None:
        """Journal it, and go on looking as long as an order may still turn up that was on its way."""
        noted = await asyncio.to_thread(journal_kill, self.folder, self.plan, facts, self.clock.now_ms())
        if noted:
            self.tell("kill not journalled", reason=noted)
        now_s = self.clock.steady_s()
        until_s, end_s = now_s + late_s, now_s + GIVE_UP_S * (not self._quiet)
        while self._switch.places and (now_s < until_s or (now_s < end_s and not facts["proven"])):
            await self.clock.sleep(min(late_s, 1.0))
            now_s = self.clock.steady_s()
            proof = await self._switch.kill(limit_s=5.0)
            if proof.found or (proof.is_proven and not facts["proven"]):
                facts.update(proof.facts(), says=in_words(self.plan, proof))
                note_end(self.folder, "killed", facts["says"], self.clock.now_ms(), facts)
                self.tell("killed late", **proof.facts())
        self._ended.set()

    def tell(self, event: str, **facts: Any) -> None:
        """A line of its log."""
        if self._quiet:
            return
        line = redacted({"time_ms": self.clock.now_ms(), "event": event, **facts})
        self.log.write(json.dumps(line, default=str) + "\n")

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._broke)

    def _broke(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.tell("supervisor broke", error=repr(task.exception()))
            self.state, self.reason = "down", f"its supervisor broke: {task.exception()}"


def in_words(plan: Plan, proof: Proof) -> str:
    """A kill in a sentence or two."""
    if plan.mode == Mode.PAPER:
        return "A paper run has no orders at a venue; those that it imagined are gone with its runner."
    markets = ", ".join(dict.fromkeys(place.instrument for place in plan.markets))
    if proof.is_proven:
        said = f"{proof.found} {'order was' if proof.found == 1 else 'orders were'} cancelled"
        if not proof.is_counted:
            said = f"its runner cancelled its own orders, and {said} after it"
        return f"Nothing of {markets} is open at the venue: {said} in {proof.seconds:.2f} s.{_rest(proof)}"
    open_ = f"STILL OPEN: {', '.join(proof.left)}. " if proof.left else ""
    unknown = f"NOT KNOWN: {'; '.join(proof.unknown)}. " if proof.unknown else ""
    return f"{open_}{unknown}Look at the venue's own page and cancel there.{_rest(proof)}"


def _rest(proof: Proof) -> str:
    done = f" {'; '.join(proof.flattened).capitalize()}." if proof.flattened else ""
    return done + (f" Still held: {'; '.join(proof.held)}." if proof.held else "")


def _say_kill(client: Client) -> None:
    with contextlib.suppress(WorkbenchError):
        client.kill(timeout_s=GOODBYE_S)


def main(arguments: list[str] | None = None) -> int:
    """Guard the run that lies in a folder; the exit code."""
    harden()
    folder = RunFolder(Path((arguments or sys.argv[1:])[0]))
    try:
        plan = Plan.read(folder.path)
        keys = json.loads(sys.stdin.readline() or "{}").get("keys", {})
        open_logs(folder, "supervisor", keys)
        with folder.locked("supervisor"):
            asyncio.run(_supervise(plan, folder, keys))
    except WorkbenchError as error:
        note_end(folder, "refused", str(error), SystemClock().now_ms())
        sys.stderr.write(json.dumps({"event": "refused", "reason": str(error)}) + "\n")
        return REFUSED
    return STOPPED


async def _supervise(plan: Plan, folder: RunFolder, keys: Mapping[str, Any]) -> None:
    supervisor = Supervisor(plan, folder, keys, SystemClock())
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, supervisor.leave)
    supervisor.tell("supervisor started", pid=os.getpid(), run=plan.run)
    await supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
