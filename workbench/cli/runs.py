"""`workbench runs | attach | status | logs | pause | resume | stop | kill`: look at runs and command them."""

from __future__ import annotations

import contextlib
import json as json_
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.output import AsJson, answer, plain, table
from workbench.cli.trading import WHO, facts, passphrase_of

if TYPE_CHECKING:
    from workbench.live import Run

POSITION = re.compile(r"-?[\d.e+-]+ \S+")  # "0.5 BTC/USDT", which a stop holds unless it was told to close
NOT_AT_WORK = 3  # of `status`: it is not at work; of `stop` and `kill`: something is left
Name = Annotated[str, typer.Argument(help="Of the run.")]
Passphrase = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="With the vault's passphrase, if keys are needed; - is the input."),
]


def runs(json: AsJson = False) -> None:
    """List every run that there is or was."""
    from workbench.live import runs as find

    found = find()
    empty = "There are no runs yet. `workbench paper bollinger --instrument BTC/USDT` starts one."
    shown = found.select("name", "state", "mode", "bot", "markets", "reason") if len(found) else found
    answer(found, table(shown) if len(found) else empty, as_json=json)


def status(name: Name, json: AsJson = False) -> None:
    """Say what a run is and does; the exit code is 3 if it is not at work."""
    from workbench.live import OVER

    found = _run(name).status()
    answer(facts(found), str(found), as_json=json)
    if found["state"] in OVER:
        raise typer.Exit(NOT_AT_WORK)


def attach(
    name: Name,
    passphrase_file: Passphrase = None,
    after: Annotated[int, typer.Option(help="Show entries after this number; left out: the last twenty.")] = -1,
    seconds: Annotated[float | None, typer.Option(help="Leave after so long; left out: at Ctrl-C.")] = None,
    json: AsJson = False,
) -> None:
    """Look in: what is written down, as it happens. A run that lost its supervisor, or died, gets a new one."""
    from workbench.live import OVER
    from workbench.live import attach as take

    run = take(name, passphrase=passphrase_of(passphrase_file), who=WHO)
    found = run.wait(seconds=60.0)
    if not json:
        typer.echo(f"{found}\nCtrl-C leaves; the run goes on.")
    if found["state"] not in (*OVER, "starting", "hanging"):
        with contextlib.suppress(KeyboardInterrupt):
            _show(run, after if after >= 0 else _last(run) - 20, seconds, as_json=json)
    elif json:
        typer.echo(json_.dumps(plain(facts(found)), ensure_ascii=False))


def logs(
    name: Name,
    lines: Annotated[int, typer.Option("--lines", "-n", help="So many of the last ones.")] = 50,
    json: AsJson = False,
) -> None:
    """Print the last lines of a run's log."""
    found = _run(name).logs(lines)
    answer([_parsed(line) for line in found], "\n".join(found) or "Its log is empty yet.", as_json=json)


def pause(name: Name, json: AsJson = False) -> None:
    """Open nothing more; exits and protection go on."""
    answer(_run(name).pause(), f"{name} opens nothing more. `workbench resume {name}` lets it.", as_json=json)


def resume(name: Name, json: AsJson = False) -> None:
    """Open again after a pause, or after the circuit breaker."""
    answer(_run(name).resume(), f"{name} opens again.", as_json=json)


def stop(
    name: Name,
    close: Annotated[bool, typer.Option("--close", help="Close what is held, instead of holding it.")] = False,
    json: AsJson = False,
) -> None:
    """End a run in order: nothing new, cancel, prove it; say what is left. The exit code is 3 if orders are."""
    said = _run(name).stop(hold=not close)
    left = [str(one) for one in said.get("left") or []]
    held, open_ = [one for one in left if POSITION.fullmatch(one)], [one for one in left if not POSITION.fullmatch(one)]
    text = f"{name} has stopped. " + (f"LEFT: {', '.join(open_)}." if open_ else "No order of it is open.")
    answer(said, text + (f" It holds {', '.join(held)}." if held else ""), as_json=json)
    if open_ or (held and close):
        raise typer.Exit(NOT_AT_WORK)


def kill(
    name: Name,
    flatten: Annotated[bool, typer.Option("--flatten", help="Also sell what is held, at market.")] = False,
    passphrase_file: Passphrase = None,
    json: AsJson = False,
) -> None:
    """Cancel every order of a run's instruments now, whoever made them, and prove it.

    It needs neither its runner nor its supervisor. The exit code is 3 if it could not be proven that nothing is open.
    """
    said = _run(name).kill(flatten=flatten, passphrase=passphrase_of(passphrase_file))
    answer(said, f"{name}: {said['says']} Its runner {said['runner']}.", as_json=json)
    if not said["proven"]:
        raise typer.Exit(NOT_AT_WORK)


def _run(name: str) -> Run:
    from workbench.live import Run, find_folder

    return Run(find_folder(name), who=WHO)


def _last(run: Run) -> int:
    try:
        return int(run.events["number"].max() or 0)  # type: ignore[arg-type]
    except ValueError:  # nothing is written yet
        return 0


def _show(run: Run, after: int, seconds: float | None, *, as_json: bool) -> None:
    until = None if seconds is None else time.monotonic() + seconds
    for entry in run.follow(max(after, 0)):
        typer.echo(json_.dumps(entry, ensure_ascii=False) if as_json else _line(entry))
        if until is not None and time.monotonic() > until:
            return


def _line(entry: dict[str, Any]) -> str:
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(entry.get("time_ms", 0) / 1000, UTC)
    body = json_.dumps(entry.get("body"), ensure_ascii=False)
    when = f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"
    return f"{entry.get('number', 0):>7}  {when}  {entry.get('kind', ''):<11} {body[:140]}"


def _parsed(line: str) -> Any:
    try:
        return json_.loads(line)
    except ValueError:
        return {"text": line}
