"""A run as a notebook holds it: a name, what is known of it, and its commands. It may come and go; the run stays."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.connectors import SystemClock
from workbench.errors import ConfigError, DataError, WorkbenchError
from workbench.live.client import Client, NotReached
from workbench.live.folder import Heartbeat, RunFolder
from workbench.live.noting import read_end
from workbench.live.plan import Plan
from workbench.live.process import find_process, last_words
from workbench.live.starting import find_folder, folders

if TYPE_CHECKING:
    import polars as pl

    from workbench.live.expectation import Expectation
    from workbench.live.parity import Parity

Found = TypeVar("Found")

OVER = ("stopped", "killed", "refused", "dead", "down", "left")
QUICK_S, SLOW_S = 1.0, 3.0


class Status(dict[str, Any]):
    """What is known of a run now, by name; it prints as a few lines."""

    def __str__(self) -> str:
        first = f"{self['name']}: {self['state']}" + (f", {self['reason']}" if self.get("reason") else "")
        lines = [first, f"  {self['bot']} on {', '.join(self['markets'])} ({self['mode']}), run {self['run']}"]
        lines += [f"  {name}: {_short(value)}" for name, value in (self.get("runner") or {}).items() if _tells(value)]
        supervisor = self.get("supervisor") or {}
        return "\n".join([*lines, f"  kill switch: {supervisor.get('kill_switch', 'no supervisor is at work')}"])

    __repr__ = __str__


class Run:
    """One run, at work or not. `wb.paper`, `wb.live` and `wb.attach` give one.

    Every call asks the run anew; nothing that protects money waits for this object.
    """

    def __init__(self, folder: RunFolder, *, who: str = "notebook") -> None:
        self.folder = folder
        self._runner, self._supervisor = Client(folder, who=who), Client(folder, supervisor=True, who=who)

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.folder.path.name

    @property
    def plan(self) -> Plan:
        """What it does."""
        return Plan.read(self.folder.path)

    def __repr__(self) -> str:
        return f"<run {self.name}: {self.state}>"

    # --- looking ---

    def status(self) -> Status:
        """Everything that is known of it now. Also of a run that is starting, hangs, or is over."""
        plan = self.plan
        runner, supervisor = self._try(self._runner), self._try(self._supervisor)
        state, reason = self._judge(runner, supervisor)
        return Status(
            name=self.name, run=plan.run, mode=plan.mode.value, state=state, reason=reason, bot=plan.bot.path,
            markets=[f"{place.venue} {place.instrument}" for place in plan.markets],
            runner=runner, supervisor=supervisor, end=read_end(self.folder),
        )  # fmt: skip

    @property
    def state(self) -> str:
        """In one word: starting, running, paused, stopping, stopped, killed, refused, hanging, down, dead."""
        return str(self.status()["state"])

    @property
    def is_over(self) -> bool:
        """Has it ended, one way or another?"""
        return self.state in OVER

    def wait(self, *states: str, seconds: float = 60.0) -> Status:
        """Wait until it is in one of these states (left out: in any but "starting"); the status then, or at the end."""
        until = time.monotonic() + seconds
        while True:
            status = self.status()
            done = status["state"] in states if states else status["state"] != "starting"
            if done or time.monotonic() > until or (status["state"] in OVER and status["state"] not in states):
                return status
            time.sleep(0.05)

    @property
    def orders(self) -> pl.DataFrame:
        """Every order of ours, as far as it has come."""
        return self._past(lambda past: past.orders())

    @property
    def fills(self) -> pl.DataFrame:
        """Every execution, once."""
        return self._past(lambda past: past.fills())

    @property
    def equity(self) -> pl.DataFrame:
        """What the run was worth at each bar's close."""
        return self._past(lambda past: past.equity())

    def worth(self) -> dict[str, Any]:
        """`equity`, `net` PnL, `fees`, `funding` and `held` by market, at the last close; empty before the first."""
        rows = self._past(lambda past: past.equity(markets=True))
        if rows.is_empty():
            return {}
        last = {one["market"]: one for one in rows.filter(rows["number"] == rows["number"].max()).to_dicts()}
        whole = last.pop("")
        held = {market: one["position"] for market, one in last.items() if one["position"]}
        money = {name: whole[name] for name in ("equity", "fees", "funding")}
        return {**money, "net": whole["equity"] - self._given(), "held": held}

    def _given(self) -> float:
        """The money that it counted as its own: all of its cash, or a canary's share and what came after."""
        if self.plan.canary is None:
            return self.plan.cash
        from workbench.journal import from_text

        texts = self._past(lambda past: past.events("funded"))["body"]
        return self.plan.first_cash + sum(float(from_text(one)["amount"]) for one in texts)

    @property
    def events(self) -> pl.DataFrame:
        """Everything that was written down, in order."""
        return self._past(lambda past: past.events())

    def follow(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Entries of the journal after a number, and each that comes, until the run ends."""
        return self._runner.follow(after)

    def logs(self, lines: int = 50) -> list[str]:
        """The last lines of its runner's log."""
        try:
            return (self.folder.logs / "runner.log").read_text(errors="replace").splitlines()[-lines:]
        except FileNotFoundError:
            return []

    def parity(self, candles: Mapping[str, Any] | None = None) -> Parity:
        """Did it do as a backtest over the same bars does? Decisions row by row, fills side by side, and why.

        Parameters
        ----------
        candles : dict of instrument to Candles, optional
            Of the same time from elsewhere, such as the store: each bar of the run is held against them too.
        """
        from workbench.live.parity import compare

        plan, folder = self.plan, self.folder.path
        return self._past(lambda past: compare(past.entries(), plan, plan.bot.load(folder), candles=candles))

    def against(self, result: Any, *, every: int = 1, rate: float = 0.05) -> Expectation:
        """Does it still earn what its backtest promised? Its curve on the cone of chance, and a test with a known rate.

        Parameters
        ----------
        result : Result or array
            The backtest, of bars that were in nobody's sight when the strategy was chosen, or its equity.
        every : int
            Bars to a period.
        rate : float
            Probability of ever raising a false alarm.
        """
        from workbench.live.expectation import against

        promised = result.tape.equity if hasattr(result, "tape") else result
        return against(self.equity["equity"].to_numpy(), promised, every=every, rate=rate)

    def panel(self, *, history: str | None = None) -> Any:
        """Look in, from this cell: money, orders, book, chart, log; pause, stop, kill, and the hot parameters.

        It reads from the run itself, past this kernel, and goes on while the kernel is busy or gone.

        Parameters
        ----------
        history : str, optional
            Under which venue the store has older candles of its instrument; left out: under the run's own.
        """
        from importlib import import_module  # a face, and faces stand above this room

        return import_module("workbench.panels").panel(self, history=history)

    # --- commanding ---

    def pause(self) -> dict[str, Any]:
        """Open nothing more; exits and protection go on."""
        return self._runner.pause()

    def resume(self) -> dict[str, Any]:
        """Open again."""
        return self._runner.resume()

    def update(self, **parameters: Any) -> dict[str, Any]:
        """Change parameters of the bot that may change while it trades."""
        return self._runner.update(parameters)

    def prepare(self, **parameters: Any) -> dict[str, Any]:
        """Lay new parameters ready; `commit` lets them take over at a bar's end. Until then nothing changes."""
        return self._runner.prepare(parameters)

    def commit(self, ticket: int) -> dict[str, Any]:
        """Let prepared parameters take over when the open bar ends; `ticket` is in the answer of `prepare`."""
        return self._runner.commit(ticket)

    def discard(self, ticket: int) -> dict[str, Any]:
        """Take prepared parameters away again."""
        return self._runner.discard(ticket)

    def stop(self, *, hold: bool = True) -> dict[str, Any]:
        """End in order: nothing new, cancel, prove it, close what is held unless `hold`. Says what is left."""
        if find_process(self.folder, "supervisor"):
            return self._supervisor.stop(hold=hold)
        return self._runner.stop(hold=hold)

    def kill(self, *, flatten: bool = False, passphrase: Any = None) -> dict[str, Any]:
        """Cancel every order of its instruments now, and prove it; `flatten` sells what is left.

        The supervisor does it, whatever state the runner is in. If there is no supervisor it is done from here, with
        keys from the vault.
        """
        try:
            return self._supervisor.kill(flatten=flatten)
        except NotReached:
            return kill_alone(self.folder, flatten=flatten, passphrase=passphrase, who=self._runner.who)

    # --- inside ---

    def _judge(self, runner: dict[str, Any] | None, supervisor: dict[str, Any] | None) -> tuple[str, str]:
        if runner is not None:
            return str(runner.get("state", "running")), str(runner.get("reason", "") or "")
        if supervisor is not None and supervisor["state"] not in ("running", "starting"):
            return supervisor["state"], supervisor["reason"]
        if find_process(self.folder, "runner"):
            guarded = find_process(self.folder, "supervisor") is not None
            return self._judge_silent(is_ready=supervisor["ready"] if supervisor else not guarded)
        end = read_end(self.folder)
        if end is not None:
            return end["state"], end["reason"]
        if supervisor is not None or find_process(self.folder, "supervisor"):
            return "starting", ""
        return "dead", f"nothing of it is at work. `workbench attach {self.name}` starts it again. " \
                       f"{last_words(self.folder, 'supervisor')}".strip()  # fmt: skip

    def _judge_silent(self, *, is_ready: bool) -> tuple[str, str]:
        """Its runner lives and does not answer: it starts, is slow, or hangs."""
        if not is_ready or not self.folder.socket.exists():
            return "starting", ""
        age_s = (SystemClock().now_ms() - Heartbeat.read(self.folder.heartbeat)[1]) / 1_000
        if age_s < SLOW_S:
            return "running", f"its runner did not answer within {QUICK_S:g} s"
        return "hanging", f"its runner's loop has stood still for {age_s:.0f} s"

    def _try(self, client: Client) -> dict[str, Any] | None:
        try:
            return client.status(timeout_s=QUICK_S)
        except NotReached:
            return None

    def _past(self, look: Callable[[Any], Found]) -> Found:
        from workbench.journal import Past

        plan = self.plan
        try:
            past = Past.open(plan.journal or self.folder.journal_url, run=plan.run)
        except DataError as error:
            raise DataError(f"{self.name} has written nothing yet ({self.state}). Wait a moment.") from error
        with past:
            return look(past)


def attach(name: str, *, passphrase: Any = None, who: str = "notebook") -> Run:
    """A run by its name, from any notebook. One that lost its supervisor, or died, gets a new one.

    Parameters
    ----------
    passphrase : str, optional
        Of the vault, if a new supervisor needs keys; left out: it is asked for.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    from workbench.live.keys import keys_of
    from workbench.live.starting import start_again

    run = Run(find_folder(name), who=who)
    orphan = find_process(run.folder, "supervisor") is None
    if orphan and (find_process(run.folder, "runner") or run.state in ("dead", "left")):
        start_again(run.folder, keys_of(run.plan, run.folder, passphrase))
    return run


def runs() -> pl.DataFrame:
    """Every run that there is or was: name, state, mode, bot, markets, why it ended."""
    import polars as pl

    columns = ("name", "state", "mode", "bot", "markets", "run", "reason")
    rows = []
    for folder in folders():
        try:
            status: Mapping[str, Any] = Run(folder).status()
        except WorkbenchError as error:
            status = {"name": folder.path.name, "state": "unreadable", "reason": str(error)}
        markets = ", ".join(status.get("markets", []))
        rows.append({name: str(status.get(name, "")) for name in columns} | {"markets": markets})
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def kill_alone(folder: RunFolder, *, flatten: bool, passphrase: Any = None, who: str = "") -> dict[str, Any]:
    """The kill switch without a supervisor, from this process; see `workbench.live.supervisor`.

    Raises
    ------
    ConfigError
        If the keys cannot be had.
    """
    from workbench.live.keys import keys_of
    from workbench.live.supervisor import Supervisor

    plan = Plan.read(folder.path)
    keys = keys_of(plan, folder, passphrase)

    async def kill() -> dict[str, Any]:
        guardian = Supervisor(plan, folder, keys, SystemClock(), quiet=True)
        return await guardian.kill_and_leave(flatten=flatten, who=who)

    return _in_a_loop_of_its_own(kill)


def _in_a_loop_of_its_own(work: Callable[[], Any]) -> Any:
    """A notebook's cell has a loop already; this waits in another thread for one of ours."""
    came: list[Any] = []

    def go() -> None:
        try:
            came.append(asyncio.run(work()))
        except BaseException as error:
            came.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    if isinstance(came[0], BaseException):
        raise came[0]
    return came[0]


def _tells(value: Any) -> bool:
    return value not in (None, "", [], {}) and not isinstance(value, dict | list)


def _short(value: Any) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else str(value)[:120]


__all__ = ["ConfigError", "Run", "Status", "attach", "kill_alone", "runs"]
