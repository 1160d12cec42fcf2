"""The command `workbench`: its subcommands, and how an error becomes one sentence and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from workbench import __version__
from workbench.cli import backtest, config, data, demo, doctor, lab, runs, secrets, sweep, trading, venue
from workbench.errors import WorkbenchError

USERS_FAULT = 1

app = typer.Typer(
    name="workbench",
    help="Research, backtest and trade crypto strategies.",
    epilog="Exit codes: 0 done, 1 the input was wrong (one sentence on stderr says how), 2 the command was mistyped, "
    "3 a run is not at work, or left something behind.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.add_typer(data.app, name="data")
app.command("backtest")(backtest.backtest)
app.command("sweep")(sweep.sweep)
app.add_typer(config.app, name="config")
app.add_typer(secrets.app, name="secrets")
app.command("doctor")(doctor.doctor)
app.command("lab")(lab.lab)
app.command("venue")(venue.venue)
app.command("paper")(trading.paper)
app.command("live")(trading.live)
for command in (runs.runs, runs.attach, runs.status, runs.logs, runs.pause, runs.resume, runs.stop, runs.kill):
    app.command(command.__name__)(command)


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", help="Print the version.", callback=show_version, is_eager=True)]


@app.callback()
def options(version: Version = False) -> None:
    """Research, backtest and trade crypto strategies."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        app()
    except WorkbenchError as error:
        print(f"workbench: {error}", file=sys.stderr)
        sys.exit(USERS_FAULT)
