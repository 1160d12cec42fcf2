"""What a backtest leaves in your hands: numbers, tables, charts, and how far to believe them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.backtest import tables
from workbench.backtest.book import Feeds
from workbench.backtest.bounds import Bounds, Endings, closing_sides, find_endings
from workbench.backtest.card import Card, make_card
from workbench.backtest.engine import Array, Tape
from workbench.backtest.extras import Given, funding_frame, purses_frame
from workbench.backtest.funding import Gap
from workbench.backtest.holds import handed_frame, holds_frame
from workbench.backtest.loop import Bars
from workbench.backtest.market import Market
from workbench.backtest.rewalk import Rewalk, rewalk
from workbench.backtest.settings import Settings
from workbench.backtest.together import accounts_frame, controllers_frame
from workbench.backtest.trips import round_trips
from workbench.backtest.why import Story, row_of, story_of, trace_frame
from workbench.controllers import Together
from workbench.errors import ConfigError
from workbench.market import Moment, as_time
from workbench.metrics import Trips, summarise

if TYPE_CHECKING:
    import vectorbt

    from workbench.backtest.lookahead import Verdict
    from workbench.market import Targets
    from workbench.reports import Material, Summary


@dataclass(eq=False, repr=False)
class Result:
    """One finished backtest. Tables and numbers are made when they are first asked for.

    Attributes
    ----------
    bot : Controller
    candles : dict of instrument to Candles
    audit : Verdict or None
        Whether the strategy looked ahead; None where `audit=False`.
    seed : int
        Of the audit's cuts; nothing else is random.
    """

    bot: Any
    market: Market
    bars: Bars
    settings: Settings
    tape: Tape
    targets: list[Targets]
    audit: Verdict | None
    seed: int
    finer: Market | None = None
    given: Given | None = None
    feeds: Feeds | None = None

    @property
    def candles(self) -> dict[str, Any]:
        return self.market.candles

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Every number of `workbench.metrics.METRICS`; NaN where one is not defined. With purses also `funding`."""
        world, trips = self.tape.world, self._trips
        pnl = np.ascontiguousarray(trips["pnl"])
        with np.errstate(invalid="ignore", divide="ignore"):
            returns = pnl / trips["entry_value"]
        close = self.bars.close[0] if self.market.is_single else self.bars.close
        paid = {"funding": self._funding_paid} if self.given is not None else {}
        return paid | summarise(
            self.bars.time, self.tape.equity, timeframe_ms=self.timeframe_ms, cash=self.settings.cash,
            trips=Trips(pnl, returns, trips["entry_ms"], trips["exit_ms"], trips["side"]),
            fees_paid=float(world["fees"][0]), volume_traded=float(world["volume"][0]),
            bars_exposed=int(world["bars_exposed"][0]), close=close,
        )  # fmt: skip

    @property
    def timeframe_ms(self) -> int:
        """Length of the bars that were walked."""
        return (self.finer or self.market).timeframe_ms

    @cached_property
    def _trips(self) -> Array:
        return round_trips(self.tape, self.bars.time)

    @cached_property
    def equity(self) -> pl.DataFrame:
        """time, equity, drawdown (positive fraction), exposure (signed fraction of equity); a row per bar."""
        return tables.equity_frame(self.tape, self.bars)

    @cached_property
    def fills(self) -> pl.DataFrame:
        """Every execution."""
        return tables.fills_frame(self.tape, self.bars, self.market.names)

    @cached_property
    def orders(self) -> pl.DataFrame:
        """Every order, in order of its id; quotes replaced unfilled are counted in `replaced_quotes` instead."""
        return tables.orders_frame(self.tape, self.bars, self.market.names)

    @cached_property
    def executors(self) -> pl.DataFrame:
        """Every executor, done or at work."""
        return tables.executors_frame(self.tape, self.bars, self.market.names)

    @cached_property
    def round_trips(self) -> pl.DataFrame:
        """Closed round trips, in order of their exit."""
        return tables.trips_frame(self._trips, self.market.names)

    @cached_property
    def refusals(self) -> pl.DataFrame:
        """What was refused, how often, and why."""
        return tables.refusals_frame(self.tape)

    @cached_property
    def funding(self) -> pl.DataFrame:
        """Every payment of funding, paid (positive) or received, on the position held then."""
        return funding_frame(self.tape.payments, self.market.names)

    @property
    def funding_gaps(self) -> tuple[Gap, ...]:
        """Where funding of a perpetual was not known, and nothing was paid; empty unless `funding_gaps="name"`."""
        return () if self.given is None else self.given.gaps

    @cached_property
    def purses(self) -> pl.DataFrame:
        """Each purse as it ended: its kind, quote balance, and what a venue bore of losses beyond it."""
        return purses_frame(self.tape.world, self.market.names, self.given)

    def why(self, time: Moment) -> Story:
        """What happened in the bar of a moment, and why what did not happen did not; print it.

        Parameters
        ----------
        time : str, int or datetime
            A moment inside the bar, UTC.

        Raises
        ------
        ConfigError
            If the run has no such bar.
        """
        row = row_of(as_time(time), self.bars.time, self.timeframe_ms)
        alike = self.finer is None and all(rows is None for rows in self.market.rows)
        targets = self.targets if alike else []
        return story_of(self.tape, self.market, self.bars, targets, row, traced=self.settings.trace)

    @cached_property
    def trace(self) -> pl.DataFrame:
        """Every refusal with its bar, whose it was, and why; with `trace=True` what a policy passed over too."""
        return trace_frame(self.tape, self.bars.time, self.market.names)

    @cached_property
    def holds(self) -> pl.DataFrame:
        """What no executor holds, netted by instrument: amount, break-even, realised and unrealised PnL, and fees.

        Quotes and holds trade here, and executors hand over what they still held when they ended; `hand_overs` says
        which. In hedge mode there is a row for each leg. With what executors at work hold it is the position.
        """
        return holds_frame(self.tape, self.bars, self.market.names, self._owners)

    @cached_property
    def hand_overs(self) -> pl.DataFrame:
        """What each executor left to the position hold of its controller: signed base units, and at which price."""
        return handed_frame(self.tape, self.bars, self.market.names, self._owners)

    @property
    def _owners(self) -> tuple[str, ...]:
        return self.bot.names if isinstance(self.bot, Together) else (self.bot.name,)

    @cached_property
    def controllers(self) -> pl.DataFrame:
        """Each of several bots as it ended: its PnL, its fills, and when and by which stop it was stopped."""
        return controllers_frame(self.tape, self._bot_names, self.bars.time)

    @cached_property
    def accounts(self) -> pl.DataFrame:
        """The PnL of each of several bots at each close; their sum is the change of equity."""
        return accounts_frame(self.tape, self._bot_names, self.bars)

    @property
    def _bot_names(self) -> tuple[str, ...]:
        if isinstance(self.bot, Together):
            return self.bot.names
        raise ConfigError("This run had one strategy. Give several to wb.backtest, as a list, for accounts of each.")

    @property
    def old_rates(self) -> int:
        """Rows in which the rate of a currency that is held was older than `max_rate_age`."""
        return int(self.tape.world["rows_with_old_rate"][0]) if self.given is not None else 0

    @property
    def liquidations(self) -> pl.DataFrame:
        """The fills with which a venue closed positions that their purse no longer carried."""
        return self.fills.filter(pl.col("liquidation")) if "liquidation" in self.fills.columns else self.fills.clear()

    @property
    def _funding_paid(self) -> float:
        world = self.tape.world
        return float(world["funding"][0])

    @property
    def replaced_quotes(self) -> int:
        """Quotes that were cancelled without a fill, and are not in `orders` unless `log_quotes=True`."""
        return int(self.tape.world["cancelled_quotes"][0])

    @cached_property
    def _endings(self) -> Endings:
        closing = closing_sides(self.targets, self.market, self.bars)
        return find_endings(self.tape, self.bars, self.finer or self.market, self.settings, closing)

    @cached_property
    def bounds(self) -> Bounds:
        """Net profit on the worst, expected and best path inside each bar; how many bars were ambiguous."""
        profit = float(self.tape.equity[-1]) - self.settings.cash
        if self.given is not None:
            # Margin and models of a venue depend on the whole path: one executor alone says nothing about another.
            return Bounds(np.nan, profit, np.nan, 0, int(self.tape.world["bars_exposed"][0]))
        return self._endings.bounds(profit - float(self.executors["pnl"].sum()))

    def rewalk(self, finer: Any) -> Rewalk:
        """The same entries, walked on finer candles: what they made, beside the bounds.

        Only the path inside the bars is another one. The entries, their amounts, barriers and the signals that closed
        positions stay those of this run; `backtest(…, path=finer)` lets the strategy decide anew instead.

        Parameters
        ----------
        finer : Candles, or a dict or list of them
            Of the same instruments, such as 1m candles for a run on 1h ones that were resampled from them.

        Raises
        ------
        ConfigError
            If the run has latency: it is counted in bars, and those are others here.
        DataError
            If the finer candles do not cover the run.
        """
        if self.given is not None:
            raise ConfigError(
                "A run with purses cannot be walked again on finer candles: its margin depends on the whole path. Use "
                "backtest(…, path=finer)."
            )
        profit = float(self.tape.equity[-1]) - self.settings.cash
        other = profit - float(self.executors["pnl"].sum())
        return rewalk(self._endings, self.tape, self.bars, self.finer or self.market, self.settings, finer, other)

    @cached_property
    def card(self) -> Card:
        """Fingerprints of data, code, parameters, seed and environment; `wb.rerun(card)` gives the same bits."""
        finer = None if self.finer is None else self.finer.candles
        return make_card(self.bot, self.candles, finer, self.settings, self.seed, self.tape, self.given, self.feeds)

    def summary(self) -> Summary:
        """The result in a page: a table in a notebook, text in a terminal."""
        from workbench.reports import summary

        return summary(self._material())

    def plot(self) -> Any:
        """Candles with trades, equity, drawdown and exposure; in a notebook it loads detail as you zoom."""
        from workbench.reports import plot

        return plot(self._material())

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML file and return its path."""
        from workbench.reports import report

        return report(self._material(), path)

    def to_vectorbt(self) -> vectorbt.Portfolio:
        """A vectorbt Portfolio with the same equity."""
        from workbench.reports import to_vectorbt

        candles = self.candles if self.finer is None else self.finer.candles
        return to_vectorbt(candles, self.fills, cash=self.settings.cash)

    def _material(self) -> Material:
        from workbench.reports import Material

        names = ", ".join(self.market.names)
        first = next(iter(self.candles.values()))
        return Material(
            title=f"{self.bot.name} on {names} {first.timeframe}".strip(), candles=self.candles, equity=self.equity,
            fills=self.fills, round_trips=self.round_trips, metrics=self.metrics,
            bounds=None if self.given else self.bounds,
            verdict=self.audit, refusals=self.refusals, card=self.card,
            parameters={**self.bot.parameters, **self.settings.facts()},
        )  # fmt: skip

    def __repr__(self) -> str:
        m = self.metrics
        return (
            f"Result of {self.bot!r}: net profit {m['net_profit']:,.2f} ({m['total_return']:.2%}), "
            f"{len(self._trips):,} round trips, max drawdown {m['max_drawdown']:.2%}. Call .summary(), "
            ".plot() or .report(path)."
        )

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()
