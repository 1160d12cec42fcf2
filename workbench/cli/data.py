"""`workbench data`: take candles in, see what is stored, and judge it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.output import AsJson, answer, table
from workbench.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from workbench.market import Candles

app = typer.Typer(name="data", help="Take candles in, see what is stored, and judge it.", no_args_is_help=True)

Venue = Annotated[str, typer.Argument(help="Where they come from, such as binance.")]
Instrument = Annotated[str, typer.Argument(help="BTC/USDT, or BTC/USDT:USDT for a perpetual.")]
Timeframe = Annotated[str, typer.Argument(help="Length of a bar: 1m, 1h, 1d, …")]
Start = Annotated[str | None, typer.Option(help="First moment, UTC: 2024-01-01.")]
End = Annotated[str | None, typer.Option(help="First moment that is not wanted any more.")]


@app.command()
def ingest(
    file: Annotated[Path, typer.Argument(help="Parquet, CSV or Feather.")],
    venue: Annotated[str, typer.Option(help="Where the candles come from, such as binance.")],
    instrument: Annotated[str, typer.Option(help="BTC/USDT, or BTC/USDT:USDT for a perpetual.")],
    timeframe: Annotated[str | None, typer.Option(help="Length of a bar; left out: the commonest step.")] = None,
    time_unit: Annotated[str | None, typer.Option(help="Unit of whole-number stamps: s, ms, us or ns.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Let new bars take the place of stored ones.")] = False,
    json: AsJson = False,
) -> None:
    """Check a file of candles and take it into the store."""
    import workbench as wb

    found = wb.data.ingest(
        file, venue=venue, instrument=instrument, timeframe=timeframe, time_unit=time_unit, replace=replace
    )
    answer(found, str(found), as_json=json)


@app.command()
def sample(json: AsJson = False) -> None:
    """Make the sample set, so that everything can be tried offline."""
    import workbench as wb

    made = wb.data.sample()
    answer(made, table(made), as_json=json)


@app.command()
def catalog(json: AsJson = False) -> None:
    """List what the store holds."""
    import workbench as wb

    held: pl.DataFrame = wb.data.catalog()
    empty = "The store is empty. `workbench data sample` fills it with something to try."
    answer(held, table(held) if len(held) else empty, as_json=json)


@app.command()
def candles(
    venue: Venue,
    instrument: Instrument,
    timeframe: Timeframe,
    start: Start = None,
    end: End = None,
    out: Annotated[Path | None, typer.Option(help="Write them to this .parquet or .csv file.")] = None,
    json: AsJson = False,
) -> None:
    """Print candles of the store, or write them to a file."""
    bars = read(venue, instrument, timeframe, start, end)
    if out is None:
        answer(bars.to_polars(), table(bars.to_polars()), as_json=json)
        return
    write(bars.to_polars(), out)
    answer({"file": out, "rows": len(bars)}, f"{len(bars):,} bars in {out}", as_json=json)


@app.command()
def audit(
    source: Annotated[str, typer.Argument(help="A file; or a venue, and then an instrument and a timeframe.")],
    instrument: Annotated[str | None, typer.Argument(help="BTC/USDT, or BTC/USDT:USDT for a perpetual.")] = None,
    timeframe: Annotated[str | None, typer.Argument(help="Length of a bar: 1m, 1h, 1d, …")] = None,
    start: Start = None,
    end: End = None,
    json: AsJson = False,
) -> None:
    """Count what is missing, doubled, dead or odd in stored candles, or in a file before it is taken in."""
    import workbench as wb

    if instrument is None:
        found = wb.data.audit(Path(source))
    elif timeframe is None:
        raise typer.BadParameter("a venue is followed by an instrument and a timeframe: binance BTC/USDT 1h")
    else:
        found = read(source, instrument, timeframe, start, end).audit()
    answer(found, str(found), as_json=json)


@app.command()
def download(
    venue: Venue,
    instrument: Instrument,
    timeframe: Timeframe,
    start: Annotated[str, typer.Option(help="First moment, UTC: 2024-01-01.")],
    end: End = None,
    json: AsJson = False,
) -> None:
    """Fetch candles from a venue; run it again to go on where it stopped."""
    import workbench as wb

    done = wb.data.download(venue, instrument, timeframe, start=start, end=end)
    answer(done, str(done), as_json=json)


def read(venue: str, instrument: str, timeframe: str, start: str | None, end: str | None) -> Candles:
    """Candles of the store; the options that were left out are not passed on."""
    import workbench as wb

    span: dict[str, Any] = {key: value for key, value in (("start", start), ("end", end)) if value is not None}
    return wb.candles(venue, instrument, timeframe, **span)


def write(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame in the format that the file's name asks for."""
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".csv":
        frame.write_csv(path)
    else:
        raise ConfigError(f"{path}: no such format as {path.suffix!r}. End the name in .parquet or .csv.")
