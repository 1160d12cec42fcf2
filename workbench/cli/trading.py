"""`workbench paper` and `workbench live`: start a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.backtest import find_controller, literal, parameters
from workbench.cli.output import AsJson, answer
from workbench.errors import ConfigError

if TYPE_CHECKING:
    from workbench.live import Run

WHO = "terminal"
Bot = Annotated[str, typer.Argument(help="A shipped one, such as bollinger, or FILE.py or FILE.py:Class.")]
Venue = Annotated[str, typer.Option(help="Where it trades.")]
Instruments = Annotated[
    list[str], typer.Option("--instrument", help="BTC/USDT, or BTC/USDT:USDT for a perpetual; repeat it for several.")
]
Name = Annotated[str | None, typer.Option(help="What you call it; left out: made of strategy and instrument.")]
Timeframe = Annotated[str, typer.Option(help="Length of a bar: 1m, 1h, …")]
Cash = Annotated[float, typer.Option(help="Quote currency that it counts as its own.")]
Set = Annotated[list[str] | None, typer.Option(help="A parameter, as in --set length=50; repeat it.")]
Limit = Annotated[list[str] | None, typer.Option(help="A limit, as in --limit max_order_notional=500; repeat it.")]
Journal = Annotated[str | None, typer.Option(help="Address of a database; left out: a file of its own.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Put an ended run of this name aside and begin anew.")]
Share = Annotated[bool, typer.Option("--share", help="Trade a market that another run trades too.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait until it has started; 0: do not.")]


def paper(
    controller: Bot,
    instrument: Instruments,
    venue: Venue = "binance",
    name: Name = None,
    timeframe: Timeframe = "1m",
    cash: Cash = 10_000.0,
    simulated: Annotated[
        str | None, typer.Option(help="Control address of a simulated venue: its prices, and real orders there.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Of the simulated venue; left out: trader.")] = None,
    set: Set = None,
    limit: Limit = None,
    term: Annotated[list[str] | None, typer.Option(help="Of the account, as in --term leverage=2; repeat it.")] = None,
    journal: Journal = None,
    fresh: Fresh = False,
    share: Share = False,
    wait: Wait = 120.0,
    json: AsJson = False,
) -> None:
    """Run CONTROLLER on live prices with imagined fills, in a supervised process of its own."""
    from workbench.live import paper as start

    bot = find_controller(controller)(**parameters(set or []))
    given: dict[str, Any] = {} if journal is None else {"journal": journal}
    run = start(
        bot, venue, instrument, name=name, timeframe=timeframe, cash=cash, limits=limits_of(limit or []),
        simulated=simulated, account=account, fresh=fresh, share=share, who=WHO, terms=parameters(term or []), **given,
    )  # fmt: skip
    started(run, wait, as_json=json)


def live(
    controller: Bot,
    instrument: Instruments,
    account: Annotated[str, typer.Option(help="Whose keys lie in the vault.")],
    venue: Venue = "binance",
    name: Name = None,
    timeframe: Timeframe = "1m",
    cash: Cash = 10_000.0,
    set: Set = None,
    limit: Limit = None,
    term: Annotated[list[str] | None, typer.Option(help="Of the account, as in --term leverage=2; repeat it.")] = None,
    journal: Journal = None,
    confirm: Annotated[str | None, typer.Option(help="The run's name, instead of typing it when asked.")] = None,
    passphrase_file: Annotated[
        Path | None, typer.Option(help="A file, for its owner alone, with the vault's passphrase; - is the input.")
    ] = None,
    fresh: Fresh = False,
    share: Share = False,
    wait: Wait = 120.0,
    json: AsJson = False,
) -> None:
    """Run CONTROLLER with money: one screen says what that means, and wants the run's name typed."""
    from workbench.live import live as start

    bot = find_controller(controller)(**parameters(set or []))
    given: dict[str, Any] = {} if journal is None else {"journal": journal}
    run = start(
        bot, venue, instrument, account=account, name=name, timeframe=timeframe, cash=cash,
        limits=limits_of(limit or []), confirm=confirm if confirm is not None else typed_name,
        passphrase=passphrase_of(passphrase_file), fresh=fresh, share=share, who=WHO, terms=parameters(term or []),
        say=lambda text: typer.echo(text, err=json), **given,
    )  # fmt: skip
    started(run, wait, as_json=json)


def started(run: Run, seconds: float, *, as_json: bool) -> None:
    """Say how it started; one that refused to is the user's to mend."""
    status = run.wait(seconds=seconds)
    if status["state"] in ("refused", "down", "dead"):
        raise ConfigError(f"{run.name} did not start: {status['reason']}")
    text = f"{status}\n`workbench attach {run.name}` looks in, `workbench stop {run.name}` ends it."
    answer(facts(status), text, as_json=as_json)


def facts(status: Any) -> dict[str, Any]:
    """What a program wants to know of a run."""
    names = ("name", "run", "mode", "state", "reason", "bot", "markets", "runner", "supervisor", "end")
    return {name: status.get(name) for name in names}


def limits_of(given: list[str]) -> Any:
    """`["max_order_notional=500"]` as `Limits`; None with no number means no limit."""
    from workbench.trading import Limits

    pairs = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise ConfigError(f"--limit {one}: that is no limit. Write --limit max_order_notional=500.")
        pairs[name] = literal(value)
    return Limits(**pairs)


def typed_name(name: str) -> str:
    """Ask for the run's name; where nobody can type there is no yes."""
    if not sys.stdin.isatty():
        raise ConfigError(f"nobody is there to type {name!r}. Give --confirm {name} if you mean it.")
    return str(typer.prompt(f"Type {name} to trade with money", err=True))


def passphrase_of(path: Path | None) -> str | None:
    """The vault's passphrase from a file or the input; None: it is asked for."""
    if path is None:
        return None
    if str(path) == "-":
        return sys.stdin.readline().rstrip("\n")
    if not path.is_file() or path.stat().st_mode & 0o077:
        raise ConfigError(f"{path} is no file, or others can read it. `chmod 600` it.")
    return path.read_text().rstrip("\n")
