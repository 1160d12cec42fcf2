"""`workbench backtest`: a controller by name or from a file, over stored candles."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.data import read
from workbench.cli.output import AsJson, answer
from workbench.errors import ConfigError

if TYPE_CHECKING:
    from workbench.backtest import Result
    from workbench.controllers import Controller


def backtest(
    controller: Annotated[str, typer.Argument(help="A shipped one, such as bollinger, or FILE.py or FILE.py:Class.")],
    venue: Annotated[str, typer.Option(help="Where the candles come from.")],
    instrument: Annotated[str, typer.Option(help="BTC/USDT, or BTC/USDT:USDT for a perpetual.")],
    timeframe: Annotated[str, typer.Option(help="Length of a bar: 1m, 1h, 1d, …")],
    start: Annotated[str | None, typer.Option(help="First moment, UTC: 2024-01-01.")] = None,
    end: Annotated[str | None, typer.Option(help="First moment that is not wanted any more.")] = None,
    cash: Annotated[float, typer.Option(help="Quote currency at the start.")] = 10_000.0,
    account: Annotated[str | None, typer.Option(help="spot, or margin; left out: as the instrument is.")] = None,
    leverage: Annotated[float, typer.Option(help="Of a margin account.")] = 1.0,
    fees: Annotated[float | None, typer.Option(help="Fraction of each fill's value: 0.001 is 0.1 %.")] = None,
    slippage: Annotated[float | None, typer.Option(help="Fraction of the price that a market order loses.")] = None,
    latency: Annotated[int | None, typer.Option(help="Bars that an order takes to arrive.")] = None,
    path: Annotated[str, typer.Option(help="Inside a bar: worst, best or ohlc.")] = "worst",
    set: Annotated[list[str] | None, typer.Option(help="A parameter, as in --set length=50; repeat it.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report to this file.")] = None,
    json: AsJson = False,
) -> None:
    """Backtest CONTROLLER over stored candles."""
    import workbench as wb

    bot = find_controller(controller)(**parameters(set or []))
    candles = read(venue, instrument, timeframe, start, end)
    models = {"fees": fees, "slippage": slippage, "latency": latency}
    given: dict[str, Any] = {name: value for name, value in models.items() if value is not None}
    result = wb.backtest(bot, candles, cash=cash, account=account, leverage=leverage, path=path, **given)
    written = None if report is None else result.report(report)
    text = str(result.summary()) + (f"\n\nReport: {written}" if written else "")
    answer({**facts(result), "report": written}, text, as_json=json)


def facts(result: Result) -> dict[str, Any]:
    """What a program wants to know of a backtest."""
    return {
        "controller": result.bot.name,
        "parameters": result.bot.parameters,
        "metrics": result.metrics,
        "bounds": result.bounds,
        "audit": result.audit,
        "card": result.card,
    }


def parameters(settings: list[str]) -> dict[str, Any]:
    """`["length=50", "side=long"]` as a mapping; numbers, True, False, None and text are told apart."""
    pairs = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.isidentifier():
            raise ConfigError(f"--set {setting}: that is no parameter. Write a name, = and a value: --set length=50.")
        pairs[name] = literal(value)
    return pairs


def literal(text: str) -> Any:
    """The Python value that `text` writes, or the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def find_controller(name: str) -> type[Controller]:
    """A shipped controller by its name, or one from `FILE.py` or `FILE.py:Class`."""
    from workbench.controllers import by_name

    path, _, wanted = name.partition(":")
    return from_file(Path(path), wanted) if path.endswith(".py") else by_name(name)


def from_file(path: Path, wanted: str) -> type[Controller]:
    """The controller that a file defines; with several, the one called `wanted`."""
    if not path.is_file():
        raise ConfigError(f"{path} is not a file. Check the path of the strategy.")
    own = {key: value for key, value in vars(load(path)).items() if is_own(value, path.stem)}
    chosen = wanted or (next(iter(own)) if len(own) == 1 else "")
    if chosen not in own:
        there = f"It defines {', '.join(own)}" if own else "It defines no controller"
        raise ConfigError(
            f"{path}: {f'no controller {wanted!r}' if wanted else 'which one?'} {there}. Write {path}:Class."
        )
    return own[chosen]


def is_own(value: Any, module: str) -> bool:
    """Is this a controller that the file itself defines, not one that it imports?"""
    from workbench.controllers import Controller

    return isinstance(value, type) and issubclass(value, Controller) and value.__module__ == module


def load(path: Path) -> Any:
    """Run a strategy's file as a module; what goes wrong in it is the user's to mend, so it becomes `ConfigError`."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None, "a path that ends in .py always has a loader"
    assert spec.loader is not None, "and the spec knows it"
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{path}: {type(error).__name__} while it was read: {error}. Mend the file.") from error
    return module
