"""`backtest`: a bot, candles and terms in; a `Result` out."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from workbench.backtest.book import Feeds, as_feeds
from workbench.backtest.card import compare, given_again, restored
from workbench.backtest.configs import give_configs
from workbench.backtest.context import run_ticks
from workbench.backtest.deciding import check_decide, check_written, roomy_targets
from workbench.backtest.engine import Array, Paper, Tape, simulate
from workbench.backtest.extras import Given, as_given, with_extra
from workbench.backtest.lookahead import Verdict, columns_of, find_leak, target_columns
from workbench.backtest.loop import Bars
from workbench.backtest.market import Market, as_market, check_quotes, finer_bars
from workbench.backtest.result import Result
from workbench.backtest.settings import Settings
from workbench.backtest.terms import as_settings
from workbench.backtest.together import run_voices, voices_of
from workbench.backtest.wishes import as_inputs, as_wishes, wanted_targets
from workbench.compiled import no_garbage
from workbench.controllers import Controller, Together, Way
from workbench.errors import ConfigError
from workbench.journal import trials
from workbench.market import Candles, Policy, Targets
from workbench.trading import (
    Fees,
    Intensity,
    Latency,
    Perpetual,
    Queue,
    QueuePosition,
    Slippage,
    World,
)


class LookaheadWarning(UserWarning):
    """A strategy knew the future: its result cannot be traded."""


def backtest(
    bot: Controller | Sequence[Controller],
    candles: Any,
    *,
    cash: float | Mapping[str, float] = 10_000.0,
    account: str | None = None,
    leverage: float = 1.0,
    fees: Fees | float = Fees(),  # noqa: B008 - a frozen value
    slippage: Slippage | float = Slippage(),  # noqa: B008
    latency: Latency | int = Latency(),  # noqa: B008
    path: str | Candles | Mapping[str, Candles] = "worst",
    fill: str | Queue | Intensity | QueuePosition = "touch",
    step: str = "1s",
    participation: float = 0.0,
    perpetual: Perpetual | None = None,
    funding: Any = None,
    marks: Any = None,
    funding_gaps: str = "refuse",
    rates: Mapping[str, Candles] | None = None,
    max_rate_age: str | int = 0,
    log_quotes: bool = False,
    trace: bool = False,
    audit: bool = True,
    seed: int = 0,
) -> Result:
    """Run a bot over candles as it would have traded, and return what happened.

    A decision taken at a bar's close meets the next bar's open. docs/execution.md says how bars are walked and orders
    filled.

    Parameters
    ----------
    bot : Controller, or a list of them
        The strategy with its parameters; several share one account, as `wb.controllers.Together`.
    candles : Candles, or a dict or list of them
        One or several instruments; of several timeframes, each bar is known once it has closed. Or recordings of books
        (`wb.data.book`): then orders meet the recorded book, as docs/books.md says.
    cash : float or dict
        Quote currency at the start; as {"spot": 5_000, "perpetual": 5_000}, or by venue, instrument or currency, for
        purses that share nothing.
    account : "spot", "margin" or "perpetual", optional
        A spot account cannot go short or spend more than it has; a margin account can be `leverage` times its equity
        long or short, and borrows at no cost; "perpetual" is short for `perpetual=Perpetual(leverage=leverage)`. Left
        out: spot; for perpetuals "perpetual" if funding or marks are given, and else margin.
    fees, slippage, latency
        `Fees(maker, taker)` or one fraction for both; `Slippage(fraction, half_spread, impact)` for takers;
        `Latency(bars)`, or `Latency(submit_ms=…, cancel_ms=…, report_ms=…)`.
    path : "worst", "best", "ohlc", or finer candles
        The order in which a bar's extremes are met; finer candles show it.
    fill : "touch", "through", `Queue` or `Intensity`
        Whether a resting limit order fills when the price reaches it, or only when it goes beyond; or by chance. In a
        recorded book "touch", "through", or "queue" and `QueuePosition`, by its place in the queue.
    step : timeframe
        Of recorded books: how often the bot decides, on bars of the mid price of that length; "100ms" will do.
    participation : float
        The share of a bar's volume that our fills amount to at most; 0 for no limit.
    perpetual : Perpetual, optional
        Trade perpetuals with leverage, margin, liquidation and funding. Without it they trade like spot on margin.
    funding : DataFrame, or a dict of them by instrument
        Funding of each perpetual: `time`, `rate` and, if it is known, `mark`. Stamps may be some ms off.
    marks : Candles, or a dict or list of them
        Mark prices; without them the mark is the last price.
    funding_gaps : "refuse" or "name"
        What to do where funding does not cover the run: an error, or nothing paid and `result.funding_gaps`.
    rates : dict of currency to Candles, optional
        Of each currency in which the run holds something, to the quote currency of its first instrument.
    max_rate_age : timeframe or ms
        How old a rate may be for what compares markets; 0: any age.
    log_quotes : bool
        Keep every replaced quote in `result.orders`; off, they are counted.
    trace : bool
        Keep what a policy passed over, and every replaced quote, for `result.why(time)`.
    audit : bool
        Check the strategy for look-ahead; a leak is also a `LookaheadWarning`.
    seed : int
        Of the audit's cuts, and of fills by chance.

    Raises
    ------
    ConfigError
        Terms or parameters that cannot be; nothing has been run.
    DataError
        Candles that cannot be traded on together, or targets that do not fit them.
    """
    bot, feeds = as_bot(bot), as_feeds(candles)
    if feeds is not None:
        feeds.refuse(path=path, slippage=slippage, participation=participation, marks=marks, rates=rates)
        candles, fill, account = feeds.candles(step), feeds.model(fill), account or feeds.account
    elif isinstance(fill, QueuePosition) or fill == "queue":
        raise ConfigError("A place in the queue is known in recorded books alone. On candles use wb.Queue(chance).")
    market = as_market(candles)
    check_quotes(market, rates)
    is_walked_finer = not isinstance(path, str)
    settings = as_settings(
        market.instruments, cash=cash, account=account, leverage=leverage, fees=fees, slippage=slippage,
        latency=latency, path=path, fill=fill, log_quotes=log_quotes, trace=trace, participation=participation,
        perpetual=perpetual, funding=funding, marks=marks, funding_gaps=funding_gaps, max_rate_age=max_rate_age,
        seed=seed,
    )  # fmt: skip
    seed = settings.seed
    shared = feeds is not None or isinstance(bot, Together)
    given = as_given(market, settings, funding, marks, rates, shared=shared)
    if given is not None:
        settings = replace(settings, cash=given.cash(int(market.time[0])))
    finer = as_market(path, "path") if is_walked_finer else None
    bars = market.bars() if finer is None else finer_bars(market, finer)
    began = time.perf_counter()
    tape, targets = run(bot, market, bars, settings, (finer or market).timeframe_ms, finer or market, given, feeds)
    trials.record_run(bot, market.candles.values())
    verdict = look(bot, market, targets, seed, time.perf_counter() - began) if audit else None
    return Result(bot, market, bars, settings, tape, targets, verdict, seed, finer, given, feeds)


def rerun(card: Mapping[str, Any]) -> Result:
    """Make a run again from its card.

    Parameters
    ----------
    card : Card, or the mapping made of its JSON
        In a new process the candles come from the store, and the strategy from where its class is defined.

    Raises
    ------
    ConfigError, DataError
        If the strategy or the candles cannot be had, or have changed.
    BrokenInvariant
        If the result is not the same to the bit; the message says what else differs.
    """
    bot, candles, finer, terms = restored(card)
    path = finer or terms.pop("path")
    terms.pop("path", None)
    result = backtest(bot, candles, path=path, seed=card.get("seed", 0), **terms, **given_again(card))
    compare(card, result.card)
    return result


def as_bot(bot: Any) -> Controller:
    """The strategy to run, several as one; what is none is refused with a word on what is wrong."""
    if isinstance(bot, Controller):
        return bot
    if isinstance(bot, list | tuple):
        return Together(bots=tuple(bot))
    if isinstance(bot, type) and issubclass(bot, Controller):
        raise ConfigError(f"`bot` is the class {bot.__name__}. Make one of it: wb.backtest({bot.__name__}(), candles).")
    if isinstance(bot, Candles):
        raise ConfigError("`bot` is a table of candles. The bot comes first: wb.backtest(bot, candles).")
    raise ConfigError(f"`bot` is a {type(bot).__name__}. Give a controller, as in wb.controllers.Bollinger(length=50).")


def run(
    bot: Controller,
    market: Market,
    bars: Bars,
    settings: Settings,
    timeframe_ms: int,
    walked: Market,
    given: Given | None = None,
    feeds: Feeds | None = None,
    paper: Paper | None = None,
) -> tuple[Tape, list[Targets]]:
    """One pass of the engine, by whichever way the bot says what it wants; with its targets, if it has any."""
    venues = [one.venue for one in market.candles.values()]

    def begun(policy: Policy | None) -> tuple[World, Bars]:
        world = settings.world(market.instruments, policy, venues, purses=given is not None)
        walks = with_extra(bars, market, walked, given, world)
        return (world, walks) if feeds is None else feeds.into(world, walks, settings)

    if isinstance(bot, Together):
        voices = voices_of(bot, market)
        world, bars = begun(None)
        return run_voices(bot, voices, world, bars, timeframe_ms, market), []
    way = type(bot).authored()
    if way == Way.TARGETS:
        targets = wanted_targets(bot, market)
        wishes, out, policy = as_wishes(targets, market)
        world, bars = begun(policy)
        return simulate(world, bars, timeframe_ms, out=out, wishes=wishes, paper=paper), targets
    world, bars = begun(getattr(bot, "policy", None))
    world["tells_levels"] = 1
    if way == Way.DECIDE:
        with no_garbage():  # what is loaded stays, and machine code makes none
            check_decide(bot)
            give_configs(world, bot.executors(), market.names)
            inputs, (out, whole) = as_inputs(bot, market), roomy_targets(bot.levels)
            tape = simulate(world, bars, timeframe_ms, out=out, inputs=inputs, decide=bot.decide, paper=paper)
        check_written(bot, whole)
        return tape, []
    return run_ticks(bot.on_tick, world, market, bars, timeframe_ms), []


def look(bot: Controller, market: Market, targets: list[Targets], seed: int, run_seconds: float) -> Verdict:
    """Audit a bot for look-ahead, warning about a leak at once."""
    if isinstance(bot, Together):
        return look_at_each(bot, market, seed, run_seconds)
    if type(bot).authored() == Way.ON_TICK:
        return Verdict(clean=True, rows=len(market.time), unchecked=("`on_tick` sees only the bars that have closed",))
    single = market.is_single
    whole = target_columns(targets[0]) if targets and single else None
    produce = columns_of(bot) if single or not targets else columns_of_each(bot, market)
    verdict = find_leak(
        produce, market.only if single else market.candles, seed=seed, whole=whole, run_seconds=run_seconds
    )
    if not verdict.clean:
        warnings.warn(str(verdict), LookaheadWarning, stacklevel=3)
    return verdict


def look_at_each(bot: Together, market: Market, seed: int, run_seconds: float) -> Verdict:
    """The verdict on the first of several that looked ahead; else that on the last."""
    names = bot.instruments or ((),) * len(bot.bots)
    for one, own in zip(bot.bots, names, strict=True):
        seen = as_market({name: market.candles[name] for name in own}) if own else market
        verdict = look(one, seen, [], seed, run_seconds)
        if not verdict.clean:
            break
    return verdict


def columns_of_each(bot: Controller, market: Market) -> Any:
    """The columns of a bot that speaks about each instrument by itself, named after them."""
    single = columns_of(bot)

    def produce(candles: Mapping[str, Candles]) -> dict[str, Array]:
        return {
            f"{name} {column}": np.asarray(values)
            for name, one in candles.items()
            for column, values in single(one).items()
        }

    return produce
