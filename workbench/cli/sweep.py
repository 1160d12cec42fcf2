"""`workbench sweep`: every combination of a grid over stored candles, and how much of the best is luck."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.backtest import find_controller, literal, parameters
from workbench.cli.data import read
from workbench.cli.output import AsJson, answer, table
from workbench.errors import ConfigError

if TYPE_CHECKING:
    from workbench.research import Sweep

RANGE = re.compile(r"^(-?\d+):(-?\d+)(?::(\d+))?$")


def sweep(
    controller: Annotated[str, typer.Argument(help="A shipped one, such as bollinger, or FILE.py or FILE.py:Class.")],
    venue: Annotated[str, typer.Option(help="Where the candles come from.")],
    instrument: Annotated[str, typer.Option(help="BTC/USDT, or BTC/USDT:USDT for a perpetual.")],
    timeframe: Annotated[str, typer.Option(help="Length of a bar: 1m, 1h, 1d, …")],
    grid: Annotated[list[str], typer.Option(help="An axis: length=10:200:10, or stop_loss=0.01,0.02,None; repeat it.")],
    start: Annotated[str | None, typer.Option(help="First moment, UTC: 2024-01-01.")] = None,
    end: Annotated[str | None, typer.Option(help="First moment that is not wanted any more.")] = None,
    set: Annotated[list[str] | None, typer.Option(help="A parameter for all: --set width=2.5; repeat it.")] = None,
    cash: Annotated[float, typer.Option(help="Quote currency at the start.")] = 10_000.0,
    account: Annotated[str | None, typer.Option(help="spot, or margin; left out: as the instrument is.")] = None,
    leverage: Annotated[float, typer.Option(help="Of a margin account.")] = 1.0,
    fees: Annotated[float | None, typer.Option(help="Fraction of each fill's value: 0.001 is 0.1 %.")] = None,
    slippage: Annotated[float | None, typer.Option(help="Fraction of the price that a market order loses.")] = None,
    metric: Annotated[str, typer.Option(help="What the best are best in.")] = "sharpe",
    top: Annotated[int, typer.Option(help="How many of the best to print.", min=1)] = 10,
    sample: Annotated[int | None, typer.Option(help="Draw so many combinations instead of running all.", min=1)] = None,
    threads: Annotated[int | None, typer.Option(help="Left out: all cores.", min=1)] = None,
    engine: Annotated[str, typer.Option(help="local, or dask.")] = "local",
    cluster: Annotated[str | None, typer.Option(help="Address of a Dask cluster.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do not go on from what an earlier one has left.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the whole table to this Parquet file.")] = None,
    json: AsJson = False,
) -> None:
    """Backtest every combination of a grid; Ctrl-C keeps what is finished, and the same command goes on from there."""
    from workbench.research import sweep as run

    bot = find_controller(controller)(**parameters(set or []))
    candles = read(venue, instrument, timeframe, start, end)
    models = {"fees": fees, "slippage": slippage}
    axes = axes_of(grid)
    given: dict[str, Any] = {name: value for name, value in models.items() if value is not None and name not in axes}
    money = {"cash": cash, "account": account, "leverage": leverage}
    given |= {name: value for name, value in money.items() if name not in axes}
    found = run(
        bot, axes, candles, sample=sample, threads=threads, engine=engine, cluster=cluster, resume=not fresh,
        progress=not json, **given,
    )  # fmt: skip
    if out is not None:
        found.table.write_parquet(out)
    best = found.best(metric, top)
    shown = best.select("number", *found.axes, metric, *(name for name in SHOWN if name != metric))
    written = "" if out is None else f"\n\nTable: {out}"
    answer(facts(found, best, out), f"{found}\n\n{table(shown)}{written}", as_json=json)


SHOWN = ("total_return", "max_drawdown", "round_trips", "profit_factor", "route")


def facts(found: Sweep, best: Any, out: Path | None) -> dict[str, Any]:
    """What a program wants to know of a sweep."""
    said = str(found).splitlines()
    return {
        "controller": found.space.bot.name,
        "combinations": found.progress.total,
        "done": found.progress.done,
        "partial": found.is_partial,
        "invalid": found.invalid.height,
        "failed": found.table["error"].drop_nulls().len(),
        "routes": dict(found.table["route"].value_counts().iter_rows()),
        "best": best,
        "luck": said[1] if len(said) > 1 else None,
        "audit": found.verdict,
        "file": out or (None if found.is_partial else found.file),
    }


def axes_of(settings: list[str]) -> dict[str, Any]:
    """`["length=10:200:10", "side=long,both"]` as a grid; both ends of a range belong to it."""
    axes: dict[str, Any] = {}
    for setting in settings:
        name, equals, values = setting.partition("=")
        if not equals or not name.isidentifier() or not values:
            raise ConfigError(
                f"--grid {setting}: that is no axis. Write --grid length=10:200:10 or --grid width=1.5,2."
            )
        if name in axes:
            raise ConfigError(f"--grid {setting}: `{name}` is given twice. Write all its values at once: {name}=1,2.")
        axes[name] = values_of(values)
    return axes


def values_of(text: str) -> list[Any]:
    """The values of an axis: a range of whole numbers, or a list."""
    span = RANGE.match(text)
    if span is None:
        return [literal(part.strip()) for part in text.split(",")]
    first, last, step = int(span[1]), int(span[2]), int(span[3] or 1)
    if step < 1:
        raise ConfigError(f"--grid: the step of {text} is {step}. Give 1 or more.")
    return list(range(first, last + 1, step))
