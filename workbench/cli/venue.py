"""`workbench venue`: a venue of one's own on loopback, which any client of Binance can trade on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.data import read
from workbench.cli.output import AsJson, answer
from workbench.errors import ConfigError

if TYPE_CHECKING:
    from workbench.connectors import SimulatedVenue

CLASSES = {False: "binance", True: "binanceusdm"}
SNIPPET = """\
    import ccxt, json, urllib.request
    venue = ccxt.{name}(json.load(urllib.request.urlopen("{door}/ccxt{query}")))
    venue.create_order({symbol!r}, "market", "buy", 0.01)"""


def venue(
    replay: Annotated[
        tuple[str, str, str] | None,
        typer.Option(help="Replay stored candles: binance BTC/USDT 1m. Left out: a market made up from the seed."),
    ] = None,
    start: Annotated[str | None, typer.Option(help="First moment of the replay, UTC: 2024-01-01.")] = None,
    end: Annotated[str | None, typer.Option(help="First moment that is not wanted any more.")] = None,
    speed: Annotated[float, typer.Option(help="Of a replay: 60 makes a minute a second.")] = 1.0,
    history: Annotated[int, typer.Option(help="Bars before the start of a replay, for clients that ask.")] = 500,
    crowd: Annotated[bool, typer.Option("--crowd", help="Participants that quote and take, in BTC/USDT.")] = False,
    seed: Annotated[int, typer.Option(help="Of the keys, and of a market that is made up.")] = 0,
    account: Annotated[list[str] | None, typer.Option(help="Name of an account; repeat it. Left out: trader.")] = None,
    cash: Annotated[float, typer.Option(help="Quote currency of each account, in both of its wallets.")] = 10_000.0,
    port: Annotated[int, typer.Option(help="Of spot; futures and control take the next two. 0: free ones.")] = 8090,
    seconds: Annotated[float | None, typer.Option(help="Stop after so long; left out: at Ctrl-C.")] = None,
    json: AsJson = False,
) -> None:
    """Open a venue on loopback that speaks Binance's spot and USD-M futures dialects; it runs until it is stopped."""
    from workbench.connectors import SimulatedVenue

    names = account or ["trader"]
    sources, quote = _sources(replay, start, end, history, seed, crowd)
    spot, futures, control = (port, port + 1, port + 2) if port else (0, 0, 0)
    made = SimulatedVenue(
        sources=sources, speed=speed, seed=seed, accounts={name: {quote: cash} for name in names},
        spot_port=spot, futures_port=futures, control_port=control,
    )  # fmt: skip
    asyncio.run(_run(made, names, seconds, as_json=json))


def _sources(
    replay: tuple[str, str, str] | None, start: str | None, end: str | None, history: int, seed: int, crowd: bool
) -> tuple[list[Any], str]:
    from workbench.connectors import CandleSource, Crowd, SeededMarket

    if replay is None:
        if start or end:
            raise ConfigError("--start and --end belong to a replay. Add --replay binance BTC/USDT 1m.")
        return [Crowd(seed=seed) if crowd else SeededMarket(seed=seed)], "USDT"
    if crowd:
        raise ConfigError("--crowd makes its own prices, so it does not go with --replay. Leave one of them out.")
    candles = read(*replay, start, end)
    return [CandleSource(candles, history=history)], candles.instrument.quote


async def _run(made: SimulatedVenue, names: list[str], seconds: float | None, *, as_json: bool) -> None:
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    async with _opened(made):
        facts = _facts(made, names)
        answer(facts, _words(made, facts), as_json=as_json)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), seconds)
    if not as_json:
        typer.echo("Closed.")


@contextlib.asynccontextmanager
async def _opened(made: SimulatedVenue) -> Any:
    try:
        async with made:
            yield
    except OSError as error:
        raise ConfigError(f"{error.strerror or error}. Another program has that port: give another --port.") from error


def _facts(made: SimulatedVenue, names: list[str]) -> dict[str, Any]:
    """What a client needs to know."""
    accounts = {name: {"key": made.account(name).key, "secret": made.account(name).secret} for name in names}
    markets = [*made.core.spot.markets.values(), *made.core.perpetual.markets.values()]
    return {
        "spot": made.spot_url,
        "futures": made.futures_url,
        "control": made.control_url,
        "symbols": [market.rules.symbol for market in markets],
        "accounts": accounts,
        "ccxt": {name: made.ccxt(name) for name in names},
    }


def _words(made: SimulatedVenue, facts: dict[str, Any]) -> str:
    symbol = facts["symbols"][0]
    perpetual = ":" in symbol
    query = "?perpetual=true" if perpetual else ""
    snippet = SNIPPET.format(name=CLASSES[perpetual], door=made.control_url, query=query, symbol=symbol)
    accounts = [
        f"    {who:<10}key {keys['key']}\n{'':14}secret {keys['secret']}" for who, keys in facts["accounts"].items()
    ]
    return "\n".join([
        f"A venue is open, trading {', '.join(facts['symbols'])}. It speaks Binance's dialect; no money is real.",
        *(f"    {door:<10}{facts[door]}" for door in ("spot", "futures", "control")),
        *accounts,
        "From Python, with plain ccxt:",
        snippet,
        "Ctrl-C closes it.",
    ])  # fmt: skip
